/* SPDX-License-Identifier: MIT */
/* IDX pairs, whatever they are packed in: MNIST's files and those named after them, EMNIST's six
 * sets, QMNIST's table of labels. Which file has images and which labels its dimensions say; which
 * split it is, its name. */
#include "import/reader.h"

#include "base/bytes.h"
#include "dataset/cache_format.h"
#include "dataset/idx.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 1 << 20, QMNIST_COLUMNS = 8, QMNIST_CUT = 10000 };

struct idx_import {
    struct import_input *in;
    struct import_set *set;
    const struct import_options *o;
    uint8_t *chunk; /* [CHUNK_BYTES] at least */
    size_t chunk_bytes;
    uint8_t *turned; /* as large: images of EMNIST, upright */
    bool cut;        /* the split is QMNIST's test: its two parts are splits, too */
    int parts[2];
};

static bool recognise(const struct import_head *head, const struct import_options *o)
{
    struct idx_header h;
    return head->count > IDX_PREFIX_BYTES && head->bytes[0] == 0 && head->bytes[1] == 0 &&
           idx_parse(head->bytes, head->count, &h, NULL) == 0;
}

/* ---- EMNIST: six sets in one archive -------------------------------------------------------- */

static const char *const emnist_sets[] = {"byclass", "bymerge", "balanced",
                                          "letters", "digits",  "mnist"};

/* Of "emnist-balanced-train-images-idx3-ubyte.gz", "balanced"; else NULL. */
static const char *emnist_set(const struct import_member *m)
{
    const char *base = import_base_name(m);
    if (strncmp(base, "emnist-", 7) != 0)
        return NULL;
    for (size_t i = 0; i < sizeof emnist_sets / sizeof *emnist_sets; i++) {
        size_t n = strlen(emnist_sets[i]);
        if (!strncmp(base + 7, emnist_sets[i], n) && base[7 + n] == '-')
            return emnist_sets[i];
    }
    return NULL;
}

/* Returns 1: the member is of the set that is wanted, or of none; 0: of another. */
static int wants(const struct idx_import *x, const struct import_member *m, const char **emnist,
                 struct err *e)
{
    const char *set = emnist_set(m);
    if (!set)
        return 1;
    const char *wanted = x->o->set ? x->o->set : *emnist;
    if (!wanted || !strcmp(wanted, set))
        *emnist = set;
    if (*emnist && !strcmp(*emnist, set))
        return 1;
    return x->o->set
               ? 0
               : err_set(e, -EINVAL,
                         "there are several sets here: say which one, --set byclass, bymerge, "
                         "balanced, letters, digits or mnist");
}

/* ---- one file ------------------------------------------------------------------------------- */

