# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors

-include $(sort $(wildcard tests/engine/*/room.mk))
