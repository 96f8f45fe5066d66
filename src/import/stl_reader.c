/* SPDX-License-Identifier: MIT */
/* STL-10's binary files: images without a header, columns first, and labels from 1 on. Which is
 * which, and of which split, only their names say.
 *
 * The unlabeled images are left out: a split here has a label for each image. So are the ten folds
 * of the training split, which are lists of places in it.
 */
#include "import/reader.h"

#include "import/planes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    SIDE = 96,
    CHANNELS = 3,
    IMAGE_BYTES = SIDE * SIDE * CHANNELS,
    LABELS = 10,
    AT_ONCE = 32,
    TEXT_MAX = 4096
};

struct stl {
    struct import_input *in;
    struct import_set *set;
    const struct import_options *o;
    uint8_t stored[AT_ONCE][IMAGE_BYTES], images[AT_ONCE][IMAGE_BYTES];
};

static bool is_named(const struct import_member *m, const char *name)
{
    return !strcmp(import_base_name(m), name);
}

/* The split whose images or labels these are, or NULL. */
static const char *split_of(const struct import_member *m, const char *ending)
{
    static const char *const splits[] = {"train", "test", "unlabeled"};
    const char *base = import_base_name(m);
    for (size_t i = 0; i < sizeof splits / sizeof *splits; i++) {
        size_t n = strlen(splits[i]), k = strlen(ending);
        /* What packs it may stand behind it. */
        if (!strncmp(base, splits[i], n) && !strncmp(base + n, ending, k) &&
            (base[n + k] == 0 || base[n + k] == '.'))
            return splits[i];
    }
    return NULL;
}

static bool recognise(const struct import_head *head, const struct import_options *o)
{
    return split_of(&head->member, "_X.bin") || split_of(&head->member, "_y.bin");
}

static int read_images(struct stl *s, const struct import_member *m, int split, struct err *e)
{
    const struct import_shape shape = {SIDE, SIDE, CHANNELS};
    if (import_set_image_count(s->set, split))
        return err_set(e, -EINVAL, "these are the split's images a second time");
    if (m->size != IMPORT_SIZE_UNKNOWN && m->size % IMAGE_BYTES)
        return err_set(e, -EINVAL, "%" PRIu64 " bytes, want a multiple of %d: images of 96x96x3",
                       m->size, IMAGE_BYTES);
    for (;;) {
        ssize_t n = import_input_read(s->in, s->stored, sizeof s->stored, e);
        if (n < 0)
            return (int)n;
        size_t count = (size_t)n / IMAGE_BYTES;
        if ((size_t)n % IMAGE_BYTES)
            return err_set(e, -EINVAL,
                           "ends at byte %" PRIu64 ", in the middle of an image of %d bytes",
                           import_input_offset(s->in), IMAGE_BYTES);
        for (size_t i = 0; i < count; i++)
            planes_from_columns(s->images[i], s->stored[i], SIDE, SIDE, CHANNELS);
        int r = count ? import_set_images(s->set, split, shape, s->images[0], count, e) : 0;
        if (r < 0 || count < AT_ONCE)
            return r;
    }
}

static int read_labels(struct stl *s, int split, struct err *e)
{
    uint8_t bytes[4096];
    int32_t labels[sizeof bytes];
    ssize_t n;
    if (import_set_label_count(s->set, split))
        return err_set(e, -EINVAL, "these are the split's labels a second time");
    while ((n = import_input_read(s->in, bytes, sizeof bytes, e)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            if (bytes[i] < 1 || bytes[i] > LABELS)
                return err_set(e, -EINVAL, "label %u at byte %" PRIu64 ", want 1 to %d", bytes[i],
                               import_input_offset(s->in) - (uint64_t)(n - i), LABELS);
            labels[i] = bytes[i] - 1;
        }
        int r = import_set_labels(s->set, split, 1, labels, (size_t)n, e);
        if (r < 0)
            return r;
    }
    return (int)n;
}

/* A name a line. */
static int read_classes(struct stl *s, struct err *e)
{
    char text[TEXT_MAX + 1];
    ssize_t n = import_input_read(s->in, text, TEXT_MAX, e);
    int r = 0;
    if (n < 0)
        return (int)n;
    if (import_set_has_classes(s->set)) /* the user has named them */
        return 0;
    text[n] = 0;
    char *left = text, *line;
    for (uint32_t i = 0; r == 0 && (line = strsep(&left, "\r\n")) != NULL;)
        if (*line)
            r = import_set_class(s->set, i++, line, e);
    return r;
}

static int take(struct stl *s, const struct import_member *m, struct err *e)
{
    const char *images = split_of(m, "_X.bin"), *labels = split_of(m, "_y.bin");
    if (is_named(m, "class_names.txt"))
        return read_classes(s, e);
    if (is_named(m, "fold_indices.txt") || (images && !strcmp(images, "unlabeled"))) {
        import_note(s->o, false, "%s: left out: %s", import_input_where(s->in),
                    images ? "its images have no labels" : "which images make the ten folds");
        return 0;
    }
    if (!images && !labels)
        return 0;
    int split = import_set_split(s->set, images ? images : labels, e);
    if (split < 0)
        return split;
    return images ? read_images(s, m, split, e) : read_labels(s, split, e);
}

static int read(struct import_input *in, struct import_set *set, const struct import_options *o,
                struct err *e)
{
    struct stl *s = malloc(sizeof *s);
    struct import_member m;
    if (!s)
        return err_set(e, -ENOMEM, "no memory for images");
    s->in = in;
    s->set = set;
    s->o = o;
    int r = import_set_call(set, "stl-10", e);
    while (r == 0 && (r = import_input_next(in, &m, e)) == 1)
        r = take(s, &m, e);
    free(s);
    return r;
}

const struct import_reader import_reader_stl = {
    "stl-10", "STL-10's binary files", recognise, read, NULL, false, true};
