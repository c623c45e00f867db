# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# tri-ext, a static Linux program with native calls: $(BUILD)/guest/tri-ext, which the launcher puts into the guest's root.

TRI_EXT     := $(BUILD)/guest/tri-ext
TRI_EXT_OBJ := $(addprefix $(BUILD)/host/,$(patsubst %.c,%.o,$(wildcard apps/tri-ext/*.c engine/*.c engine/verify/*.c engine/jit/*.c) base/format.c)) \
               $(BUILD)/user/libos/rt/calls.o

ALL += $(TRI_EXT)

$(BUILD)/gen/gen/services.h: $(BUILD)/kernel/tricolor.elf tools/gen/services.py
	$(call say,GEN,$@)
	$(Q)$(PYTHON) tools/gen/services.py $< $(NM) $@
$(BUILD)/host/apps/tri-ext/explain.o: $(BUILD)/gen/gen/services.h

$(TRI_EXT): $(TRI_EXT_OBJ)
	$(call say,HOSTLD,$@)
	$(Q)mkdir -p $(@D) && $(HOSTCC) -static -s -o $@ $^
