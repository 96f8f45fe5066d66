/* SPDX-License-Identifier: MIT */
/* MATLAB 5 files: SVHN's, and others that keep images in an array of three or four dims.
 *
 * Shape: images H x W x C x N or H x W x N, numbers 0 to 255; labels N x 1 or 1 x N, whole numbers.
 * They are X and y, as in SVHN, or the only ones of their shape, or what the user names. SVHN's
 * label 10 is the digit 0, and becomes 0, as torchvision has it; other labels stay as they are.
 */
#include "import/reader.h"

#include "base/io.h"
#include "dataset/cache_format.h"
#include "import/mat.h"
#include "import/mat_unpack.h"
#include "import/planes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LABELS_AT_ONCE = 4096 };

struct chosen {
    uint32_t images, labels; /* numbers of arrays */
    struct import_shape shape;
    uint64_t count;
    bool is_svhn;
};

static bool recognise(const struct import_head *head, const struct import_options *o)
{
    return mat_begins(head->bytes, head->count);
}

/* ---- which arrays */

static bool holds_images(const struct mat_array *a)
{
    return a->rank == 3 || a->rank == 4;
}

/* How many images: the last dim. */
static uint64_t image_count(const struct mat_array *a)
{
    return a->dims[a->rank - 1];
}

static bool holds_labels(const struct mat_array *a, uint64_t count)
{
    return a->rank == 2 && a->count == count && (a->dims[0] == 1 || a->dims[1] == 1);
}

/* "X 32x32x3x100, y 100x1", for messages. */
static void describe(const struct mat_array *arrays, uint32_t count, char *text, size_t size)
{
    snprintf(text, size, "no array of real numbers");
    for (uint32_t i = 0; i < count; i++) {
        size_t n = i ? strlen(text) : 0;
        snprintf(text + n, size - n, "%s%s", i ? ", " : "", arrays[i].name);
        for (uint32_t d = 0; d < arrays[i].rank && d < MAT_DIMS_MAX; d++) {
            n = strlen(text);
            snprintf(text + n, size - n, "%c%" PRIu64, d ? 'x' : ' ', arrays[i].dims[d]);
        }
    }
}

/* The array of that name, else of the usual name, else the only one that fits; -1: none or several.
 * images: of which count labels are wanted; NULL: images are. */
static int find(const struct mat_array *arrays, uint32_t n, const char *name, const char *usual,
                const struct mat_array *images)
{
    int found = -1, fitting = 0;
    for (uint32_t i = 0; i < n; i++) {
        bool fits =
            images ? holds_labels(&arrays[i], image_count(images)) : holds_images(&arrays[i]);
        if (!fits || (name && strcmp(arrays[i].name, name) != 0))
            continue;
        if (!strcmp(arrays[i].name, usual))
            return (int)i;
        found = (int)i;
        fitting++;
    }
    return fitting == 1 ? found : -1;
}

static int refuse(const struct mat_array *arrays, uint32_t n, const char *what, struct err *e)
{
    char there[256];
    describe(arrays, n, there, sizeof there);
    return err_set(e, -EINVAL, "%s; there is: %s; --images NAME --labels NAME says which", what,
                   there);
}

static int check_shape(const struct mat_array *a, struct chosen *c, struct err *e)
{
    uint64_t channels = a->rank == 4 ? a->dims[2] : 1;
    if (a->dims[0] > SPLIT_SIDE_MAX || a->dims[1] > SPLIT_SIDE_MAX || channels > SPLIT_CHANNELS)
        return err_set(e, -EINVAL,
                       "%s: images of %" PRIu64 "x%" PRIu64 " with %" PRIu64
                       " channels, want at most %ux%u with %u",
                       a->name, a->dims[0], a->dims[1], channels, SPLIT_SIDE_MAX, SPLIT_SIDE_MAX,
                       SPLIT_CHANNELS);
    c->shape =
        (struct import_shape){(uint32_t)a->dims[0], (uint32_t)a->dims[1], (uint32_t)channels};
    c->count = image_count(a);
    return 0;
}

static int choose(const struct mat_file *f, const struct import_options *o, struct chosen *c,
                  struct err *e)
{
    uint32_t n;
    const struct mat_array *a = mat_arrays(f, &n);
    int images = find(a, n, o->images, "X", NULL);
    if (images < 0)
        return refuse(a, n, "no array of images (HxWxCxN or HxWxN), or more than one", e);
    int r = check_shape(&a[images], c, e);
    if (r < 0)
        return r;
    int labels = find(a, n, o->labels, "y", &a[images]);
    if (labels < 0)
        return refuse(a, n, "no array with a label for each image, or more than one", e);
    c->images = (uint32_t)images;
    c->labels = (uint32_t)labels;
    c->is_svhn = !strcmp(a[images].name, "X") && !strcmp(a[labels].name, "y") && c->shape.h == 32 &&
                 c->shape.w == 32 && c->shape.channels == 3;
    return 0;
}

