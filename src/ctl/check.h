/* SPDX-License-Identifier: MIT */
/* ctl/check.h — what `check` found in a dataset, and who tells it: as text, as JSON, as a picture.
 *
 * Threads: one. Memory: 40 bytes an image while it looks.
 */
#ifndef CTL_CHECK_H
#define CTL_CHECK_H

#include "ctl/tally.h"
#include "ctl/twins.h"
#include "ctl/whole.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#define CHECK_CONSTANTS 100  /* kept by number, of a split */
#define CHECK_GROUPS    1000 /* told in JSON */

struct check_split {
    struct tally tally;
    uint64_t constants;
    uint32_t constant[CHECK_CONSTANTS];
    uint64_t repeats;                   /* images that are before in the split */
    uint64_t also_in[WHOLE_SPLITS_MAX]; /* images of which that split has another one like it */
    uint64_t shared[WHOLE_SPLITS_MAX];  /* images that that part of the same split has, too */
};

struct check {
    struct whole whole;
    struct check_split *splits; /* owned; [whole.split_count] */
    struct twins twins;         /* sorted */
    uint64_t groups, conflicts; /* groups in all, and those with different labels */
};

/* Whether there is something to tell beside counts. */
static inline bool check_found(const struct check *c)
{
    uint64_t constants = 0;
    for (size_t s = 0; s < c->whole.split_count; s++)
        constants += c->splits[s].constants;
    return c->groups || constants;
}

static inline uint64_t check_constants_kept(const struct check_split *s)
{
    return s->constants < CHECK_CONSTANTS ? s->constants : CHECK_CONSTANTS;
}

/* As text, a line each. */
void check_print(const struct check *c, FILE *to);

/* One object; the man page has its fields. `file`: the picture's, or NULL. Owns: the caller. NULL
 * without memory. */
json_t *check_json(const struct check *c, const char *file);

/* A contact sheet of what was found: groups with different labels first, then those across splits,
 * within a split, and images of one level. Errors: as of whole_pick, sheet_init and output_open. */
int check_draw(struct check *c, const char *path, uint32_t columns, struct err *e);

#endif
