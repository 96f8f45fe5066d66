/* SPDX-License-Identifier: MIT */
/* CIFAR-10 and CIFAR-100, the binary version: five batches and one, or train.bin and test.bin. */
#include "import/array.h"
#include "import/cifar.h"
#include "import/parts.h"
#include "import/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORDS = 256 };

struct cifar_import {
    struct import_input *in;
    struct import_set *set;
    const struct import_options *o;
    unsigned labels;
    struct parts parts;
    uint8_t records[RECORDS * (2 + CIFAR_IMAGE_BYTES)];
    uint8_t pixels[RECORDS * CIFAR_IMAGE_BYTES];
    int32_t values[RECORDS];
};

static bool recognise(const struct import_head *head, const struct import_options *o)
{
    return cifar_labels(head->bytes, head->count, head->member.size) > 0;
}

static bool wants_coarse(const struct import_options *o)
{
    return o->labels_kind && !strcmp(o->labels_kind, "coarse");
}

/* "batches.meta.txt", "fine_label_names.txt": a class a line. */
static int read_names(struct cifar_import *x, struct err *e)
{
    char text[4096];
    ssize_t n = import_input_read(x->in, text, sizeof text - 1, e);
    if (n < 0)
        return (int)n;
    text[n] = 0;
    uint32_t class = 0;
    int rc = 0;
    char *state, *line = strtok_r(text, "\r\n", &state);
    for (; !rc && line; line = strtok_r(NULL, "\r\n", &state))
        rc = import_set_class(x->set, class ++, line, e);
    return rc;
}

static bool has_names(const struct cifar_import *x, const struct import_member *m)
{
    const char *base = import_base_name(m);
    return !import_set_has_classes(x->set) &&
           (!strcmp(base, "batches.meta.txt") ||
            !strcmp(base, wants_coarse(x->o) ? "coarse_label_names.txt" : "fine_label_names.txt"));
}

static int put_records(struct cifar_import *x, int split, size_t count, struct err *e)
{
    static const struct import_shape shape = {CIFAR_SIDE, CIFAR_SIDE, CIFAR_CHANNELS};
    size_t record = x->labels + CIFAR_IMAGE_BYTES;
    unsigned which = x->labels == 2 && !wants_coarse(x->o);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *r = x->records + i * record;
        uint8_t most = x->labels == 1 ? 9 : which ? 99 : 19;
        if (r[which] > most)
            return err_set(
                e, -EINVAL, "label %u at byte %llu, want 0 to %u", r[which],
                (unsigned long long)(import_input_offset(x->in) - (count - i) * record + which),
                most);
        x->values[i] = r[which];
        array_interleave(r + x->labels, x->pixels + i * CIFAR_IMAGE_BYTES, CIFAR_SIDE * CIFAR_SIDE,
                         CIFAR_CHANNELS);
    }
    int rc = import_set_images(x->set, split, shape, x->pixels, count, e);
    return rc ? rc : import_set_labels(x->set, split, 1, x->values, count, e);
}

static int read_batch(struct cifar_import *x, const struct import_member *m, struct err *e)
{
    size_t record = x->labels + CIFAR_IMAGE_BYTES;
    int split = import_set_split(x->set, import_split_name(m, x->o), e);
    for (;;) {
        ssize_t n = split < 0 ? split : import_input_read(x->in, x->records, RECORDS * record, e);
        if (n < 0)
            return (int)n;
        if (n == 0)
            return parts_add(&x->parts, x->set, split, import_base_name(m), e);
        if ((size_t)n % record)
            return import_input_short(x->in,
                                      import_input_offset(x->in) + record - (size_t)n % record, e);
        int rc = put_records(x, split, (size_t)n / record, e);
        if (rc)
            return rc;
    }
}

static int read_members(struct cifar_import *x, struct err *e)
{
    struct import_member m;
    const uint8_t *bytes;
    int rc;
    while ((rc = import_input_next(x->in, &m, e)) == 1) {
        ssize_t n = import_input_peek(x->in, &bytes, e);
        if (n < 0)
            return (int)n;
        unsigned labels = cifar_labels(bytes, (size_t)n, m.size);
        if (has_names(x, &m))
            rc = read_names(x, e);
        else if (!labels)
            continue;
        else if (x->labels && labels != x->labels)
            rc = err_set(e, -EINVAL, "CIFAR-10 and CIFAR-100 in one");
        else {
            x->labels = labels;
            rc = read_batch(x, &m, e);
        }
        if (rc)
            return rc;
    }
    return rc ? rc : parts_sort(&x->parts, x->set, e);
}

const char *import_cifar_name(bool hundred, const struct import_options *o)
{
    return !hundred ? "cifar-10" : wants_coarse(o) ? "cifar-100-coarse" : "cifar-100";
}

static int read_cifar(struct import_input *in, struct import_set *set,
                      const struct import_options *o, struct err *e)
{
    struct cifar_import *x = calloc(1, sizeof *x);
    if (!x)
        return err_set(e, -ENOMEM, "out of memory");
    x->in = in;
    x->set = set;
    x->o = o;
    int rc = read_members(x, e);
    if (!rc)
        rc = import_set_call(set, import_cifar_name(x->labels == 2, o), e);
    free(x);
    return rc;
}

const struct import_reader import_reader_cifar = {
    .word = "cifar",
    .text = "CIFAR-10 and CIFAR-100, binary version",
    .recognise = recognise,
    .read = read_cifar,
    .takes = "--labels-kind",
    .names = true,
};
