// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A good executable, for badelf.py to spoil.

int main(void) {
    return 42;
}