/* ---- values */

static int copy_images(struct mat_file *f, const struct chosen *c, struct import_set *set,
                       int split, struct err *e)
{
    size_t bytes = (size_t)c->shape.h * c->shape.w * c->shape.channels;
    size_t at_once = bytes < MAT_SLAB ? MAT_SLAB / bytes : 1;
    uint8_t *stored = malloc(at_once * bytes), *images = malloc(at_once * bytes);
    int r = stored && images ? 0 : err_set(e, -ENOMEM, "no memory for images");
    if (r == 0)
        mat_begin(f, c->images, MAT_LEVELS);
    for (uint64_t left = c->count; r == 0 && left > 0;) {
        size_t n = left < at_once ? (size_t)left : at_once;
        r = mat_read(f, stored, n * bytes, e);
        for (size_t i = 0; r == 0 && i < n; i++)
            planes_from_columns(images + i * bytes, stored + i * bytes, c->shape.h, c->shape.w,
                                c->shape.channels);
        r = r < 0 ? r : import_set_images(set, split, c->shape, images, n, e);
        left -= n;
    }
    free(stored);
    free(images);
    return r;
}

static int copy_labels(struct mat_file *f, const struct chosen *c, struct import_set *set,
                       int split, struct err *e)
{
    int32_t labels[LABELS_AT_ONCE];
    int r = 0;
    mat_begin(f, c->labels, MAT_LABELS);
    for (uint64_t left = c->count; r == 0 && left > 0;) {
        size_t n = left < LABELS_AT_ONCE ? (size_t)left : LABELS_AT_ONCE;
        r = mat_read(f, labels, n, e);
        for (size_t i = 0; r == 0 && i < n; i++)
            if (c->is_svhn && labels[i] == 10)
                labels[i] = 0;
        r = r < 0 ? r : import_set_labels(set, split, 1, labels, n, e);
        left -= n;
    }
    return r;
}

/* ---- files */

static ssize_t read_source(void *data, void *buffer, size_t size, struct err *e)
{
    return import_input_read(data, buffer, size, e);
}

/* torchvision's third split of SVHN has a name of its own. */
static int split_of(struct import_set *set, const struct import_member *m,
                    const struct import_options *o, struct err *e)
{
    const char *base = import_base_name(m);
    int split =
        import_set_split(set, !strncmp(base, "extra", 5) ? "extra" : import_split_name(m, o), e);
    if (split >= 0 && import_set_image_count(set, split))
        return err_set(e, -EINVAL, "these are the split's images a second time");
    return split;
}

static int copy(struct mat_file *f, struct import_set *set, const struct import_member *m,
                const struct import_options *o, struct err *e)
{
    struct chosen c = {.count = 0};
    int r = choose(f, o, &c, e);
    if (r == 0 && c.is_svhn)
        r = import_set_call(set, "svhn", e);
    int split = r < 0 ? r : split_of(set, m, o, e);
    r = split < 0 ? split : copy_images(f, &c, set, split, e);
    return r < 0 ? r : copy_labels(f, &c, set, split, e);
}

static int take_file(struct import_input *in, struct import_set *set, const struct import_member *m,
                     const struct import_options *o, struct err *e)
{
    const struct mat_source source = {in, read_source};
    struct mat_file *f = NULL;
    int fd = import_set_spool(set, e);
    if (fd < 0)
        return fd;
    int r = mat_unpack(&source, fd, e);
    if (r == 0)
        r = err_set(e, -EINVAL, "no array of real numbers in it");
    if (r > 0)
        r = mat_open(&f, fd, e);
    if (r == 0)
        r = copy(f, set, m, o, e);
    mat_close(f);
    fd_close(&fd);
    return r;
}

static int read(struct import_input *in, struct import_set *set, const struct import_options *o,
                struct err *e)
{
    struct import_member m;
    int r = mat_library ? 0
                        : err_set(e, -ENOTSUP,
                                  "a MATLAB file, which this build does not read: it is "
                                  "without matio");
    while (r == 0 && (r = import_input_next(in, &m, e)) == 1) {
        const uint8_t *bytes;
        ssize_t n = import_input_peek(in, &bytes, e);
        r = n < 0 ? (int)n : mat_begins(bytes, (size_t)n) ? take_file(in, set, &m, o, e) : 0;
    }
    return r;
}

const struct import_reader import_reader_mat = {
    "matlab", "MATLAB files of level 5, as SVHN's", recognise, read, "--images --labels", false,
    true};
