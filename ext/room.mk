# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# Shipped extensions: $(BUILD)/bpf/ext/NAME.o

EXT_OBJECTS := $(patsubst %.c,$(BUILD)/bpf/%.o,$(wildcard ext/*.c ext/*/*.c))
ALL += $(EXT_OBJECTS)
