// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Of docs/extensions.md: finds an object of another extension, and keeps a reference to it.

#include "ext/guide/book.h"

ENTRY(u64, borrow, (u64 number)) {
    struct book *book = object_find(book, number);
    if (!book)
        return 0;
    u64 pages = book->pages;
    book->readers++;
    book = object_swap(book, 0, book);
    if (book)
        object_put(book, book);
    return pages;
}

ENTRY(u64, pages, (void)) {
    const struct book *book = object_read(book, 0);
    return book ? book->pages : 0;
}

ENTRY(u64, give_back, (void)) {
    struct book *book = object_swap(book, 0, 0);
    if (!book)
        return 0;
    object_put(book, book);
    return 1;
}
