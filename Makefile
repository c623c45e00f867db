# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# Tricolor's build. Everything is driven from here: `make help` lists the goals.
#
# Each room has a room.mk that adds rules and appends to the lists below; this file owns the compilers, the flags, the rules that
# turn a source into an object, and the goals that a person types. All outputs go to $(BUILD).
#
#   ALL          what plain `make` builds
#   GEN          generated headers; every object waits for them (order only)
#   HOST_TESTS   phony targets, run by `make test` on the host; each ends with the line "NAME: N passed, M failed"
#   GUEST_TESTS  the same, for those that boot a virtual machine
#   BENCHES      phony targets, run by `make bench`
#   LINTS        phony targets, run by `make lint`
#
# Objects: $(BUILD)/kernel/P.o, $(BUILD)/user/P.o, $(BUILD)/host/P.o and $(BUILD)/san/P.o (host, ASan and UBSan) are compiled from
# P.c with KERNEL_CFLAGS, USER_CFLAGS, HOST_CFLAGS and SAN_CFLAGS (kernel and user also from P.S). One source may become all four.
# Extra flags for one object: `$(BUILD)/kernel/engine/x.o: EXTRA_CFLAGS += -DX`.

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-builtin-variables

COMPILER ?= clang
BUILD    ?= $(if $(filter gcc,$(COMPILER)),build-gcc,build)
export TRICOLOR_BUILD := $(BUILD)

# --- packages -----------------------------------------------------------------------------------------------------------------
# Before anything is parsed that could need them: what the goals at hand need, and nothing when it is all there.
GOALS := $(or $(MAKECMDGOALS),all)
DEPS  := $(if $(filter-out clean help,$(GOALS)),build) \
         $(if $(filter run debug test bench profile,$(GOALS)),run) \
         $(if $(filter debug,$(GOALS)),debug) \
         $(if $(filter test% lint% fmt bench% fuzz%,$(GOALS)),test)
ifeq ($(MAKELEVEL),0)
ifneq ($(strip $(DEPS)),)
DEPS_OUTPUT := $(shell tools/deps $(DEPS) 1>&2 </dev/null)
ifneq ($(.SHELLSTATUS),0)
$(error needed packages are missing, see above)
endif
endif
endif

# --- tools --------------------------------------------------------------------------------------------------------------------
ifeq ($(COMPILER),gcc)
CC     := gcc
HOSTCC := gcc
else
CC     := clang
HOSTCC := clang
endif
CLANG        := clang
LD           := ld.lld
AR           := llvm-ar
OBJCOPY      := llvm-objcopy
NM           := llvm-nm
CLANG_FORMAT := clang-format
PYTHON       := python3
export PYTHONDONTWRITEBYTECODE := 1

# --- flags --------------------------------------------------------------------------------------------------------------------
WARNINGS := -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes -Wvla -Wundef -Wshadow -Werror=implicit
ifneq ($(COMPILER),gcc)
WARNINGS += -Wthread-safety
endif
CFLAGS_COMMON := -std=gnu11 -g -O2 $(WARNINGS) -fno-strict-aliasing -ffile-prefix-map=$(CURDIR)=. -I. -I$(BUILD)/gen

FREESTANDING_CFLAGS := -ffreestanding -fno-stack-protector -fno-common -fno-pic -fno-pie -fcf-protection=none \
                       -fno-asynchronous-unwind-tables
ifeq ($(COMPILER),gcc)
FREESTANDING_CFLAGS += -mpopcnt # or it calls a library; x86-64-v2 has the instruction
endif
KERNEL_CFLAGS := $(CFLAGS_COMMON) $(FREESTANDING_CFLAGS) -DTRICOLOR_KERNEL=1 -mno-red-zone -mgeneral-regs-only \
                 -mcmodel=kernel -fno-omit-frame-pointer -fno-delete-null-pointer-checks
USER_CFLAGS   := $(CFLAGS_COMMON) $(FREESTANDING_CFLAGS) -DTRICOLOR_USER=1
HOST_CFLAGS   := $(CFLAGS_COMMON) -D_GNU_SOURCE -DTRICOLOR_HOST=1
SAN_FLAGS     := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
SAN_CFLAGS    := $(HOST_CFLAGS) $(SAN_FLAGS)

# --- how rules speak ----------------------------------------------------------------------------------------------------------
# A recipe is `$(call say,CC,$<)` and then `$(Q)command`; V=1 shows the commands.
Q   := $(if $(V),,@)
say  = @$(if $(V),:,printf '  %-7s %s\n' '$(1)' '$(2)')

# --- objects ------------------------------------------------------------------------------------------------------------------
compile = $(Q)mkdir -p $(@D) && $(1) -MMD -MP $(EXTRA_CFLAGS) -c $< -o $@

