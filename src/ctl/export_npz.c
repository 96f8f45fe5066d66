/* SPDX-License-Identifier: MIT */
/* NumPy arrays by Keras' names: x_train and y_train, x_test and y_test, and so on. Images are
 * written as they come; labels, which are small, wait for the split's end. */
#include "ctl/export.h"
#include "ctl/npz.h"
#include "ctl/output.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct npz_export {
    struct npz *npz;
    const struct whole_split *split;
    int32_t *labels;         /* owned; [count] or [count][label_columns] */
    size_t columns, written; /* images */
    bool wide;               /* a label needs more than a byte */
};

static int take(void *me, const struct whole_step *step, struct err *e)
{
    struct npz_export *x = me;
    size_t n = step->count * x->columns;
    int32_t *to = x->labels + x->written * x->columns;
    memcpy(to, step->labels, n * sizeof *to);
    for (size_t i = 0; i < n; i++)
        x->wide |= to[i] < 0 || to[i] > UINT8_MAX;
    x->written += step->count;
    return npz_write(x->npz, step->images, step->count * export_image_bytes(x->split), e);
}

static int write_labels(struct npz_export *x, const char *name, struct err *e)
{
    const struct whole_split *s = x->split;
    const uint64_t shape[] = {s->count, s->label_columns};
    size_t n = s->count * x->columns;
    int rc = npz_begin(x->npz, name, x->wide ? "<i4" : "|u1", shape, s->label_columns ? 2 : 1,
                       x->wide ? 4 : 1, e);
    uint8_t *bytes = (uint8_t *)x->labels;
    for (size_t i = 0; i < n && !x->wide; i++)
        bytes[i] = (uint8_t)x->labels[i];
    return rc ? rc : npz_write(x->npz, bytes, n * (x->wide ? 4 : 1), e);
}

static int write_split(struct export *all, struct npz_export *x, size_t split, struct err *e)
{
    const struct whole_split *s = x->split = &all->whole.splits[split];
    const uint64_t shape[] = {s->count, s->height, s->width, s->channels};
    char name[80];
    uint64_t bytes;
    x->columns = s->label_columns ? s->label_columns : 1;
    x->labels = size_mul(s->count * x->columns, sizeof *x->labels, &bytes) ? malloc(bytes) : NULL;
    if (!x->labels)
        return err_set(e, -ENOMEM, "no memory for labels");
    snprintf(name, sizeof name, "x_%s", s->name);
    int rc = npz_begin(x->npz, name, "|u1", shape, s->channels > 1 ? 4 : 3, 1, e);
    if (!rc)
        rc = export_walk(all, split, take, x, e);
    name[0] = 'y';
    if (!rc)
        rc = write_labels(x, name, e);
    free(x->labels);
    return rc;
}

static int write_archive(struct export *x, int fd, struct err *e)
{
    struct npz *npz;
    struct err closing;
    int rc = npz_open(&npz, fd, e);
    if (rc)
        return rc;
    for (size_t s = x->first; s < x->end && !rc; s++) {
        struct npz_export mine = {.npz = npz};
        rc = write_split(x, &mine, s, e);
    }
    int closed = npz_close(npz, rc ? &closing : e);
    return rc ? rc : closed;
}

static int write_npz(struct export *x, struct err *e)
{
    struct output out = {.fd = -1};
    int rc = output_open(&out, x->path, e);
    if (!rc)
        rc = write_archive(x, out.fd, e);
    if (!rc)
        rc = output_commit(&out, e);
    output_discard(&out);
    return rc;
}

const struct export_format export_npz = {
    .word = "npz", .ending = ".npz", .has_rows = true, .write = write_npz};
