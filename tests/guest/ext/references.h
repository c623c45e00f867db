// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What the test's extensions with references to kernel objects share.

#include "abi/ext/object.h"

#ifndef LENT_TO
extern u64 frame_lent(struct frame_ref *frame);
#endif
