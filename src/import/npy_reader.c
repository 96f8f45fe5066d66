/* SPDX-License-Identifier: MIT */
/* NumPy arrays, alone or in an .npz: Keras' and MedMNIST's names, files that are named after what
 * they hold, or the names that the user says. */
#include "import/array.h"
#include "import/reader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum role { ROLE_NONE, ROLE_IMAGES, ROLE_LABELS };

struct npy_import {
    struct import_input *in;
    struct import_set *set;
    const struct import_options *o;
    struct npy_header h;
    bool found_images, found_labels; /* those that the user names */
};

static bool recognise(const struct import_head *head, const struct import_options *o)
{
    return head->count >= 6 && !memcmp(head->bytes, "\x93NUMPY", 6);
}

/* ---- which array --------------------------------------------------------------------------- */

static enum role role_of_word(const char *word, size_t n)
{
    static const struct {
        const char *word;
        enum role role;
    } words[] = {{"x", ROLE_IMAGES},      {"y", ROLE_LABELS},      {"image", ROLE_IMAGES},
                 {"images", ROLE_IMAGES}, {"imgs", ROLE_IMAGES},   {"img", ROLE_IMAGES},
                 {"data", ROLE_IMAGES},   {"pixels", ROLE_IMAGES}, {"label", ROLE_LABELS},
                 {"labels", ROLE_LABELS}, {"target", ROLE_LABELS}, {"targets", ROLE_LABELS}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i].word) == n && !strncasecmp(words[i].word, word, n))
            return words[i].role;
    return ROLE_NONE;
}

/* By the words of a name: "x_train", "train_images", "k49-train-imgs". */
static enum role role_of_name(const char *name)
{
    enum role role = ROLE_NONE;
    for (const char *p = name; *p && role == ROLE_NONE;) {
        size_t n = strcspn(p, "_-./ 0123456789");
        role = role_of_word(p, n);
        p += n;
        p += *p != 0;
    }
    return role;
}

/* The user says an array's name with or without what stands around it. */
static bool is_named(const char *said, const struct import_member *m)
{
    const char *base = import_base_name(m);
    size_t n = strlen(said);
    return !strcmp(said, m->name) || !strcmp(said, base) ||
           (!strncmp(said, base, n) && !strcmp(base + n, ".npy")) || !strcmp(said, m->source);
}

static enum role role_of(struct npy_import *x, const struct import_member *m)
{
    if (x->o->images) {
        if (is_named(x->o->images, m))
            return ROLE_IMAGES;
        return is_named(x->o->labels, m) ? ROLE_LABELS : ROLE_NONE;
    }
    enum role role = role_of_name(import_base_name(m));
    if (role == ROLE_NONE)
        role = role_of_name(m->name);
    if (role == ROLE_NONE)
        role = role_of_name(m->source);
    if (role == ROLE_NONE)
        role = x->h.dim_count >= 3 ? ROLE_IMAGES : x->h.dim_count ? ROLE_LABELS : ROLE_NONE;
    return role;
}

/* ---- one array ------------------------------------------------------------------------------ */

static ssize_t read_input(void *data, void *buffer, size_t size, struct err *e)
{
    struct npy_import *x = data;
    return import_input_read(x->in, buffer, size, e);
}

static int short_input(void *data, struct err *e)
{
    struct npy_import *x = data;
    return import_input_short(x->in, x->h.header_bytes + x->h.data_bytes, e);
}

static int read_header(struct npy_import *x, struct err *e)
{
    const uint8_t *bytes;
    uint8_t header[NPY_HEADER_BYTES_MAX];
    ssize_t n = import_input_peek(x->in, &bytes, e);
    if (n < 0)
        return (int)n;
    int rc = npy_parse(bytes, (size_t)n, &x->h, e);
    if (rc < 0)
        return rc;
    if (rc == NPY_MORE)
        return err_set(e, -EINVAL, "it ends in its header, at byte %zd of %u", n,
                       x->h.header_bytes);
    return import_input_all(x->in, header, x->h.header_bytes, e);
}

static const char *shape_text(const struct npy_header *h, char text[128])
{
    int n = 0;
    text[0] = 0;
    for (int i = 0; i < h->dim_count; i++)
        n += snprintf(text + n, 128 - (size_t)n, "%s%llu", i ? "x" : "",
                      (unsigned long long)h->dims[i]);
    return text;
}

static int read_images(struct npy_import *x, int split, const struct array_source *source,
                       struct err *e)
{
    const struct import_shape size = {x->o->height, x->o->width, 1};
    struct array_images images;
    char shape[128];
    if (array_images_shape(&x->h, &size, &images))
        return err_set(e, -EINVAL,
                       "an array of shape %s, want images of shape NxHxW, NxHxWxC or NxCxHxW, or "
                       "rows of pixels that are a square (else say --size)",
                       shape_text(&x->h, shape));
    return array_read_images(x->set, split, &x->h, &images, source, e);
}

static int read_member(struct npy_import *x, const struct import_member *m, struct err *e)
{
    const struct array_source source = {.data = x, .read = read_input, .short_of = short_input};
    bool wanted = !x->o->images || is_named(x->o->images, m) || is_named(x->o->labels, m);
    if (!wanted)
        return 0;
    int rc = read_header(x, e);
    if (rc)
        return rc;
    enum role role = role_of(x, m);
    if (role == ROLE_NONE || !x->h.data_bytes) {
        import_note(x->o, false, "%s is left out: neither images nor labels",
                    import_input_where(x->in));
        return 0;
    }
    int split = import_set_split(x->set, import_split_name(m, x->o), e);
    if (split < 0)
        return split;
    if (role == ROLE_IMAGES ? import_set_image_count(x->set, split)
                            : import_set_label_count(x->set, split))
        return err_set(e, -EINVAL,
                       "these are the split's %s a second time: say --images and --labels",
                       role == ROLE_IMAGES ? "images" : "labels");
    x->found_images |= role == ROLE_IMAGES;
    x->found_labels |= role == ROLE_LABELS;
    rc = role == ROLE_IMAGES ? read_images(x, split, &source, e)
                             : array_read_labels(x->set, split, &x->h, &source, e);
    if (rc)
        return rc;
    const uint8_t *rest;
    ssize_t more = import_input_peek(x->in, &rest, e);
    if (more > 0)
        return err_set(e, -EINVAL, "it goes on behind byte %llu, where its header has it end",
                       (unsigned long long)import_input_offset(x->in));
    return more < 0 ? (int)more : 0;
}

static int read_npy(struct import_input *in, struct import_set *set, const struct import_options *o,
                    struct err *e)
{
    struct npy_import x = {.in = in, .set = set, .o = o};
    struct import_member m;
    struct import_head head = {.bytes = NULL};
    int rc;
    while ((rc = import_input_next(in, &m, e)) == 1) {
        ssize_t n = import_input_peek(in, &head.bytes, e);
        if (n < 0)
            return (int)n;
        head.count = (size_t)n;
        if (!recognise(&head, o))
            continue;
        rc = read_member(&x, &m, e);
        if (rc)
            return rc;
    }
    if (!rc && o->images && (!x.found_images || !x.found_labels))
        return err_set(e, -EINVAL, "--%s %s: there is no array of that name",
                       x.found_images ? "labels" : "images",
                       x.found_images ? o->labels : o->images);
    return rc;
}

const struct import_reader import_reader_npy = {
    .word = "npy",
    .text = "NumPy arrays: .npz (Keras, MedMNIST, Kuzushiji-49), .npy",
    .recognise = recognise,
    .read = read_npy,
    .takes = "--images --labels --size",
};
