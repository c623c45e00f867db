// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Included before every ExOS source (libos/room.mk): all symbols are in one image, so they are
// reached relative to the instruction and never through a table of addresses, declarations
// included.

#ifndef EXOS_HIDDEN_H
#define EXOS_HIDDEN_H

#pragma GCC visibility push(hidden)

#endif
