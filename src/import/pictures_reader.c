/* SPDX-License-Identifier: MIT */
/* A folder of pictures, a subfolder a class, and its splits; or an archive of one. Pictures are
 * written as they come and put in order in the end, when all names are known. */
#include "import/reader.h"

#include "fmnist.h"
#include "import/picture.h"
#include "import/picture_names.h"
#include "import/picture_table.h"
#include "pixels/resize.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct pictures {
    struct import_input *in;
    struct import_set *set;
    const struct import_options *o;
    struct picture_names *names;
    uint8_t *file; /* of one picture */
    size_t file_room;
    struct raster raster;
    uint8_t *resized; /* [height][width][channels] */
    struct resize_plan *plan;
    struct resize_shape plan_shape;
    uint8_t *planes, *scratch;  /* of the plan */
    struct import_shape shape;  /* of the first picture, which all have */
    char *first;                /* its name */
    struct picture_table table; /* without rows: there is none */
};

static bool recognise(const struct import_head *head, const struct import_options *o)
{
    return picture_is_named(head->member.name);
}

/* ---- a picture's bytes */

static int grow(uint8_t **buffer, size_t *room, size_t want, struct err *e)
{
    if (want <= *room)
        return 0;
    uint8_t *larger = realloc(*buffer, want);
    if (!larger)
        return err_set(e, -ENOMEM, "no memory for a picture of %zu bytes", want);
    *buffer = larger;
    *room = want;
    return 0;
}

/* The member, whole. Returns its bytes; -EFBIG: too many, for one picture to be left out. */
static ssize_t read_file(struct pictures *p, struct err *e)
{
    for (size_t have = 0;;) {
        if (have > PICTURE_BYTES_MAX)
            return err_set(e, -EFBIG, "a file of more than %zu MiB", PICTURE_BYTES_MAX >> 20);
        int r = have == p->file_room ? grow(&p->file, &p->file_room, have * 2 + (64 << 10), e) : 0;
        ssize_t n = r < 0 ? r : import_input_read(p->in, p->file + have, p->file_room - have, e);
        if (n < 0)
            return n;
        have += (size_t)n;
        if (have < p->file_room)
            return (ssize_t)have;
    }
}

/* ---- its size */

static int make_plan(struct pictures *p, const struct resize_shape *shape, struct err *e)
{
    if (p->plan && !memcmp(shape, &p->plan_shape, sizeof *shape))
        return 0;
    resize_plan_free(p->plan);
    p->plan = NULL;
    uint32_t rule = p->o->resize ? p->o->resize : FMNIST_RESIZE_PILLOW_BILINEAR;
    int r = resize_plan_new(&p->plan, rule, shape, e);
    if (r < 0)
        return r;
    p->plan_shape = *shape;
    free(p->planes);
    free(p->scratch);
    free(p->resized);
    size_t scratch = (resize_scratch_bytes(p->plan) + 63) / 64 * 64;
    p->planes = malloc(resize_sample_bytes(p->plan));
    p->resized = malloc(resize_sample_bytes(p->plan));
    p->scratch = aligned_alloc(64, scratch ? scratch : 64);
    return p->planes && p->resized && p->scratch ? 0 : err_set(e, -ENOMEM, "no memory to resize");
}

/* Returns the pixels in the size that is wanted. */
static int resize(struct pictures *p, const uint8_t **pixels, struct import_shape *shape,
                  struct err *e)
{
    const struct raster *from = &p->raster;
    *pixels = from->pixels;
    *shape = (struct import_shape){from->height, from->width, from->channels};
    if (!p->o->height)
        return 0;
    *shape = (struct import_shape){p->o->height, p->o->width, from->channels};
    const struct resize_shape plan = {from->height, from->width, from->channels, shape->h,
                                      shape->w};
    int r = make_plan(p, &plan, e);
    if (r < 0)
        return r;
    resize_run(p->plan, from->pixels, p->planes, p->scratch);
    size_t plane = (size_t)shape->h * shape->w;
    for (uint32_t c = 0; c < shape->channels; c++)
        for (size_t i = 0; i < plane; i++)
            p->resized[i * shape->channels + c] = p->planes[c * plane + i];
    *pixels = p->resized;
    return 0;
}