$(BUILD)/kernel/%.o: %.c $(BUILD)/flags | gen
	$(call say,CC,$<)
	$(call compile,$(CC) $(KERNEL_CFLAGS))
$(BUILD)/kernel/%.o: %.S $(BUILD)/flags | gen
	$(call say,AS,$<)
	$(call compile,$(CC) $(KERNEL_CFLAGS))
$(BUILD)/user/%.o: %.c $(BUILD)/flags | gen
	$(call say,UCC,$<)
	$(call compile,$(CC) $(USER_CFLAGS))
$(BUILD)/user/%.o: %.S $(BUILD)/flags | gen
	$(call say,UAS,$<)
	$(call compile,$(CC) $(USER_CFLAGS))
$(BUILD)/host/%.o: %.c $(BUILD)/flags | gen
	$(call say,HOSTCC,$<)
	$(call compile,$(HOSTCC) $(HOST_CFLAGS))
$(BUILD)/san/%.o: %.c $(BUILD)/flags | gen
	$(call say,SANCC,$<)
	$(call compile,$(CLANG) $(SAN_CFLAGS))

# --- rooms --------------------------------------------------------------------------------------------------------------------
ALL         :=
GEN         :=
HOST_TESTS  :=
GUEST_TESTS :=
BENCHES     :=
LINTS       :=

include $(sort $(wildcard $(addsuffix /room.mk,abi base engine kernel libos ext apps tools tests bench docs)))

# Other flags make other objects: this file changes when they do, and every object depends on it.
FLAGS_NOW := $(strip $(CC) + $(KERNEL_CFLAGS) + $(USER_CFLAGS) + $(HOSTCC) + $(HOST_CFLAGS) + $(SAN_CFLAGS))
ifneq ($(filter-out clean help,$(GOALS)),)
ifneq ($(file <$(BUILD)/flags),$(FLAGS_NOW))
$(shell mkdir -p $(BUILD))
$(file >$(BUILD)/flags,$(FLAGS_NOW))
endif
endif

# --- goals --------------------------------------------------------------------------------------------------------------------
.PHONY: all gen run test test-host test-guest bench lint fmt debug clean help $(HOST_TESTS) $(GUEST_TESTS) $(BENCHES) $(LINTS)

all: $(ALL)

gen: $(GEN)

run: all
	@./tricolor run $(ARGS)

debug: all
	@./tricolor debug $(ARGS)

test: all
	+@$(PYTHON) tools/runtests.py --make '$(MAKE)' --logs $(BUILD)/testlogs $(HOST_TESTS) $(GUEST_TESTS)
test-host: all
	+@$(PYTHON) tools/runtests.py --make '$(MAKE)' --logs $(BUILD)/testlogs $(HOST_TESTS)
test-guest: all
	+@$(PYTHON) tools/runtests.py --make '$(MAKE)' --logs $(BUILD)/testlogs $(GUEST_TESTS)

# The engine's benchmarks run on the host; their rows come into the table with the others.
bench: all
	+@mkdir -p $(BUILD)/bench; $(if $(or $(if $(ROWS),,all),$(findstring jit,$(ROWS)),$(findstring verify,$(ROWS))),set -e; \
	  for b in $(BENCHES); do $(MAKE) --no-print-directory $$b >$(BUILD)/bench/$$b.log; done)
	+@$(MAKE) --no-print-directory bench-rows

lint: $(LINTS)

FMT_FILES = $(shell git ls-files --cached --others --exclude-standard -- '*.c' '*.h')
fmt:
	$(call say,FMT,$(words $(FMT_FILES)) files)
	$(Q)$(if $(FMT_FILES),$(CLANG_FORMAT) -i $(FMT_FILES),:)

clean:
	rm -rf $(BUILD)

help:
	@echo 'make            build everything into $(BUILD)/        (COMPILER=gcc: with gcc, into build-gcc/; V=1: show commands)'
	@echo 'make run        boot into a shell                      (ARGS="--smp 4 -- ls /": options of ./tricolor run)'
	@echo 'make test       all tests; test-host, test-guest: one kind'
	@echo 'make bench      the benchmarks beside Linux, as a table and $(BUILD)/bench.json   (ROWS=prot*,fork_exit: only these)'
	@echo 'make profile    where the instructions of a row go     (ROW=prot1)'
	@echo 'make debug      boot, stopped, with gdb attached'
	@echo 'make lint       include edges, headers, formatting;  make fmt: let the formatter fix its part'
	@echo 'make clean      remove $(BUILD)/'

-include $(shell [ -d $(BUILD) ] && find $(BUILD) -name '*.d' -type f)
