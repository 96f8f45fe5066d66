/* SPDX-License-Identifier: MIT */
/* The walk of every form: images in their order, with progress, until a signal ends it. */
#include "ctl/export.h"

#include "base/clock.h"
#include "ctl/ended.h"

struct walk {
    struct export *x;
    int (*take)(void *, const struct whole_step *, struct err *);
    void *me;
};

static int take_step(void *to, const struct whole_step *step, struct err *e)
{
    struct walk *w = to;
    int rc = ended_look(e);
    if (!rc)
        rc = w->take(w->me, step, e);
    w->x->done += step->count;
    progress_tell(&w->x->progress, w->x->done, clock_ns());
    return rc;
}

int export_walk(struct export *x, size_t split,
                int (*take)(void *me, const struct whole_step *step, struct err *e), void *me,
                struct err *e)
{
    struct walk w = {x, take, me};
    int rc = whole_walk(&x->whole, split, take_step, &w, e);
    return rc ? rc : ended_look(e);
}
