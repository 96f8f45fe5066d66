/* SPDX-License-Identifier: MIT */
/* ctl/lines.h — a heading and words behind it, divided by commas, in lines of some width: "12:
 * Effusion, Mass,", and "  Nodule" behind two blanks. Threads: one. Memory: none.
 */
#ifndef CTL_LINES_H
#define CTL_LINES_H

#include <stdbool.h>
#include <stddef.h>

struct lines {
    size_t width; /* longer lines go on in a next one; words of their own length do not */
    void (*line)(void *to, const char *text);
    void *to;
    /* ours, zeroed */
    char text[160]; /* what is longer is cut */
    size_t used;
    bool has_words;
};

/* Ends what was begun before. */
void lines_begin(struct lines *l, const char *heading);
void lines_add(struct lines *l, const char *words);

/* Gives the last line away. */
void lines_end(struct lines *l);

#endif
