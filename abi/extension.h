// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Extensions, as programs see them: what ext_load and ext_call take. What extensions see is in
// abi/ext/.

#ifndef ABI_EXTENSION_H
#define ABI_EXTENSION_H

#include "abi/event.h"
#include "abi/ext/importer.h"
#include "abi/types.h"

#define EXT_NAME_BYTES   32         // of a domain, with its 0
#define EXT_OBJECT_BYTES (1u << 20) // of an object, at most
#define EXT_PER_ENV      64
#define EXT_FRAME_MAX    4096 // bytes of stack frames that a function may need, callees included
#define EXT_NATIVE_MAX   4096 // bytes of machine stack, the same
#define EXT_GUARD_MAX    256  // instructions of a guard that is more than comparisons
#define EXT_COST_MAX     8000 // instructions that a function may execute between two turns of loops

// The domain's name is made of letters, digits, '.', '-' and '_', or empty.
struct ext_load {
    u64 object; // an ELF object for BPF, with BTF
    u64 bytes;
    u64 flags; // EXT_*
    u64 link;  // address of struct ext_link, or 0
    char name[EXT_NAME_BYTES];
};
ABI_ASSERT_SIZE(struct ext_load, 64);

#define EXT_STAYS   1u // dies with the account and not with the env that loads it
#define EXT_PRIVATE 2u // what it exports is found by those only who name it as a source
#define EXT_PARTIAL 4u // imports that nobody offers answer 0, until ext_resolve
#define EXT_SEALED  8u // imports come from the sources only, services too

// How an extension is linked.
struct ext_link {
    ext_id replaces;   // live upgrade of this one, which keeps its id and name; or 0
    ext_id sources[7]; // domains whose exports go before what is public; 0: none
};
ABI_ASSERT_SIZE(struct ext_link, 64);

#define DOMAIN_KERNEL (~0ul) // the kernel's services
#define DOMAIN_PUBLIC (~1ul) // what all domains export that are not private

// A domain without code, made of what others export. It is an extension as far as names, tables,
// ends and ext_unload go.
struct domain_create {
    u64 flags;      // EXT_STAYS, EXT_PRIVATE
    u64 names;      // address of name_count hashes (ext_hash): only these exports
    u64 name_count; // 0: all
    u64 reserved;   // 0
    ext_id sources[8];
    char name[EXT_NAME_BYTES];
};
ABI_ASSERT_SIZE(struct domain_create, 128);

#define DOMAIN_NAMES 64 // of a domain that is made

// Why an extension was refused. The engine says it in words: run it over the object in user space
// (tri-ext explain).
struct ext_report {
    u32 code; // number of the reason, in the order of engine/refusals.def of this kernel
    u32 slot; // instruction; ~0: none
    u32 line; // of the source; 0: not known
    u32 column;
    i64 a, b;        // numbers that belong to the reason
    char name[64];   // symbol, section or field, or ""
    char file[96];   // source, or ""
    char words[160]; // what is missing, or ""
};
ABI_ASSERT_SIZE(struct ext_report, 352);

struct ext_call {
    u64 function; // ext_hash of its name
    u64 args[5];
    u64 result;
    u32 status; // enum engine_status, 0 if it returned
    u32 slot;   // where it ended, if it did not
};
ABI_ASSERT_SIZE(struct ext_call, 64);

// Functions are named by the FNV-1a hash of their names.
static inline u64 ext_hash(const char *name) {
    u64 hash = 0xcbf29ce484222325ul;
    for (; *name; name++)
        hash = (hash ^ (u8)*name) * 0x100000001b3ul;
    return hash;
}

// Why an extension is not callable any more.
enum ext_detached {
    EXT_NOT_DETACHED = 0,
    EXT_DETACHED_UNLOAD = 1,   // ext_unload
    EXT_DETACHED_OWNER = 2,    // its env or account died
    EXT_DETACHED_FAULT = 3,    // it was ended early: status, fault_slot, fault_line
    EXT_DETACHED_REPLACED = 4, // by an upgrade
};

enum ext_state {
    EXT_FREE = 0,
    EXT_LOADING = 1,
    EXT_LIVE = 2,
    EXT_DYING = 3, // detached; its memory is being given back
};

#endif
