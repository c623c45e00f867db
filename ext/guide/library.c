// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Of docs/extensions.md: makes objects, keeps each in a root, and names it.

#include "ext/guide/book.h"

static u64 burnt;

ENTRY(u64, write, (u64 number, u64 pages)) {
    struct book *book = object_new(book);
    if (!book)
        return (u64)object_error();
    book->number = number;
    book->pages = pages;
    i64 error = object_name(book, book, number, 0);
    book = object_swap(book, number % OBJECT_ROOTS, book); // now it is the root's
    if (book)
        object_put(book, book); // what was there before
    return (u64)error;
}

ENTRY(u64, readers, (u64 number)) {
    const struct book *book = object_read(book, number % OBJECT_ROOTS); // lent
    return book ? book->readers : 0;
}

ENTRY(u64, burn, (u64 number)) {
    struct book *book = object_swap(book, number % OBJECT_ROOTS, 0);
    if (!book)
        return 0;
    object_put(book, book);
    return 1;
}

DESTROY(book, book_burns, (struct book * book)) {
    burnt += book->number != 0;
}

ENTRY(u64, ashes, (void)) {
    return burnt;
}