static int read_header(struct idx_import *x, struct idx_header *h, struct err *e)
{
    uint8_t bytes[IDX_HEADER_BYTES_MAX];
    size_t have = 0;
    *h = (struct idx_header){.header_bytes = IDX_PREFIX_BYTES};
    for (int rc = IDX_MORE; rc == IDX_MORE;) {
        rc = import_input_all(x->in, bytes + have, h->header_bytes - have, e);
        if (rc)
            return rc;
        have = h->header_bytes;
        rc = idx_parse(bytes, have, h, e);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* An image's rows become its columns. */
static void turn(const struct idx_header *h, const uint8_t *from, uint8_t *to, size_t count)
{
    uint32_t rows = h->dims[1], columns = h->dims[2], channels = h->dims[3];
    for (size_t i = 0; i < count; i++)
        for (uint32_t y = 0; y < rows; y++)
            for (uint32_t x = 0; x < columns; x++, from += channels)
                memcpy(to + ((i * columns + x) * (size_t)rows + y) * channels, from, channels);
}

static int grow(struct idx_import *x, size_t size, struct err *e)
{
    if (size <= x->chunk_bytes)
        return 0;
    free(x->chunk);
    free(x->turned);
    x->chunk = malloc(size);
    x->turned = malloc(size);
    x->chunk_bytes = x->chunk && x->turned ? size : 0;
    return x->chunk_bytes ? 0 : err_set(e, -ENOMEM, "out of memory");
}

/* ---- QMNIST's parts of its test split: the 10,000 that are MNIST's, and the 50,000 behind them
 * ---- */

static int begin_parts(struct idx_import *x, const struct import_member *m, int split,
                       uint32_t count, struct err *e)
{
    x->cut = !strncmp(import_base_name(m), "qmnist-", 7) && count > QMNIST_CUT &&
             !strcmp(import_set_split_name(x->set, split), "test");
    for (int i = 0; x->cut && i < 2; i++) {
        x->parts[i] = import_set_split(x->set, i ? "test50k" : "test10k", e);
        if (x->parts[i] < 0)
            return x->parts[i];
    }
    return 0;
}

/* How many of the `count` from number `at` on are of the first part. */
static size_t first_part(uint64_t at, size_t count)
{
    return at >= QMNIST_CUT ? 0 : QMNIST_CUT - at < count ? (size_t)(QMNIST_CUT - at) : count;
}

static int put_images(struct idx_import *x, int split, struct import_shape shape,
                      const uint8_t *pixels, uint64_t at, size_t count, struct err *e)
{
    size_t first = x->cut ? first_part(at, count) : 0;
    int rc = import_set_images(x->set, split, shape, pixels, count, e);
    if (!rc && first)
        rc = import_set_images(x->set, x->parts[0], shape, pixels, first, e);
    if (!rc && x->cut && count > first)
        rc = import_set_images(x->set, x->parts[1], shape,
                               pixels + first * shape.h * shape.w * shape.channels, count - first,
                               e);
    return rc;
}

static int put_labels(struct idx_import *x, int split, uint32_t columns, const int32_t *values,
                      uint64_t at, size_t count, struct err *e)
{
    size_t first = x->cut ? first_part(at, count) : 0;
    int rc = import_set_labels(x->set, split, columns, values, count, e);
    if (!rc && first)
        rc = import_set_labels(x->set, x->parts[0], columns, values, first, e);
    if (!rc && x->cut && count > first)
        rc = import_set_labels(x->set, x->parts[1], columns, values + first * columns,
                               count - first, e);
    return rc;
}

/* ---- images and labels ---------------------------------------------------------------------- */

static int read_images(struct idx_import *x, const struct idx_header *h, int split, bool transposed,
                       struct err *e)
{
    struct import_shape shape = {h->dims[1], h->dims[2], h->dims[3]};
    if (h->type != IDX_UINT8)
        return err_set(e, -EINVAL, "images of %s, want uint8", idx_type_name(h->type));
    if (shape.h > SPLIT_SIDE_MAX || shape.w > SPLIT_SIDE_MAX || shape.channels > SPLIT_CHANNELS)
        return err_set(e, -EINVAL,
                       "images of %u x %u with %u channels, want at most %u x %u with %u", shape.h,
                       shape.w, shape.channels, SPLIT_SIDE_MAX, SPLIT_SIDE_MAX, SPLIT_CHANNELS);
    if (import_set_image_count(x->set, split))
        return err_set(e, -EINVAL, "these are the split's images a second time");
    size_t bytes = (size_t)shape.h * shape.w * shape.channels;
    int rc = grow(x, bytes, e);
    size_t at_once = bytes ? x->chunk_bytes / bytes : 1;
    if (transposed)
        shape = (struct import_shape){shape.w, shape.h, shape.channels};
    for (uint64_t left = h->dims[0]; !rc && left;) {
        size_t n = left < at_once ? (size_t)left : at_once;
        ssize_t got = import_input_read(x->in, x->chunk, n * bytes, e);
        if (got < 0)
            return (int)got;
        if ((size_t)got < n * bytes)
            return import_input_short(x->in, h->header_bytes + h->data_bytes, e);
        if (transposed)
            turn(h, x->chunk, x->turned, n);
        rc =
            put_images(x, split, shape, transposed ? x->turned : x->chunk, h->dims[0] - left, n, e);
        left -= n;
    }
    return rc;
}

/* How many columns go out of a row: QMNIST's table has the class first, a table of bytes is labels
 * of several classes. */
static int label_columns(const struct idx_header *h, uint32_t *columns, uint32_t *out,
                         struct err *e)
{
    uint64_t row = h->data_bytes / h->item_bytes / h->dims[0];
    *columns = (uint32_t)row;
    *out = *columns;
    if (h->type != IDX_UINT8 && h->type != IDX_INT32)
        return err_set(e, -EINVAL, "labels of %s, want uint8 or int32", idx_type_name(h->type));
    if (row > IMPORT_COLUMNS_MAX)
        return err_set(e, -EINVAL, "labels of %llu numbers each, want 1 to %d",
                       (unsigned long long)row, IMPORT_COLUMNS_MAX);
    if (h->type == IDX_INT32 && *columns == QMNIST_COLUMNS)
        *out = 1;
    return 0;
}

static int read_labels(struct idx_import *x, const struct idx_header *h, int split, struct err *e)
{
    uint32_t columns, kept;
    int32_t values[1024];
    int rc = label_columns(h, &columns, &kept, e);
    if (rc)
        return rc;
    if (import_set_label_count(x->set, split))
        return err_set(e, -EINVAL, "these are the split's labels a second time");
    size_t row = (size_t)columns * h->item_bytes, used = 0;
    rc = grow(x, row, e);
    int32_t *big = kept > 1 ? malloc(kept * sizeof *big) : NULL;
    int32_t *out = kept > 1 ? big : values;
    size_t room = kept > 1 ? 1 : sizeof values / sizeof *values;
    if (!out)
        rc = err_set(e, -ENOMEM, "out of memory");
    for (uint64_t left = h->dims[0]; !rc && left; left--) {
        ssize_t got = import_input_read(x->in, x->chunk, row, e);
        if (got < 0)
            rc = (int)got;
        else if ((size_t)got < row)
            rc = import_input_short(x->in, h->header_bytes + h->data_bytes, e);
        for (uint32_t c = 0; !rc && c < kept; c++)
            out[used * kept + c] =
                h->item_bytes == 1 ? x->chunk[c] : (int32_t)get_be32(x->chunk + 4 * c);
        used++;
        if (!rc && (used == room || left == 1)) {
            rc = put_labels(x, split, kept, out, h->dims[0] - left + 1 - used, used, e);
            used = 0;
        }
    }
    free(big);
    return rc;
}

static int read_member(struct idx_import *x, const struct import_member *m, const char *name,
                       bool transposed, struct err *e)
{
    struct idx_header h;
    const uint8_t *rest;
    int rc = read_header(x, &h, e);
    if (rc)
        return rc;
    int split = import_set_split(x->set, name, e);
    if (split < 0)
        return split;
    rc = begin_parts(x, m, split, h.dims[0], e);
    if (rc)
        return rc;
    rc = h.dim_count >= 3 ? read_images(x, &h, split, transposed, e) : read_labels(x, &h, split, e);
    if (rc)
        return rc;
    ssize_t more = import_input_peek(x->in, &rest, e);
    if (more > 0)
        return err_set(e, -EINVAL, "it goes on behind byte %llu, where its header has it end",
                       (unsigned long long)import_input_offset(x->in));
    return more < 0 ? (int)more : 0;
}

/* By the first member, so that a name that is in vain is so at once; and again by those that tell
 * more. */
static int call(struct idx_import *x, const struct import_member *m, const char *emnist,
                struct err *e)
{
    char name[IMPORT_NAME_SIZE];
    if (emnist) {
        snprintf(name, sizeof name, "emnist-%s", emnist);
        return import_set_call(x->set, name, e);
    }
    if (!strncmp(import_base_name(m), "qmnist-", 7))
        return import_set_call(x->set, "qmnist", e);
    return import_set_name(x->set) ? 0 : import_call_by_source(x->set, x->in, e);
}

/* What it is says its name. */
static int read_known(struct idx_import *x, const struct import_member *m, const char **emnist,
                      struct err *e)
{
    int rc = wants(x, m, emnist, e);
    if (rc <= 0)
        return rc;
    rc = call(x, m, *emnist, e);
    return rc ? rc : read_member(x, m, import_split_name(m, x->o), emnist_set(m), e);
}

/* What it is says the dataset.yaml, and of that which is not named there nobody knows. */
static int read_described(struct idx_import *x, const struct import_member *m, struct err *e)
{
    struct described *d = x->o->described;
    const char *split = described_split(d, m);
    if (!split) {
        import_note(x->o, false, "%s: left out: the dataset.yaml does not name it",
                    import_input_where(x->in));
        return 0;
    }
    return read_member(x, m, split, d->transpose < 0 ? emnist_set(m) != NULL : d->transpose, e);
}

static int read_members(struct idx_import *x, struct err *e)
{
    struct import_member m;
    struct import_head head;
    const char *emnist = NULL;
    int rc;
    while ((rc = import_input_next(x->in, &m, e)) == 1) {
        head.member = m;
        ssize_t n = import_input_peek(x->in, &head.bytes, e);
        if (n < 0)
            return (int)n;
        head.count = (size_t)n;
        if (x->o->described && described_is_other(x->o->described, &m))
            return err_set(e, -EINVAL, "a second one: import one after the other");
        if (!recognise(&head, x->o))
            continue;
        rc = x->o->described ? read_described(x, &m, e) : read_known(x, &m, &emnist, e);
        if (rc)
            return rc;
    }
    if (!rc && x->o->described)
        return described_check(x->o->described, e);
    if (!rc && x->o->set && !emnist)
        return err_set(e, -EINVAL, "--set %s: no file of that set is there", x->o->set);
    return rc;
}

static int read_idx(struct import_input *in, struct import_set *set, const struct import_options *o,
                    struct err *e)
{
    struct idx_import x = {.in = in, .set = set, .o = o};
    int rc = grow(&x, CHUNK_BYTES, e);
    if (!rc)
        rc = read_members(&x, e);
    free(x.chunk);
    free(x.turned);
    return rc;
}

const struct import_reader import_reader_idx = {
    .word = "idx",
    .text = "IDX files, MNIST's format",
    .recognise = recognise,
    .read = read_idx,
    .takes = "--set",
    .is_described = true,
    .names = true,
};
