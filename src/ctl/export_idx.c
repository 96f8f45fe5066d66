/* SPDX-License-Identifier: MIT */
/* IDX files and a dataset.yaml: what import writes, by the same code. */
#include "ctl/ended.h"
#include "ctl/export.h"

#include "dataset/known_classes.h"
#include "import/set.h"

#include <stdio.h>

#define RELABELLED "-relabelled"

enum { NAME_SIZE = sizeof((struct whole *)0)->name + sizeof RELABELLED };

struct idx_export {
    struct import_set *set;
    const struct whole_split *split;
    int number; /* of the split, in the set */
};

static int take(void *me, const struct whole_step *step, struct err *e)
{
    struct idx_export *x = me;
    const struct whole_split *s = x->split;
    const struct import_shape shape = {s->height, s->width, s->channels};
    int rc = import_set_images(x->set, x->number, shape, step->images, step->count, e);
    return rc ? rc
              : import_set_labels(x->set, x->number, s->label_columns ? s->label_columns : 1,
                                  step->labels, step->count, e);
}

static int write_set(struct export *x, struct import_set *set, struct err *e)
{
    int rc = 0;
    for (uint32_t c = 0; c < x->whole.class_count && !rc; c++)
        rc = import_set_class(set, c, x->whole.classes[c], e);
    for (size_t s = x->first; s < x->end && !rc; s++) {
        struct idx_export mine = {.set = set, .split = &x->whole.splits[s]};
        rc = mine.number = import_set_split(set, mine.split->name, e);
        rc = rc < 0 ? rc : export_walk(x, s, take, &mine, e);
    }
    return rc ? rc : import_set_commit(set, e);
}

/* A part that numbers its classes anew under a name by which classes are known would get theirs. */
static void name_of(const struct export *x, char name[NAME_SIZE])
{
    const struct whole *w = &x->whole;
    bool anew = false;
    for (size_t s = x->first; s < x->end; s++)
        anew |= !w->splits[s].named && w->splits[s].from >= 0 && w->splits[w->splits[s].from].named;
    snprintf(name, NAME_SIZE, "%s%s", w->name,
             anew && known_classes_find(w->name) ? RELABELLED : "");
}

static int write_idx(struct export *x, struct err *e)
{
    struct import_set *set = NULL;
    char name[NAME_SIZE];
    name_of(x, name);
    int rc = import_set_new(&set, x->path, name, e);
    if (!rc) {
        if (import_set_swept(set))
            fprintf(stderr, "fmnistctl: export: %s\n", import_set_swept(set));
        import_set_ask(set, ended_look);
        rc = write_set(x, set, e);
    }
    import_set_free(set);
    return rc;
}

const struct export_format export_idx = {.word = "idx", .has_rows = true, .write = write_idx};
