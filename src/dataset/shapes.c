/* SPDX-License-Identifier: MIT */
/* Shapes of images and labels. A table of labels is never guessed at: its first column would be
 * served as the class, and nobody would be told. The entry says that it is rows. Does not read
 * files. */
#include "dataset/shapes.h"

#include "dataset/cache_format.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static int refuse(const struct shape_file *f, struct err *e, const char *what)
{
    const struct idx_header *h = f->header;
    char shape[64] = "";
    for (int i = 0, n = 0; i < h->dim_count; i++)
        n += snprintf(shape + n, sizeof shape - (size_t)n, "%s%" PRIu32, i ? "x" : "", h->dims[i]);
    return err_set(e, -EINVAL, "%s: %s of shape %s%s", f->path, idx_type_name(h->type), shape,
                   what);
}

static int take_images(const struct shape_file *f, struct err *e)
{
    const struct idx_header *h = f->header;
    if (h->dim_count == 1)
        return refuse(f, e,
                      ", which are labels, want uint8 images of shape count x height x width: name "
                      "the images file here");
    if (h->type != IDX_UINT8 || h->dim_count < 3 || h->dims[3] > SPLIT_CHANNELS)
        return refuse(f, e,
                      ", want uint8 images of shape count x height x width, or with 1 to 4 "
                      "channels behind");
    if (h->dims[0] > SPLIT_COUNT_MAX || h->dims[1] > SPLIT_SIDE_MAX || h->dims[2] > SPLIT_SIDE_MAX)
        return refuse(f, e, ", want at most 2^27 images of at most 4096 x 4096 pixels");
    return 0;
}

static int refuse_table(const struct shape_file *f, uint64_t columns, struct err *e)
{
    char what[320];
    snprintf(what, sizeof what,
             ", %" PRIu64 " numbers an image, want one label an image: of one-hot labels write "
             "the place of the 1 (in NumPy labels.argmax(1)), as uint8 of shape %" PRIu32 "%s%s",
             columns, f->header->dims[0],
             f->header->type == IDX_UINT8 && columns <= SPLIT_LABELS_MAX
                 ? "; where an image may have several classes, say multi_label: true"
                 : "",
             columns == 8 ? "; QMNIST's 8 columns are read under the name \"qmnist\" only" : "");
    return refuse(f, e, what);
}

static uint64_t columns_of(const struct idx_header *h)
{
    return h->data_bytes / h->item_bytes / h->dims[0];
}

/* Rows of bytes. A list is none: of its numbers nobody knows whether they are classes. */
static int take_rows(const struct shape_file *f, uint32_t *label_count, struct err *e)
{
    const struct idx_header *h = f->header;
    uint64_t columns = columns_of(h);
    if (h->type != IDX_UINT8 || h->dim_count < 2 || h->dims[1] != columns)
        return refuse(f, e,
                      ", want uint8 labels of shape count x classes, as multi_label: true says (in "
                      "NumPy labels.astype('uint8'))");
    if (columns > SPLIT_LABELS_MAX)
        return refuse(f, e, ", want at most 4096 labels an image");
    *label_count = (uint32_t)columns;
    return 0;
}

static int take_labels(const struct shape_file *f, uint32_t label_columns, struct err *e)
{
    const struct idx_header *h = f->header;
    uint64_t columns = columns_of(h);
    if (h->type == IDX_UINT8 && h->dim_count >= 3 && columns > 1)
        return refuse(f, e,
                      ", which are images, want uint8 or int32 labels of shape count: name the "
                      "labels file here");
    if (h->type != IDX_UINT8 && h->type != IDX_INT32)
        return refuse(f, e,
                      ", want uint8 or int32 labels of shape count (in NumPy "
                      "labels.astype('uint8'))");
    bool table =
        label_columns && h->type == IDX_INT32 && h->dim_count == 2 && h->dims[1] == label_columns;
    return columns == 1 || table ? 0 : refuse_table(f, columns, e);
}

int shapes_take(const struct shape_file files[SOURCE_FILES], struct shape_rules rules,
                struct dataset_split *s, struct err *e)
{
    const struct idx_header *images = files[SOURCE_IMAGES].header;
    const struct idx_header *labels = files[SOURCE_LABELS].header;
    uint32_t label_count = 0;
    int rc = take_images(&files[SOURCE_IMAGES], e);
    if (rc == 0 && rules.multi_label)
        rc = take_rows(&files[SOURCE_LABELS], &label_count, e);
    else if (rc == 0)
        rc = take_labels(&files[SOURCE_LABELS], rules.label_columns, e);
    if (rc < 0)
        return rc;
    if (labels->dims[0] != images->dims[0])
        return err_set(e, -EINVAL, "%s: %" PRIu32 " labels, but %s: %" PRIu32 " images",
                       files[SOURCE_LABELS].path, labels->dims[0], files[SOURCE_IMAGES].path,
                       images->dims[0]);
    s->count = images->dims[0];
    s->height = images->dims[rules.transpose ? 2 : 1];
    s->width = images->dims[rules.transpose ? 1 : 2];
    s->channels = images->dims[3];
    s->label_count = label_count;
    return 0;
}
