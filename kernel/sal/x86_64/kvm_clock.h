// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// KVM's clock: what the host knows of the time-stamp counter's rate, and of the time of day. Read
// once.

#ifndef KERNEL_SAL_X86_64_KVM_CLOCK_H
#define KERNEL_SAL_X86_64_KVM_CLOCK_H

#include "abi/types.h"

// Ticks per second of the time-stamp counter; 0 if this is not KVM.
u64 kvm_clock_tsc_hz(void);

// Nanoseconds since 1970 at a value of the time-stamp counter; 0 if this is not KVM.
u64 kvm_clock_wall_ns(u64 tsc);

#endif
