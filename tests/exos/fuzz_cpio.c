// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// libFuzzer target: whatever the bytes are, entries stay inside the archive, and reading ends.

#include "libos/exos/fs/cpio.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static volatile u8 sink;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    // A copy of exactly that size: the sanitizer sees one byte too many.
    u8 *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    struct cpio archive = cpio_open(copy, size);
    struct cpio_entry e;
    u64 last = 0, entries = 0;
    while (cpio_next(&archive, &e) == CPIO_ENTRY) {
        if (archive.at <= last || archive.at > size || ++entries > size)
            abort();
        last = archive.at;
        for (u64 i = 0; i < e.name_length; i++)
            sink = (u8)e.name[i];
        for (u64 i = 0; i < e.size; i++)
            sink = e.data[i];
    }
    free(copy);
    return 0;
}