/* All pictures have the first one's shape, whatever split they are of. */
static int check_shape(struct pictures *p, const char *name, const struct import_shape *shape,
                       struct err *e)
{
    if (!p->first) {
        p->first = strdup(name);
        p->shape = *shape;
        return p->first ? 0 : err_set(e, -ENOMEM, "no memory");
    }
    if (shape->h != p->shape.h || shape->w != p->shape.w)
        return err_set(e, -EINVAL,
                       "%ux%u pixels (h x w), and %s has %ux%u: --size HxW makes all as large",
                       shape->h, shape->w, p->first, p->shape.h, p->shape.w);
    if (shape->channels != p->shape.channels)
        return err_set(e, -EINVAL,
                       "it has colours, and %s is gray: --rgb or --grayscale makes all alike",
                       p->first);
    return 0;
}

/* ---- a picture */

static enum raster_colour colour_of(const struct pictures *p)
{
    if (p->o->channels == 1)
        return RASTER_GRAY;
    return p->o->channels == 3 || (p->first && p->shape.channels == 3) ? RASTER_RGB
                                                                       : RASTER_AS_STORED;
}

/* Returns 1 where the picture is broken, which is told. */
static int decode(struct pictures *p, struct err *e)
{
    ssize_t size = read_file(p, e);
    if (size < 0 && size != -EFBIG)
        return (int)size;
    int r =
        size < 0 ? (int)size : picture_decode(&p->raster, colour_of(p), p->file, (size_t)size, e);
    if (r == 0 || r == -ENOMEM)
        return r;
    import_note(p->o, true, "%s: left out: %s", import_input_where(p->in), e->text);
    e->text[0] = 0;
    return 1;
}

/* The split of a picture: its folder's, else what the whole source is called by. */
static int split_of(struct pictures *p, const struct import_member *m, struct err *e)
{
    const struct import_member whole = {.source = m->source, .name = ""};
    const char *split = picture_split(m->name, NULL);
    return import_set_split(p->set, split ? split : import_split_name(&whole, p->o), e);
}

/* What export has written beside them. Another of the name is passed over. */
static int take_table(struct pictures *p, struct err *e)
{
    const uint8_t *head;
    ssize_t n = import_input_peek(p->in, &head, e);
    if (n < 0 || !picture_table_is((const char *)head, (size_t)n))
        return n < 0 ? (int)n : 0;
    if (p->table.count)
        return err_set(e, -EINVAL, "a second one: import one after the other");
    n = read_file(p, e);
    if (n == -EFBIG)
        return err_prefix(e, -EINVAL, "classes of pictures");
    return n < 0 ? (int)n : picture_table_parse(&p->table, (const char *)p->file, (size_t)n, e);
}

static int take(struct pictures *p, const struct import_member *m, struct err *e)
{
    const uint8_t *pixels = NULL;
    struct import_shape shape = {0, 0, 0};
    if (!strcmp(import_base_name(m), PICTURE_TABLE_NAME))
        return take_table(p, e);
    if (!picture_is_named(m->name))
        return 0;
    if (!strchr(m->name, '/')) {
        import_note(p->o, false, "%s: left out: it lies in no class's folder",
                    import_input_where(p->in));
        return 0;
    }
    int r = decode(p, e);
    if (r == 1)
        return picture_names_add(p->names, m->name, PICTURE_BROKEN, e);
    if (r == 0)
        r = resize(p, &pixels, &shape, e);
    if (r == 0)
        r = check_shape(p, m->name, &shape, e);
    int split = r < 0 ? r : split_of(p, m, e);
    if (split < 0)
        return split;
    r = picture_names_add(p->names, m->name, split, e);
    return r < 0 ? r : import_set_images(p->set, split, shape, pixels, 1, e);
}

