// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Error numbers (abi/errors.def). A call returns 0 or a positive value, or -E_x.

#ifndef ABI_ERRORS_H
#define ABI_ERRORS_H

enum abi_error {
    E_OK = 0,
#define ERROR(name, number, text) E_##name = number,
#include "abi/errors.def"
#undef ERROR
    E_COUNT
};

#endif
