/* SPDX-License-Identifier: MIT */
/* ctl/export.h — a dataset in the forms that others read: how each of them is written.
 *
 * Every form is there whole in the end, or not at all. Threads: one. Memory: a step of images, and
 * where a form has labels behind images, these.
 */
#ifndef CTL_EXPORT_H
#define CTL_EXPORT_H

#include "ctl/progress.h"
#include "ctl/whole.h"

#include <stdbool.h>

struct export
{
    const struct invocation *in;
    struct whole whole;
    const char *path;  /* where it goes */
    size_t first, end; /* splits, of whole's */
    struct progress progress;
    uint64_t done; /* images */
};

struct export_format {
    const char *word;   /* "npz" */
    const char *ending; /* of a file's name that says it; NULL: it is a folder */
    bool one_split;     /* holds no more */
    bool has_rows;      /* labels of a multi-label set are fine */
    bool no_alpha;      /* images have 1 or 3 channels */
    int (*write)(struct export *x, struct err *e);
};

extern const struct export_format export_idx, export_npz, export_png, export_csv;

/* whole_walk, with progress, which a signal ends. */
int export_walk(struct export *x, size_t split,
                int (*take)(void *me, const struct whole_step *step, struct err *e), void *me,
                struct err *e);

static inline size_t export_image_bytes(const struct whole_split *s)
{
    return (size_t)s->height * s->width * s->channels;
}

#endif
