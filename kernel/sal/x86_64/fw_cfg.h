// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// QEMU's configuration device, for a microvm that has no tables of processors at all.

#ifndef KERNEL_SAL_X86_64_FW_CFG_H
#define KERNEL_SAL_X86_64_FW_CFG_H

#include "kernel/sal/firmware.h"

// Adds the processors that QEMU tells of, and the I/O APIC at its customary place. Nothing, if this
// is not QEMU.
void fw_cfg_read(struct firmware_machine *machine);

#endif
