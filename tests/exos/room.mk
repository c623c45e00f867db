# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# Tests of ExOS' file layer on the host: its sources as they are, over tests/exos/shim.c, under the sanitizers.

EXOS_TEST_FS := $(addprefix libos/exos/fs/,cpio.c dentry.c dev.c file.c fill.c lock.c map.c memfile.c memfs.c names.c \
                  open.c path.c pipe.c proc.c proc_pid.c proc_text.c root.c) \
                $(addprefix libos/exos/tty/,console_code.c ldisc.c tty.c tty_ioctl.c) \
                $(addprefix libos/exos/linux/,epoll.c eventfd.c file_fd.c file_lock.c file_path.c file_rw.c file_stat.c poll.c socketpair.c) \
                base/format.c tests/exos/shim.c
EXOS_TEST_FS_OBJ := $(addprefix $(BUILD)/san/,$(EXOS_TEST_FS:.c=.o))

EXOS_HOST_TESTS := ldisc cpio files
HOST_TESTS += $(addprefix test-exos-,$(EXOS_HOST_TESTS))

$(addprefix $(BUILD)/san/tests/exos/bin-,$(EXOS_HOST_TESTS)): $(BUILD)/san/tests/exos/bin-%: $(BUILD)/san/tests/exos/%.o $(EXOS_TEST_FS_OBJ)
	$(call say,SANLD,$@)
	$(Q)$(CLANG) $(SAN_FLAGS) -o $@ $^

$(addprefix test-exos-,$(EXOS_HOST_TESTS)): test-exos-%: $(BUILD)/san/tests/exos/bin-%
	@ASAN_OPTIONS=detect_leaks=1 $<

# libFuzzer over the archive reader: `make fuzz-cpio FUZZ_SECONDS=60`.
FUZZ_SECONDS ?= 20
.PHONY: fuzz-cpio
$(BUILD)/fuzz/cpio: tests/exos/fuzz_cpio.c libos/exos/fs/cpio.c
	$(call say,FUZZ,$@)
	$(Q)mkdir -p $(@D) && $(CLANG) $(SAN_CFLAGS) -fsanitize=fuzzer $^ -o $@
fuzz-cpio: $(BUILD)/fuzz/cpio
	@cd $(BUILD)/fuzz && ./cpio -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -verbosity=0 && echo "fuzz-cpio: 1 passed, 0 failed"

# Wrong calls in the guest, on 1, 2 and 4 CPUs, with a new seed each time (printed; WRONG_SEED repeats one).
GUEST_TESTS += test-exos-calls
WRONG_SEED ?= $(shell date +%s)
WRONG_CALLS ?= 15000
.PHONY: test-exos-calls
$(BUILD)/guest/wrong_calls: tests/exos/wrong_calls.c
	$(call say,GUESTCC,$@)
	$(Q)mkdir -p $(@D) && gcc -std=gnu11 -O1 -Wall -Wextra -D_GNU_SOURCE -static -o $@ $<
test-exos-calls: $(BUILD)/guest/wrong_calls all
	@bad=0; for cpus in 1 2 4; do for memory in "" memory; do \
	  line="--smp $$cpus --timeout 100 --add $< -- /wrong_calls $(WRONG_SEED) $(WRONG_CALLS) $$memory"; \
	  ./tricolor run $$line </dev/null || { bad=$$((bad + 1)); echo "repeat: ./tricolor run $$line"; }; \
	done; done; echo "exos-calls: $$((6 - bad)) passed, $$bad failed"; [ $$bad = 0 ]

# System calls that are patched into procedure calls, seen from a program, on 1, 2 and 4 CPUs.
GUEST_TESTS += test-exos-patched
.PHONY: test-exos-patched
$(BUILD)/guest/patched: tests/exos/patched.c
	$(call say,GUESTCC,$@)
	$(Q)mkdir -p $(@D) && gcc -std=gnu11 -O1 -Wall -Wextra -D_GNU_SOURCE -static -pthread -o $@ $<
