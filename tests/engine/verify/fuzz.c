// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Random programs against the oracles.
//
//     verify-fuzz [--seed N] [--count N]
//
// With -DVERIFY_LIBFUZZER it is a libFuzzer target instead: the input is a string of choices, or,
// if it begins with 0xff, the program's own bytes.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/engine/verify/oracle.h"

#ifdef VERIFY_LIBFUZZER

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct generated_program program;
    static struct oracle_counts counts;
    struct choices choices = {.bytes = data, .size = size, .random = size};
    if (size && data[0] == 0xff) {
        memset(&program, 0, sizeof program);
        program.count =
            (uint32_t)((size - 1) / 8 < GENERATED_SLOTS ? (size - 1) / 8 : GENERATED_SLOTS);
        program.hook = (uint8_t)(ORACLE_SPAN + size % 3);
        memcpy(program.slots, data + 1, program.count * 8);
    } else
        generate_program(&program, &choices);
    if (!oracle_check(&program, size, &counts))
        abort();
    return 0;
}

#else

int main(int argc, char **argv) {
    uint64_t seed = 1, count = 1000;
    struct oracle_counts counts = {0};
    unsigned failed = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[i + 1], NULL, 0);
        else if (strcmp(argv[i], "--count") == 0)
            count = strtoull(argv[i + 1], NULL, 0);
    }
    for (uint64_t i = 0; i < count; i++) {
        static struct generated_program program;
        struct choices choices = {.random = (seed + i) * UINT64_C(0xd1342543de82ef95)};
        generate_program(&program, &choices);
        if (oracle_check(&program, seed + i, &counts))
            continue;
        printf("failed: verify-fuzz --seed %llu --count 1\n", (unsigned long long)(seed + i));
        if (++failed == 5)
            break;
    }
    printf("%llu programs, %llu accepted, %llu runs, %llu instructions, %llu beliefs checked\n",
           (unsigned long long)counts.programs, (unsigned long long)counts.accepted,
           (unsigned long long)counts.runs, (unsigned long long)counts.instructions,
           (unsigned long long)counts.beliefs);
    bool enough = counts.accepted * 2 > counts.programs || count < 100;
    if (!enough)
        printf("fewer than half of the programs were accepted\n"), failed++;
    printf("verify-fuzz: %llu passed, %u failed\n", (unsigned long long)counts.programs - failed,
           failed);
    return failed != 0;
}

#endif
