/* SPDX-License-Identifier: MIT */
/* show: the samples of a batch, or of several, on one contact sheet: number and label below each.
 * With a chain, each image stands beside its original, and what was drawn for it below. Every
 * sample is decoded as it comes; the sheet is laid out once their number is known. */
#include "ctl/drawn.h"
#include "ctl/font.h"
#include "ctl/json.h"
#include "ctl/label.h"
#include "ctl/originals.h"
#include "ctl/output.h"
#include "ctl/picture.h"
#include "ctl/progress.h"
#include "ctl/served.h"
#include "ctl/sheet.h"
#include "ctl/verbs.h"

#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MIN 30 /* characters of a line of text */

struct cell {
    int64_t index;
    uint64_t epoch;
    uint32_t view;
    uint32_t lines;
    char *text; /* owned */
};

struct collection {
    uint64_t count, room, taken;
    uint32_t height, width;
    uint8_t *rgb;       /* [count][height][width][3] */
    struct cell *cells; /* [count] */
    uint32_t longest;   /* characters of a line */
    uint32_t lines;     /* of the longest text */
    bool lacks_text;    /* for want of memory */
};

static size_t rgb_bytes(const struct collection *c)
{
    return (size_t)c->height * c->width * 3;
}

static int make_room(struct collection *c, uint64_t more, struct err *e)
{
    uint64_t want = c->count + more;

    if (want <= c->room)
        return 0;
    if (want > SHEET_BYTES_MAX / rgb_bytes(c))
        return err_set(e, -EFBIG, "%" PRIu64 " images are more than a picture holds", want);

    uint8_t *rgb = realloc(c->rgb, want * rgb_bytes(c));
    if (rgb)
        c->rgb = rgb;
    struct cell *cells = realloc(c->cells, want * sizeof *cells);
    if (cells)
        c->cells = cells;
    if (!rgb || !cells)
        return err_set(e, -ENOMEM, "no memory for %" PRIu64 " images", want);
    c->room = want;
    return 0;
}

/* ---- texts --------------------------------------------------------------------------------- */

struct writing {
    struct collection *c;
    struct cell *cell;
};

/* Characters of a line: as wide as the image. */
static size_t text_width(const struct collection *c, uint32_t scale)
{
    size_t fit = (size_t)c->width * scale / FONT_ADVANCE;
    return fit > LINE_MIN ? fit : LINE_MIN;
}

/* Another line of the cell's text. */
static void add_line(void *to, const char *line)
{
    struct writing *w = to;
    struct collection *c = w->c;
    struct cell *cell = w->cell;
    size_t used = cell->text ? strlen(cell->text) : 0, more = strlen(line);
    char *text = realloc(cell->text, used + more + 2);

    if (!text) {
        c->lacks_text = true;
        return;
    }
    cell->text = text;
    sprintf(text + used, "%s%s", used ? "\n" : "", line);
    cell->lines++;
    c->lines = cell->lines > c->lines ? cell->lines : c->lines;
    c->longest = more > c->longest ? (uint32_t)more : c->longest;
}

static int check_texts(const struct collection *c, struct err *e)
{
    return c->lacks_text ? err_set(e, -ENOMEM, "no memory for the images' texts") : 0;
}

/* ---- a batch ------------------------------------------------------------------------------- */

struct source {
    const struct invocation *in;
    struct fmnist_stream *stream;
    struct fmnist_stream_info info;
    const struct fmnist_dataset *dataset;
    struct drawn drawn;
    float mean[FMNIST_CHANNELS_MAX], std[FMNIST_CHANNELS_MAX];
    struct sheet_pixels pixels;
};

static void collect(struct collection *c, const struct source *s, const struct fmnist_batch *b)
{
    size_t width = text_width(c, sheet_scale_for(c->height, c->width));

    for (uint64_t i = 0; i < b->count * s->drawn.views; i++, c->count++) {
        uint64_t row = i / s->drawn.views;
        struct label label = label_of(s->dataset, &s->info, b, row);

        c->cells[c->count] = (struct cell){
            .index = b->indices[row], .epoch = b->epoch, .view = (uint32_t)(i % s->drawn.views)};
        label_lines(&label, width, add_line, &(struct writing){c, &c->cells[c->count]});
        sheet_decode(&s->pixels,
                     (const uint8_t *)b->images + i * (s->info.image_bytes / s->drawn.views),
                     c->rgb + c->count * rgb_bytes(c));
    }
}

/* Returns 0, -ECANCELED (told by ctl_next), or another negative number with text. */
static int collect_batches(struct collection *c, const struct source *s, struct err *e)
{
    struct fmnist_batch b;
    struct progress progress;
    int rc, code = 0;

    progress_start(&progress, "show", "images", 0);
    while (code == 0 && (rc = ctl_next(s->in, s->stream, &c->taken, &b)) == 1) {
        code = make_room(c, b.count * s->drawn.views, e);
        if (code == 0)
            collect(c, s, &b);
        fmnist_release(s->stream, &b);
        progress_tell(&progress, c->count, clock_ns());
    }
    progress_clear();
    if (code != 0)
        return code;
    if (rc < 0)
        return -ECANCELED;
    return c->count ? check_texts(c, e) : err_set(e, -ENODATA, "the stream has no images");
}

/* ---- what was drawn ------------------------------------------------------------------------ */

