/* SPDX-License-Identifier: MIT */
/* Sizes in words, both ways. */
#include "config/sizes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool size_parse(const char *text, uint64_t *bytes)
{
    static const struct {
        const char *name;
        uint64_t factor;
    } units[] = {{"", 1}, {"KiB", KIB}, {"MiB", MIB}, {"GiB", GIB}, {"TiB", TIB}};
    size_t digits = strspn(text, "0123456789");
    if (!digits || digits > 19)
        return false;
    uint64_t number = strtoull(text, NULL, 10);
    const char *unit = text + digits;
    unit += strspn(unit, " ");
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (!strcmp(unit, units[i].name))
            return !__builtin_mul_overflow(number, units[i].factor, bytes);
    return false;
}

const char *size_text(uint64_t bytes, const char *plain, char text[SIZE_TEXT_SIZE])
{
    const char *const names[] = {plain, "KiB", "MiB", "GiB", "TiB"};
    unsigned unit = 0;
    while (unit < 4 && bytes && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    snprintf(text, SIZE_TEXT_SIZE, "%llu%s", (unsigned long long)bytes, names[unit]);
    return text;
}
