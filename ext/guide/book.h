// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Of docs/extensions.md: an object that two extensions share.

#ifndef EXT_GUIDE_BOOK_H
#define EXT_GUIDE_BOOK_H

#include "abi/ext/object.h"

struct book {
    struct object object;
    u64 number, pages, readers;
};
OBJECT(book)

#endif
