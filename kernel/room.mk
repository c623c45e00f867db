# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# The kernel: every source in the folders below, and base. It is linked twice: the first link tells the addresses of its
# functions, the second contains them as a table, for backtraces.

KERNEL_DIRS := kernel/sal kernel/sal/x86_64 kernel/dev kernel/aegis kernel/aegis/x86_64 kernel/spin kernel/spin/dispatch kernel/spin/service
KERNEL_SRC  := $(filter-out %/offsets.c,$(wildcard $(addsuffix /*.c,$(KERNEL_DIRS)) $(addsuffix /*.S,$(KERNEL_DIRS)))) $(BASE_SRC) $(ENGINE_KERNEL_SRC)
KERNEL_OBJ  := $(addprefix $(BUILD)/kernel/,$(addsuffix .o,$(basename $(KERNEL_SRC))))
KERNEL_ELF  := $(BUILD)/kernel/tricolor.elf

ALL += $(KERNEL_ELF)

# Debug builds (DEBUG=1, into a BUILD of their own) check lock holders and order.
KERNEL_CFLAGS += -DKERNEL_DEBUG=$(if $(DEBUG),1,0)

# clang inlines across files when it links (gcc's objects could not be linked by lld then).
ifneq ($(COMPILER),gcc)
$(filter $(BUILD)/kernel/kernel/%,$(KERNEL_OBJ)): EXTRA_CFLAGS += $(if $(DEBUG),,-flto)
endif

# Small code for what is done once or seldom: start, and whatever happens when an extension is loaded or removed. The engine's own
# flags say the same (engine/room.mk), and it is not inlined into.
KERNEL_SELDOM := account console elf inside large pin start
KERNEL_OFTEN := $(BUILD)/kernel/kernel/spin/strand.o $(BUILD)/kernel/kernel/spin/service/strand.o \
                  $(BUILD)/kernel/kernel/spin/service/protect.o
$(filter-out $(KERNEL_OFTEN),$(filter $(BUILD)/kernel/kernel/sal/% $(BUILD)/kernel/kernel/spin/%,$(KERNEL_OBJ))): EXTRA_CFLAGS += -Oz
$(KERNEL_SELDOM:%=$(BUILD)/kernel/kernel/aegis/%.o): EXTRA_CFLAGS += -Oz

# Offsets of structure members for assembly: an offsets.c is compiled to text, in which DEFINE() left lines "->NAME value".
KERNEL_OFFSETS := $(addprefix $(BUILD)/gen/gen/,kernel_offsets.h aegis_offsets.h spin_offsets.h)
GEN += $(KERNEL_OFFSETS)
$(BUILD)/gen/gen/kernel_offsets.h: kernel/sal/x86_64/offsets.c
$(BUILD)/gen/gen/aegis_offsets.h: kernel/aegis/x86_64/offsets.c
$(BUILD)/gen/gen/spin_offsets.h: kernel/spin/offsets.c
$(KERNEL_OFFSETS): | $(BUILD)/gen/gen/syscalls.h $(BUILD)/gen/gen/tables.h
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D) $(BUILD)/kernel && $(CC) $(KERNEL_CFLAGS) -MMD -MP -MF $(BUILD)/kernel/$(@F).d -MT $@ \
	  -S -o $(BUILD)/kernel/$(@F).s $<
	$(Q){ echo '// Generated from $<.'; sed -n 's/^.*"->\([A-Z0-9_]* -\{0,1\}[0-9]*\)".*$$/#define \1/p' $(BUILD)/kernel/$(@F).s; } >$@

# kernel_link RESULT OBJECTS: links RESULT.1, makes the symbol table of it, links RESULT.
KERNEL_LDFLAGS := -m elf_x86_64 -static -z noexecstack -z max-page-size=4096 --no-dynamic-linker --fatal-warnings -T kernel/kernel.ld
define kernel_link
	$(Q)$(LD) $(KERNEL_LDFLAGS) -o $(1).1 $(2)
	$(Q)$(NM) --defined-only $(1).1 | $(PYTHON) kernel/sal/symbols.py >$(1).ksyms.S
	$(Q)$(CC) $(KERNEL_CFLAGS) -c -o $(1).ksyms.o $(1).ksyms.S
	$(Q)$(LD) $(KERNEL_LDFLAGS) -o $(1) $(2) $(1).ksyms.o
endef

$(KERNEL_ELF): $(KERNEL_OBJ) kernel/kernel.ld kernel/sal/symbols.py
	$(call say,LD,$@)
	$(call kernel_link,$@,$(KERNEL_OBJ))

include tests/kernel/kernel.mk
