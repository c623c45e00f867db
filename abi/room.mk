# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# What is generated from the contract's definition files.

ABI_GENERATED := $(BUILD)/gen/gen/syscalls.h $(BUILD)/gen/gen/syscalls_kernel.h $(BUILD)/gen/gen/syscalls_user.h \
                 $(BUILD)/gen/gen/syscalls_batch.h $(BUILD)/gen/gen/syscalls_asm.h \
                 $(BUILD)/gen/gen/syscalls_errors.h
GEN += $(ABI_GENERATED) $(BUILD)/gen/gen/tables.h
ALL += docs/syscalls.md docs/tables.md

ABI_KIND_syscalls.h        := numbers
ABI_KIND_syscalls_asm.h    := assembly
ABI_KIND_syscalls_errors.h := errors
ABI_KIND_syscalls_kernel.h := kernel
ABI_KIND_syscalls_user.h   := user
ABI_KIND_syscalls_batch.h  := batch

$(ABI_GENERATED): abi/syscalls.def abi/errors.def tools/gen/syscalls.py
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D) && $(PYTHON) tools/gen/syscalls.py abi/syscalls.def $(ABI_KIND_$(@F)) $@

docs/syscalls.md: abi/syscalls.def abi/errors.def tools/gen/syscalls.py
	$(call say,GEN,$@)
	$(Q)$(PYTHON) tools/gen/syscalls.py abi/syscalls.def page $@

$(BUILD)/gen/gen/tables.h: abi/tables.def tools/gen/tables.py
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D) && $(PYTHON) tools/gen/tables.py abi/tables.def structures $@

docs/tables.md: abi/tables.def abi/trace.def tools/gen/tables.py
	$(call say,GEN,$@)
	$(Q)$(PYTHON) tools/gen/tables.py abi/tables.def page $@
