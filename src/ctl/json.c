/* SPDX-License-Identifier: MIT */
/* The only place that decides how JSON looks. */
#include "ctl/json.h"

static void print(FILE *to, json_t *all, size_t flags)
{
    if (!all)
        return;
    json_dumpf(all, to, JSON_COMPACT | flags);
    fputc('\n', to);
    json_decref(all);
}

void ctl_print_json(FILE *to, json_t *all)
{
    print(to, all, JSON_REAL_PRECISION(9));
}

void ctl_print_json_exact(FILE *to, json_t *all)
{
    print(to, all, 0);
}

json_t *ctl_json_text(const char *text)
{
    json_t *value = text ? json_string(text) : NULL;
    return value ? value : json_null();
}
