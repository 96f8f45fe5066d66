/* SPDX-License-Identifier: MIT */
/* What was found, as a picture: each image with its split, number and class below. */
#include "ctl/check.h"

#include "ctl/output.h"
#include "ctl/sheet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CELLS_MAX 240
#define TEXT_SIZE 128
#define LINE_MAX  24 /* characters */

struct cell {
    uint32_t split, index;
    bool equals; /* the cell before it */
    char text[TEXT_SIZE];
};

struct drawing {
    const struct check *check;
    struct cell cells[CELLS_MAX];
    size_t count;
    uint32_t height, width; /* of the largest image */
    struct sheet sheet;
    uint8_t *canvas; /* owned; [height][width][3] */
    const size_t *places;
    size_t next; /* of places */
    uint32_t split;
};

/* ---- which --------------------------------------------------------------------------------- */

static void add_group(struct drawing *d, const struct twin_group *g)
{
    for (size_t i = 0; i < g->count && d->count < CELLS_MAX; i++)
        d->cells[d->count++] = (struct cell){
            .split = g->members[i].split, .index = g->members[i].index, .equals = i > 0};
}

static void add_groups(struct drawing *d, bool conflict, bool across)
{
    struct twin_group group;
    for (size_t at = 0; twins_next(&d->check->twins, &at, &group);)
        if (group.conflict == conflict && (conflict || group.across == across))
            add_group(d, &group);
}

static void choose(struct drawing *d)
{
    add_groups(d, true, true);
    add_groups(d, false, true);
    add_groups(d, false, false);
    for (uint32_t s = 0; s < d->check->whole.split_count; s++)
        for (uint64_t i = 0; i < check_constants_kept(&d->check->splits[s]); i++)
            if (d->count < CELLS_MAX)
                d->cells[d->count++] =
                    (struct cell){.split = s, .index = d->check->splits[s].constant[i]};
    for (size_t i = 0; i < d->count; i++) {
        const struct whole_split *s = &d->check->whole.splits[d->cells[i].split];
        d->height = s->height > d->height ? s->height : d->height;
        d->width = s->width > d->width ? s->width : d->width;
    }
}

/* ---- drawing ------------------------------------------------------------------------------- */

static int draw_one(void *me, const struct whole_step *step, struct err *e)
{
    struct drawing *d = me;
    const struct whole *w = &d->check->whole;
    const struct whole_split *s = &w->splits[d->split];
    const struct sheet_pixels pixels = {.dtype = FMNIST_UINT8,
                                        .layout = FMNIST_NHWC,
                                        .channels = s->channels,
                                        .height = s->height,
                                        .width = s->width};
    size_t at = d->places[d->next++];
    struct cell *cell = &d->cells[at];
    uint8_t *rgb = malloc((size_t)s->height * s->width * 3);
    if (!rgb)
        return err_set(e, -ENOMEM, "out of memory");
    sheet_decode(&pixels, step->images, rgb);
    memset(d->canvas, SHEET_BACKGROUND, (size_t)d->height * d->width * 3);
    for (uint32_t y = 0; y < s->height; y++)
        memcpy(d->canvas + (size_t)y * d->width * 3, rgb + (size_t)y * s->width * 3,
               (size_t)s->width * 3);
    free(rgb);
    const char *name = s->label_columns ? NULL : whole_class(w, *step->labels);
    int n = snprintf(cell->text, TEXT_SIZE, "%s%s %u\n", cell->equals ? "= " : "", s->name,
                     cell->index);
    if (name)
        snprintf(cell->text + n, TEXT_SIZE - (size_t)n, "%s", name);
    else if (!s->label_columns)
        snprintf(cell->text + n, TEXT_SIZE - (size_t)n, "%d", (int)*step->labels);
    sheet_put(&d->sheet, at, d->canvas, cell->text);
    return 0;
}

/* The cells of one split, whose images come in the order that they are asked for. */
static int draw_split(struct drawing *d, struct whole *w, uint32_t split, struct err *e)
{
    uint32_t indices[CELLS_MAX];
    size_t places[CELLS_MAX], n = 0;
    for (size_t i = 0; i < d->count; i++)
        if (d->cells[i].split == split) {
            indices[n] = d->cells[i].index;
            places[n++] = i;
        }
    d->split = split;
    d->places = places;
    d->next = 0;
    int rc = n ? whole_pick(w, split, indices, n, draw_one, d, e) : 0;
    d->places = NULL;
    return rc;
}

static int write_sheet(const struct sheet *sheet, const char *path, struct err *e)
{
    struct output out = {.fd = -1};
    int rc = output_open(&out, path, e);
    if (!rc)
        rc = sheet_write(sheet, out.fd, e);
    if (!rc)
        rc = output_commit(&out, e);
    output_discard(&out);
    return rc;
}

static int draw(struct drawing *d, struct whole *w, const char *path, uint32_t columns,
                struct err *e)
{
    const struct sheet_shape shape = {.count = d->count,
                                      .columns = columns,
                                      .height = d->height,
                                      .width = d->width,
                                      .scale = sheet_scale_for(d->height, d->width),
                                      .text_length = LINE_MAX,
                                      .text_lines = 2};
    d->canvas = malloc((size_t)d->height * d->width * 3);
    if (!d->canvas)
        return err_set(e, -ENOMEM, "out of memory");
    int rc = sheet_init(&d->sheet, &shape, e);
    for (uint32_t s = 0; s < w->split_count && !rc; s++)
        rc = draw_split(d, w, s, e);
    return rc ? rc : write_sheet(&d->sheet, path, e);
}

int check_draw(struct check *c, const char *path, uint32_t columns, struct err *e)
{
    struct drawing *d = calloc(1, sizeof *d);
    if (!d)
        return err_set(e, -ENOMEM, "out of memory");
    d->check = c;
    choose(d);
    int rc = draw(d, &c->whole, path, columns, e);
    sheet_close(&d->sheet);
    free(d->canvas);
    free(d);
    return rc;
}