test-exos-patched: $(BUILD)/guest/patched all
	@bad=0; for cpus in 1 2 4; do line="--smp $$cpus --timeout 100 --add $< -- /patched"; \
	  ./tricolor run $$line </dev/null || { bad=$$((bad + 1)); echo "repeat: ./tricolor run $$line"; }; \
	done; echo "exos-patched: $$((3 - bad)) passed, $$bad failed"; [ $$bad = 0 ]

# Signals, seen from a program, a storm of them included, on 1, 2 and 4 CPUs, and on processors without AVX and without XSAVE.
# `make test-exos-storm` repeats it.
GUEST_TESTS += test-exos-signals
.PHONY: test-exos-signals
$(BUILD)/guest/signals: tests/exos/signals.c
	$(call say,GUESTCC,$@)
	$(Q)mkdir -p $(@D) && gcc -std=gnu11 -O1 -Wall -Wextra -D_GNU_SOURCE -static -pthread -o $@ $<
test-exos-signals: $(BUILD)/guest/signals all
	@bad=0; for kind in '1' '2' '4' '1 --cpu max,-avx' '2 --cpu max,-xsave'; do \
	  line="--smp $$kind --timeout 60 --add $< -- /signals storm"; \
	  ./tricolor run $$line </dev/null || { bad=$$((bad + 1)); echo "repeat: ./tricolor run $$line"; }; \
	done; echo "exos-signals: $$((5 - bad)) passed, $$bad failed"; [ $$bad = 0 ]
.PHONY: test-exos-storm
test-exos-storm: $(BUILD)/guest/signals all
	@bad=0; for run in 1 2 3 4 5 6 7 8 9 10; do for cpus in 2 4; do line="--smp $$cpus --timeout 60 --add $< -- /signals storm"; \
	  ./tricolor run $$line </dev/null || { bad=$$((bad + 1)); echo "repeat: ./tricolor run $$line"; }; \
	done; done; echo "exos-storm: $$((20 - bad)) passed, $$bad failed"; [ $$bad = 0 ]

# Linux programs that extensions watch.
GUEST_TESTS += test-exos-watched
WATCHED_EXT := $(addprefix $(BUILD)/bpf/ext/,tracer.o inject.o sandbox.o pager.o)
.PHONY: test-exos-watched
$(BUILD)/guest/watched: tests/exos/watched.c $(BUILD)/gen/gen/syscalls_user.h $(BUILD)/gen/gen/tables.h | $(GEN)
	$(call say,GUESTCC,$@)
	$(Q)mkdir -p $(@D) && gcc -std=gnu11 -O1 -Wall -Wextra -D_GNU_SOURCE -DTRICOLOR_USER=1 -mfsgsbase -mno-red-zone -I. -I$(BUILD)/gen -static -o $@ tests/exos/watched.c
test-exos-watched: $(BUILD)/guest/watched all
	@bad=0; for cpus in 1 2; do line="--smp $$cpus --timeout 100 --add $< $(addprefix --add ,$(WATCHED_EXT)) -- /watched"; \
	  ./tricolor run $$line </dev/null || { bad=$$((bad + 1)); echo "repeat: ./tricolor run $$line"; }; \
	done; echo "exos-watched: $$((2 - bad)) passed, $$bad failed"; [ $$bad = 0 ]
# Memory that is asked back: what is clean goes, nobody is killed, and the programs find what they had written.
GUEST_TESTS += test-exos-clean
.PHONY: test-exos-clean
$(BUILD)/guest/clean: tests/exos/clean.c
	$(call say,GUESTCC,$@)
	$(Q)mkdir -p $(@D) && gcc -std=gnu11 -O1 -Wall -Wextra -D_GNU_SOURCE -static -o $@ $<
test-exos-clean: $(BUILD)/guest/clean all
	@bad=0; for cpus in 1 2 4; do line="--smp $$cpus --timeout 100 --kernel-arg squeeze=4000 --log $(BUILD)/guest/clean.log --add $< -- /clean"; \
	  ./tricolor run $$line </dev/null && grep -q ' 0 of them by force' $(BUILD)/guest/clean.log && \
	  ! grep -q 'killing process' $(BUILD)/guest/clean.log || { bad=$$((bad + 1)); echo "repeat: ./tricolor run $$line"; }; \
	done; echo "exos-clean: $$((3 - bad)) passed, $$bad failed"; [ $$bad = 0 ]
