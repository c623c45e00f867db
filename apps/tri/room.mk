# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# tri-top and tri-trace: $(BUILD)/user/bin/, which the launcher puts into the guest's /usr/local/bin, and, to start them without ExOS
# (--libos), $(BUILD)/user/boot/.

TRI_OBJ := $(addprefix $(BUILD)/user/,apps/tri/start.o apps/tri/tri.o libos/rt/calls.o base/string.o base/format.o)
TRI_BIN := $(BUILD)/user/bin/tri-top $(BUILD)/user/bin/tri-trace
ALL += $(TRI_BIN) $(BUILD)/user/boot/tri-top.elf

$(TRI_BIN): $(BUILD)/user/bin/tri-%: $(BUILD)/user/apps/tri/%.o $(TRI_OBJ) libos/mini/mini.ld
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(LD) -m elf_x86_64 -static -z max-page-size=4096 -z noexecstack -T libos/mini/mini.ld -o $@ $(filter %.o,$^)

$(BUILD)/user/boot/tri-top.elf: $(BUILD)/user/bin/tri-top
	$(Q)mkdir -p $(@D) && cp $< $@
