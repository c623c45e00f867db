// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Of docs/extensions.md: doesn't release what it found on one path.

#include "ext/guide/book.h"

ENTRY(u64, is_long, (u64 number)) {
    struct book *book = object_find(book, number);
    if (!book)
        return 0;
    if (book->pages > 500)
        return 1;
    object_put(book, book);
    return 0;
}
