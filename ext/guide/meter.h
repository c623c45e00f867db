// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Of docs/extensions.md: what one version of the meter hands to the next.

#ifndef EXT_GUIDE_METER_H
#define EXT_GUIDE_METER_H

#include "abi/ext/extension.h"

struct meter_state {
    u64 pulses;
};

#endif
