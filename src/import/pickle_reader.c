/* SPDX-License-Identifier: MIT */
/* CIFAR-10 and CIFAR-100, the Python version: pickles of a mapping with "data" and "labels", or
 * "fine_labels" and "coarse_labels"; and the names of the classes in one more. */
#include "import/array.h"
#include "import/parts.h"
#include "import/pickle.h"
#include "import/reader.h"

#include "base/io.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pickle_import {
    struct import_input *in;
    struct import_set *set;
    const struct import_options *o;
    struct parts parts;
    bool hundred;
};

static bool recognise(const struct import_head *head, const struct import_options *o)
{
    return head->count >= 3 && head->bytes[0] == 0x80 && head->bytes[1] >= 2 &&
           head->bytes[1] <= 5 && strchr("}]()\x95", head->bytes[2]) && head->bytes[2];
}

static ssize_t read_input(void *data, void *buffer, size_t size, struct err *e)
{
    struct pickle_import *x = data;
    return import_input_read(x->in, buffer, size, e);
}

static int make_spool(void *data, struct err *e)
{
    struct pickle_import *x = data;
    return import_set_spool(x->set, e);
}

/* ---- names of classes ----------------------------------------------------------------------- */

static int take_names(struct pickle_import *x, const struct pickle *p, pickle_ref list,
                      struct err *e)
{
    int rc = 0;
    if (pickle_type_of(p, list) != PICKLE_LIST || import_set_has_classes(x->set))
        return 0;
    for (size_t i = 0; !rc && i < pickle_count(p, list); i++) {
        pickle_ref v = pickle_at(p, list, i);
        size_t size;
        if (pickle_type_of(p, v) != PICKLE_TEXT)
            return err_set(e, -EINVAL, "the name of class %zu is no text", i);
        rc = import_set_class(x->set, (uint32_t)i, pickle_text(p, v, &size), e);
    }
    return rc;
}

/* ---- images and labels ---------------------------------------------------------------------- */

struct stored {
    struct pickle_array array;
    uint64_t at;
};

static ssize_t read_stored(void *data, void *buffer, size_t size, struct err *e)
{
    struct stored *s = data;
    if (size > s->array.size - s->at)
        size = (size_t)(s->array.size - s->at);
    ssize_t n = (ssize_t)size;
    if (s->array.memory)
        memcpy(buffer, s->array.memory + s->at, size);
    else
        n = pread_full(s->array.fd, buffer, size, s->array.from + s->at);
    if (n < 0)
        return err_sys(e, (int)n, "reading a temporary file");
    s->at += (uint64_t)n;
    return n;
}

static int short_stored(void *data, struct err *e)
{
    return err_set(e, -EINVAL, "an array that has fewer bytes than its shape wants");
}

static int take_images(struct pickle_import *x, const struct pickle *p, pickle_ref v, int split,
                       struct err *e)
{
    const struct import_shape size = {x->o->height, x->o->width, 1};
    struct stored s = {.at = 0};
    const struct array_source source = {.data = &s, .read = read_stored, .short_of = short_stored};
    struct array_images images;
    int rc = pickle_get_array(p, v, &s.array, e);
    if (rc)
        return rc;
    if (array_images_shape(&s.array.header, &size, &images))
        return err_set(e, -EINVAL, "\"data\" is no array of images");
    return array_read_images(x->set, split, &s.array.header, &images, &source, e);
}

static int take_labels(struct pickle_import *x, const struct pickle *p, pickle_ref v, int split,
                       struct err *e)
{
    int32_t values[1024];
    size_t used = 0, count = pickle_count(p, v);
    int rc = 0;
    for (size_t i = 0; !rc && i < count; i++) {
        pickle_ref n = pickle_at(p, v, i);
        if (pickle_type_of(p, n) != PICKLE_NUMBER || pickle_number(p, n) < 0 ||
            pickle_number(p, n) > INT32_MAX)
            return err_set(e, -EINVAL, "label %zu is no whole number from 0 on", i);
        values[used++] = (int32_t)pickle_number(p, n);
        if (used == sizeof values / sizeof *values || i + 1 == count) {
            rc = import_set_labels(x->set, split, 1, values, used, e);
            used = 0;
        }
    }
    return rc;
}

