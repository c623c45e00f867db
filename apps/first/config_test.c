// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The boot configuration (config.h), on the host: what is right, what is wrong, and
// random texts.

#include "apps/first/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int passed, failed;

static void check(int right, const char *what) {
    passed += right;
    failed += !right;
    if (!right)
        printf("config: %s\n", what);
}

static void refused(const char *line) {
    struct config config;
    check(config_parse(line, &config) != 0, line);
}

static void right(void) {
    struct config c;
    check(!config_parse("", &c) && c.count == 1 && !strcmp(c.libos[0].name, "exos"), "nothing");
    check(!config_parse("a=b -- libos=mini c=d", &c) && c.count == 1 &&
              !strcmp(c.libos[0].name, "mini"),
          "one");
    check(!config_parse("libos=exos:mem=64M:slices=4,exos:run=/bin/x:mem=2G,mini,mini:slices=1",
                        &c) &&
              c.count == 4 && c.libos[0].frames == 16384 && c.libos[0].slices == 4 &&
              !strcmp(c.libos[1].run, "/bin/x") && c.libos[1].frames == 524288 &&
              !c.libos[2].slices && c.libos[3].slices == 1,
          "four");
    check(!config_divide(&c, 1 << 20, 511) && c.libos[2].slices == 253 && c.libos[0].slices == 4 &&
              c.libos[1].slices == 253 && c.libos[3].frames == ((1 << 20) - 16384 - 524288) / 8 &&
              c.libos[0].frames == 16384,
          "divided");
    check(!config_parse("xlibos=bad libos=mini,exos", &c) && !config_divide(&c, 8000, 511) &&
              c.libos[1].frames == 1000 && c.libos[0].frames == 7000 && c.libos[0].slices == 255,
          "an eighth");
    check(!config_parse("libos=a:mem=100K,b", &c) && !!config_divide(&c, 24, 511), "no memory");
    check(!config_parse("libos=a:mem=100K,b:mem=64M", &c) && !!config_divide(&c, 1000, 511),
          "less memory");
    check(!config_parse("libos=a:slices=500,b:slices=12", &c) && !!config_divide(&c, 1000, 511),
          "less positions");
    check(!config_parse("libos=a:slices=511,b", &c) && !!config_divide(&c, 1000, 511),
          "no position");
}

// Whatever the text: it is refused, or the parts are no more than the whole.
static void random_texts(void) {
    static const char *const words[] = {
        "libos=", "exos", "mini", ":", ",", "mem=", "slices=", "run=", "18446744",          "0",
        "64",     "M",    "K",    "G", " ", "/x",   "aaaa",    "=",    "999999999999999999"};
    for (int round = 0; round < 200000; round++) {
        char line[256] = "libos=exos";
        struct config c;
        for (int n = rand() % 12; n > 0; n--)
            strcat(line, words[(unsigned)rand() % (sizeof words / sizeof *words)]);
        if (config_parse(line, &c) || config_divide(&c, 100000, 511))
            continue;
        u64 frames = 0, slices = 0, bad = !c.count || c.count > CONFIG_LIBOSES;
        for (u32 i = 0; i < c.count; i++) {
            frames += c.libos[i].frames;
            slices += c.libos[i].slices;
            bad |= !c.libos[i].frames || !c.libos[i].slices || !c.libos[i].name[0];
        }
        if (bad || frames > 100000 || slices > 511) {
            check(0, line);
            return;
        }
    }
    check(1, "random texts");
}

int main(void) {
    right();
    refused("libos=");
    refused("libos=,exos");
    refused("libos=exos,");
    refused("libos=exos,,mini");
    refused("libos=exos:");
    refused("libos=exos:mem");
    refused("libos=exos:mem=");
    refused("libos=exos:mem=0");
    refused("libos=exos:mem=12T");
    refused("libos=exos:mem=1MM");
    refused("libos=exos:mem=-1");
    refused("libos=exos:mem=1");
    refused("libos=exos:mem=99999999999999999999G");
    refused("libos=exos:slices=0");
    refused("libos=exos:slices=4K");
    refused("libos=exos:slices=70000");
    refused("libos=exos:colour=red");
    refused("libos=exos:run=");
    refused("libos=a,b,c,d,e,f,g,h,i");
    refused("libos=a-name-that-is-much-longer-than-any-name");
    random_texts();
    printf("config: %d passed, %d failed\n", passed, failed);
    return failed != 0;
}