/* ---- the end */

static int write_table(struct pictures *p, struct err *e)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < p->table.count; i++)
        if (*p->table.all[i].name)
            r = import_set_class(p->set, (uint32_t)p->table.all[i].label, p->table.all[i].name, e);
    return r;
}

static int write_classes(struct pictures *p, struct err *e)
{
    char name[256];
    if (import_set_has_classes(p->set)) /* the user has named them */
        return 0;
    if (p->table.count)
        return write_table(p, e);
    for (uint32_t i = 0; i < picture_class_count(p->names); i++) {
        picture_class_name(p->names, i, name, sizeof name);
        int r = import_set_class(p->set, i, name, e);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Of classes to what the table says. */
static int look_up(struct pictures *p, int32_t *labels, size_t count, struct err *e)
{
    char name[256];
    uint32_t classes = picture_class_count(p->names);
    int32_t *to = calloc(classes + 1, sizeof *to);
    int r = 0;
    if (!to)
        return err_set(e, -ENOMEM, "out of memory");
    for (uint32_t c = 0; r == 0 && c < classes; c++) {
        picture_class_name(p->names, c, name, sizeof name);
        const struct picture_class *class = picture_table_find(&p->table, name);
        if (class)
            to[c] = class->label;
        else
            r = err_set(e, -EINVAL, "the folder %s is not in " PICTURE_TABLE_NAME, name);
    }
    for (size_t i = 0; r == 0 && i < count; i++)
        labels[i] = to[labels[i]];
    free(to);
    return r;
}

static bool is_in_order(const uint32_t *order, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (order[i] != i)
            return false;
    return true;
}

static int finish_split(struct pictures *p, int split, struct err *e)
{
    size_t count = (size_t)import_set_image_count(p->set, split);
    int32_t *labels = calloc(count + 1, sizeof *labels);
    uint32_t *order = calloc(count + 1, sizeof *order);
    int r =
        labels && order ? 0 : err_set(e, -ENOMEM, "no memory for the order of %zu pictures", count);
    if (r == 0) {
        picture_order(p->names, split, labels, order);
        r = p->table.count ? look_up(p, labels, count, e) : 0;
    }
    if (r == 0)
        r = import_set_labels(p->set, split, 1, labels, count, e);
    if (r == 0 && !is_in_order(order, count))
        r = import_set_permute(p->set, split, order, e);
    free(labels);
    free(order);
    return r;
}

static int finish(struct pictures *p, struct err *e)
{
    if (!p->first)
        return err_set(e, -EINVAL, "no picture, want PNG%s files in folders, one a class",
                       picture_has_jpeg ? " and JPEG" : "");
    int r = picture_names_settle(p->names, e);
    r = r < 0 ? r : write_classes(p, e);
    for (int i = 0; r == 0 && i < import_set_split_count(p->set); i++)
        r = finish_split(p, i, e);
    return r;
}

static int read(struct import_input *in, struct import_set *set, const struct import_options *o,
                struct err *e)
{
    struct pictures p = {.in = in, .set = set, .o = o};
    struct import_member m;
    int r = picture_names_new(&p.names, e);
    while (r == 0 && (r = import_input_next(in, &m, e)) == 1)
        r = take(&p, &m, e);
    if (r == 0)
        r = finish(&p, e);
    picture_names_free(p.names);
    raster_close(&p.raster);
    resize_plan_free(p.plan);
    free(p.file);
    free(p.resized);
    free(p.planes);
    free(p.scratch);
    free(p.first);
    picture_table_close(&p.table);
    return r;
}

const struct import_reader import_reader_pictures = {
    "pictures",
    "PNG and JPEG pictures in folders, one a class",
    recognise,
    read,
    "--size --resize --grayscale --rgb",
    false,
    false};