static int add_drawn(struct collection *c, const struct source *s, size_t width, struct err *e)
{
    for (uint64_t i = 0; i < c->count; i += s->drawn.views) {
        uint32_t *values;

        if (drawn_values(&s->drawn, c->cells[i].epoch, c->cells[i].index, &values))
            return err_set(e, -EIO, "%s", fmnist_error());
        for (uint32_t view = 0; view < s->drawn.views; view++)
            drawn_lines(&s->drawn, values + (size_t)view * s->drawn.info.value_count, width,
                        add_line, &(struct writing){c, &c->cells[i + view]});
        free(values);
    }
    return check_texts(c, e);
}

/* Has each image beside its original. */
static int join_originals(struct collection *c, const struct originals *o, struct err *e)
{
    struct picture pair[2] = {{.height = o->height, .width = o->width},
                              {.height = c->height, .width = c->width}};
    size_t bytes = (size_t)pair_height(pair) * pair_width(pair) * 3;
    uint8_t *rgb = c->count <= SHEET_BYTES_MAX / bytes ? malloc(c->count * bytes) : NULL;

    if (!rgb)
        return err_set(e, -ENOMEM, "no memory for %" PRIu64 " images", c->count);
    for (uint64_t i = 0; i < c->count; i++) {
        pair[0].rgb = originals_at(o, i);
        pair[1].rgb = c->rgb + i * rgb_bytes(c);
        picture_pair(pair, SHEET_BACKGROUND, rgb + i * bytes);
    }
    free(c->rgb);
    c->rgb = rgb;
    c->height = pair_height(pair);
    c->width = pair_width(pair);
    return 0;
}

static int add_originals(struct collection *c, const struct source *s, struct err *e)
{
    uint32_t *indices = malloc(c->count * sizeof *indices);
    struct originals o = {0};

    if (!indices)
        return err_set(e, -ENOMEM, "no memory for %" PRIu64 " images", c->count);
    for (uint64_t i = 0; i < c->count; i++)
        indices[i] = (uint32_t)c->cells[i].index;
    int code = originals_read(&o, s->in, indices, c->count, e);
    if (code == 0)
        code = join_originals(c, &o, e);
    originals_close(&o);
    free(indices);
    return code;
}

/* ---- the sheet ----------------------------------------------------------------------------- */

static int write_sheet(const struct collection *c, const struct sheet_shape *shape,
                       const char *path, struct err *e)
{
    struct output out = {.fd = -1};
    struct sheet sheet;
    int code = sheet_init(&sheet, shape, e);

    if (code != 0)
        return code;
    for (uint64_t i = 0; i < c->count; i++)
        sheet_put(&sheet, i, c->rgb + i * rgb_bytes(c), c->cells[i].text ? c->cells[i].text : "");

    code = output_open(&out, path, e);
    if (code == 0)
        code = sheet_write(&sheet, out.fd, e);
    if (code == 0)
        code = output_commit(&out, e);
    output_discard(&out);
    sheet_close(&sheet);
    return code;
}

static int make_sheet(struct collection *c, const struct source *s, const char *path, struct err *e)
{
    uint32_t scale = sheet_scale_for(c->height, c->width);
    int code = s->drawn.augment ? add_originals(c, s, e) : 0;

    if (code == 0 && s->drawn.augment)
        code = add_drawn(c, s, text_width(c, scale), e);
    if (code != 0)
        return code;
    const struct sheet_shape shape = {
        .count = c->count,
        .columns = s->in->columns,
        .height = c->height,
        .width = c->width,
        .scale = scale,
        .text_length = c->longest,
        .text_lines = c->lines,
    };
    return write_sheet(c, &shape, path, e);
}

static void tell(const struct invocation *in, const char *path, const struct collection *c)
{
    FILE *to = strcmp(path, "-") ? stdout : stderr; /* standard output has the picture */
    if (in->json)
        ctl_print_json(to, json_pack("{s:o, s:I, s:I}", "file", ctl_json_text(path), "batches",
                                     (json_int_t)c->taken, "samples", (json_int_t)c->count));
    else
        fprintf(to, "%s\n", path);
}

static int show_stream(struct source *s)
{
    const char *path = s->in->output ? s->in->output : "fmnist.png";
    struct collection c = {.height = s->info.height, .width = s->info.width};
    struct err e = {""};
    if (drawn_init(&s->drawn, &s->in->spec, s->dataset))
        return ctl_error("show: %s", fmnist_error());
    s->pixels = drawn_pixels(&s->drawn, &s->in->spec, &s->info, s->mean, s->std);
    int code = collect_batches(&c, s, &e);

    if (code == 0)
        code = make_sheet(&c, s, path, &e);
    for (uint64_t i = 0; i < c.count; i++)
        free(c.cells[i].text);
    free(c.rgb);
    free(c.cells);
    drawn_close(&s->drawn);
    if (code != 0)
        return code == -ECANCELED ? EXIT_FAILED
                                  : ctl_file_error(code, "show: %s: %s", path, e.text);
    tell(s->in, path, &c);
    return EXIT_FINE;
}

int verb_show(const struct invocation *in)
{
    struct source s = {.in = in};
    struct fmnist_client *client;
    struct fmnist_datasets *datasets;
    int status = ctl_open(in, &client, &s.stream, &s.info);

    if (status != EXIT_FINE)
        return status;
    if (fmnist_datasets(client, &datasets) != FMNIST_OK) {
        status = ctl_error("%s", fmnist_error());
    } else {
        struct fmnist_dataset served;
        if (served_find(datasets, &in->spec, &served))
            s.dataset = &served;
        status = s.dataset ? show_stream(&s)
                           : ctl_error("show: %s/%s is not served any more", in->spec.dataset,
                                       in->spec.split);
        fmnist_datasets_free(datasets);
    }
    fmnist_close(s.stream);
    fmnist_disconnect(client);
    return status;
}
