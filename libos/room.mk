# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# The runtime and the library OSes. A library OS NAME becomes $(BUILD)/user/boot/NAME.elf, which the launcher packs into
# the boot image. ExOS is linked at a high address, so its objects (base's and the runtime's too) are compiled apart:
# $(BUILD)/user/exos/P.o from P, position independent and without vector registers, which belong to the programs.

LIBOS_IMAGES := $(BUILD)/user/boot/exos.elf
ALL += $(LIBOS_IMAGES)

# Offsets for libos assembly, made like the kernel's.
USER_OFFSETS := $(BUILD)/gen/gen/user_offsets.h
GEN += $(USER_OFFSETS)
$(USER_OFFSETS): libos/exos/offsets.c | $(BUILD)/gen/gen/syscalls.h $(BUILD)/gen/gen/tables.h
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D) $(BUILD)/user && $(CC) $(USER_CFLAGS) -MMD -MP -MF $(BUILD)/user/offsets.d -MT $@ \
	  -S -o $(BUILD)/user/offsets.s $<
	$(Q){ echo '// Generated from $<.'; sed -n 's/^.*"->\([A-Za-z0-9_]* \)\$$*\(-\{0,1\}[0-9]*\)".*$$/#define \1\2/p' $(BUILD)/user/offsets.s; } >$@

EXOS_SRC := $(filter-out libos/exos/offsets.c,$(wildcard libos/exos/*.c libos/exos/*.S)) \
            $(wildcard libos/exos/fs/*.c libos/exos/tty/*.c libos/exos/linux/*.c) \
            libos/rt/batch.c libos/rt/calls.S $(BASE_SRC)
-include libos/exos/fs/room.mk
-include libos/exos/tty/room.mk
-include libos/mini/room.mk

EXOS_CFLAGS := -fpie -mgeneral-regs-only -mno-red-zone
EXOS_OBJ    := $(addprefix $(BUILD)/user/exos/,$(addsuffix .o,$(sort $(basename $(EXOS_SRC)))))

$(BUILD)/user/exos/%.o: %.c | gen
	$(call say,XCC,$<)
	$(call compile,$(CC) $(USER_CFLAGS) $(EXOS_CFLAGS) -include libos/exos/hidden.h)
$(BUILD)/user/exos/%.o: %.S | gen
	$(call say,XAS,$<)
	$(call compile,$(CC) $(USER_CFLAGS) $(EXOS_CFLAGS))

$(BUILD)/user/boot/exos.elf: $(EXOS_OBJ) libos/exos/exos.ld
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(LD) -m elf_x86_64 -static -z max-page-size=4096 -z noexecstack -T libos/exos/exos.ld \
	  -o $(@:.elf=.debug) $(EXOS_OBJ)
	$(Q)$(OBJCOPY) --strip-all $(@:.elf=.debug) $@

# Tests of ExOS' pure parts on the host, under the sanitizers.
EXOS_CORE_TESTS := areas elf patch_code
HOST_TESTS += $(addprefix test-exos-core-,$(EXOS_CORE_TESTS))
.PHONY: $(addprefix test-exos-core-,$(EXOS_CORE_TESTS))
$(addprefix $(BUILD)/san/tests/exos/bin-core-,$(EXOS_CORE_TESTS)): $(BUILD)/san/tests/exos/bin-core-%: \
  $(BUILD)/san/tests/exos/core_%.o $(BUILD)/san/libos/exos/%.o
	$(call say,SANLD,$@)
	$(Q)$(CLANG) $(SAN_FLAGS) -o $@ $^
$(addprefix test-exos-core-,$(EXOS_CORE_TESTS)): test-exos-core-%: $(BUILD)/san/tests/exos/bin-core-%
	@$<
