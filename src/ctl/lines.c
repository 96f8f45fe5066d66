/* SPDX-License-Identifier: MIT */
/* Lines as they are filled. What stands in them is the caller's. */
#include "ctl/lines.h"

#include <stdio.h>
#include <string.h>

static void put(struct lines *l, const char *words)
{
    size_t room = sizeof l->text - l->used;
    int n = snprintf(l->text + l->used, room, "%s", words);
    l->used += (size_t)n < room ? (size_t)n : room - 1;
}

void lines_end(struct lines *l)
{
    if (l->used)
        l->line(l->to, l->text);
    l->used = 0;
}

void lines_begin(struct lines *l, const char *heading)
{
    lines_end(l);
    put(l, heading);
    l->has_words = false;
}

void lines_add(struct lines *l, const char *words)
{
    if (l->has_words && l->used + 2 + strlen(words) > l->width) {
        put(l, ",");
        lines_end(l);
        put(l, "  ");
    } else if (l->has_words) {
        put(l, ", ");
    }
    put(l, words);
    l->has_words = true;
}
