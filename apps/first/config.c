// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// See config.h.

#include "apps/first/config.h"

#include "abi/layout.h"
#include "base/string.h"

// A word's part: up to a ':', ',', blank or the end.
static u64 part_length(const char *at) {
    u64 n = 0;
    while (at[n] && at[n] != ':' && at[n] != ',' && at[n] != ' ')
        n++;
    return n;
}

static int copy(char *to, u64 size, const char *from, u64 n) {
    if (!n || n >= size)
        return 0;
    memcpy(to, from, n);
    to[n] = 0;
    return 1;
}

// Digits, and perhaps a letter; 0 if it is nothing of the kind, or too large.
static u64 number(const char *at, u64 n, int scaled) {
    u64 value = 0, i = 0;
    for (; i < n && at[i] >= '0' && at[i] <= '9'; i++) {
        value = value * 10 + (u64)(at[i] - '0');
        if (value > 1ul << 40)
            return 0;
    }
    if (!i || i + 1 < n || (i < n && !scaled))
        return 0;
    u64 shift = i == n ? 0 : at[i] == 'K' ? 10 : at[i] == 'M' ? 20 : at[i] == 'G' ? 30 : 64;
    return shift < 64 ? value << shift : 0;
}

static const char *option(struct config_libos *libos, const char *at, u64 n) {
    if (n > 4 && !memcmp(at, "mem=", 4)) {
        libos->frames = number(at + 4, n - 4, 1) >> ABI_PAGE_SHIFT;
        return libos->frames ? 0 : "mem= wants a size such as 64M";
    }
    if (n > 7 && !memcmp(at, "slices=", 7)) {
        u64 slices = number(at + 7, n - 7, 0);
        libos->slices = (u32)slices;
        return slices && slices < 1u << 16 ? 0 : "slices= wants a number";
    }
    if (n > 4 && !memcmp(at, "run=", 4))
        return copy(libos->run, sizeof libos->run, at + 4, n - 4) ? 0 : "run= is too long";
    return "an option is not mem=, slices= or run=";
}

static const char *list_parse(const char *at, struct config *config) {
    for (;;) {
        u64 n = part_length(at);
        if (config->count == CONFIG_LIBOSES)
            return "it names more than eight";
        struct config_libos *libos = &config->libos[config->count++];
        if (!copy(libos->name, sizeof libos->name, at, n))
            return "a name is missing, or too long";
        for (at += n; *at == ':'; at += n) {
            n = part_length(++at);
            const char *wrong = option(libos, at, n);
            if (wrong)
                return wrong;
        }
        if (*at != ',')
            return 0;
        at++;
    }
}

const char *config_parse(const char *line, struct config *config) {
    const char *list = "exos";
    memset(config, 0, sizeof *config);
    for (const char *p = line; *p; p++)
        if ((p == line || p[-1] == ' ') && !strncmp(p, "libos=", 6))
            list = p + 6;
    return list_parse(list, config);
}

const char *config_divide(struct config *config, u64 frames, u32 slices) {
    u32 without = 0;
    for (u32 i = 0; i < config->count; i++) {
        const struct config_libos *libos = &config->libos[i];
        if (libos->frames > frames || libos->slices > slices)
            return libos->frames > frames ? "there is not so much memory"
                                          : "there are not so many positions";
        frames -= libos->frames;
        slices -= libos->slices;
        without += !libos->slices;
    }
    if (without && slices < without)
        return "no positions are left for some";
    for (u32 i = config->count; i-- > 0;) {
        struct config_libos *libos = &config->libos[i];
        if (!libos->frames) {
            libos->frames = i ? frames / 8 : frames;
            frames -= libos->frames;
        }
        if (!libos->slices)
            libos->slices = slices / without;
        if (!libos->frames)
            return "no memory is left for some";
    }
    return 0;
}
