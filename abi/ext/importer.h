// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Who wants to link to what an extension exports: what its authoriser is asked about.

#ifndef ABI_EXT_IMPORTER_H
#define ABI_EXT_IMPORTER_H

#include "abi/types.h"

struct ext_importer {
    ext_id ext;
    account_id account; // that pays for it
    env_id env;         // that loaded it; 0: it belongs to the account
    u64 name;           // ext_hash of its domain's name
    u64 symbol;         // ext_hash of what it wants
    u64 how;            // EXT_LINK_*
};
ABI_ASSERT_SIZE(struct ext_importer, 48);

#define EXT_LINK_CALL   1u // to call it
#define EXT_LINK_HANDLE 2u // to handle it

#endif