static int take_label_array(struct pickle_import *x, const struct pickle *p, pickle_ref v,
                            int split, struct err *e)
{
    struct stored s = {.at = 0};
    const struct array_source source = {.data = &s, .read = read_stored, .short_of = short_stored};
    int rc = pickle_get_array(p, v, &s.array, e);
    return rc ? rc : array_read_labels(x->set, split, &s.array.header, &source, e);
}

/* The labels of the kind that is wanted. */
static bool find_labels(struct pickle_import *x, const struct pickle *p, pickle_ref dict,
                        pickle_ref *labels)
{
    bool coarse = x->o->labels_kind && !strcmp(x->o->labels_kind, "coarse");
    if (pickle_find(p, dict, coarse ? "coarse_labels" : "fine_labels", labels)) {
        x->hundred = true;
        return true;
    }
    return pickle_find(p, dict, "labels", labels);
}

static int take_batch(struct pickle_import *x, const struct pickle *p, pickle_ref data,
                      const struct import_member *m, struct err *e)
{
    pickle_ref dict = pickle_root(p), labels;
    if (!find_labels(x, p, dict, &labels))
        return err_set(e, -EINVAL, "its pickle has \"data\", but no \"labels\" or \"fine_labels\"");
    int split = import_set_split(x->set, import_split_name(m, x->o), e);
    if (split < 0)
        return split;
    int rc = take_images(x, p, data, split, e);
    if (rc)
        return rc;
    if (pickle_type_of(p, labels) == PICKLE_LIST)
        rc = take_labels(x, p, labels, split, e);
    else
        rc = take_label_array(x, p, labels, split, e);
    if (!rc && import_set_label_count(x->set, split) != import_set_image_count(x->set, split))
        rc = err_set(e, -EINVAL, "it has other numbers of images and labels");
    return rc ? rc : parts_add(&x->parts, x->set, split, import_base_name(m), e);
}

static int take_pickle(struct pickle_import *x, const struct pickle *p,
                       const struct import_member *m, struct err *e)
{
    bool coarse = x->o->labels_kind && !strcmp(x->o->labels_kind, "coarse");
    pickle_ref v, root = pickle_root(p);
    if (pickle_find(p, root, "data", &v))
        return take_batch(x, p, v, m, e);
    if (pickle_find(p, root, "label_names", &v) ||
        pickle_find(p, root, coarse ? "coarse_label_names" : "fine_label_names", &v))
        return take_names(x, p, v, e);
    import_note(x->o, false, "%s is left out: a pickle without \"data\"",
                import_input_where(x->in));
    return 0;
}

static int read_members(struct pickle_import *x, struct err *e)
{
    struct import_member m;
    struct import_head head = {.bytes = NULL};
    const struct pickle_source source = {.data = x, .read = read_input, .spool = make_spool};
    int rc;
    while ((rc = import_input_next(x->in, &m, e)) == 1) {
        struct pickle *p;
        ssize_t n = import_input_peek(x->in, &head.bytes, e);
        if (n < 0)
            return (int)n;
        head.count = (size_t)n;
        if (!recognise(&head, x->o))
            continue;
        rc = pickle_read(&p, &source, e);
        if (!rc)
            rc = take_pickle(x, p, &m, e);
        pickle_free(p);
        if (rc)
            return rc;
    }
    return rc ? rc : parts_sort(&x->parts, x->set, e);
}

static int read_pickles(struct import_input *in, struct import_set *set,
                        const struct import_options *o, struct err *e)
{
    struct pickle_import *x = calloc(1, sizeof *x);
    if (!x)
        return err_set(e, -ENOMEM, "out of memory");
    x->in = in;
    x->set = set;
    x->o = o;
    int rc = read_members(x, e);
    uint32_t classes = import_set_class_count(set);
    if (!rc && (x->hundred || classes == 10))
        rc = import_set_call(set, import_cifar_name(x->hundred, o), e);
    free(x);
    return rc;
}

const struct import_reader import_reader_pickle = {
    .word = "pickle",
    .text = "CIFAR-10 and CIFAR-100, Python version",
    .recognise = recognise,
    .read = read_pickles,
    .takes = "--labels-kind --size",
    .names = true,
};
