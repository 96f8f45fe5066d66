/* SPDX-License-Identifier: MIT */
/* explain: one image of a stream, at a place of the caller's: what it is, and what was drawn for
 * it. */
#include "ctl/colours.h"
#include "ctl/drawn.h"
#include "ctl/json.h"
#include "ctl/label.h"
#include "ctl/originals.h"
#include "ctl/output.h"
#include "ctl/picture.h"
#include "ctl/served.h"
#include "ctl/sheet.h"
#include "ctl/verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_WIDTH 80 /* of a terminal */

struct explained {
    const struct invocation *in;
    const struct fmnist_dataset *dataset;
    struct fmnist_stream_info info;
    struct drawn drawn;
    int64_t index;
    struct label label;
    void *numbers;    /* owned: the label's */
    uint32_t *values; /* owned; [views][value_count] */
    uint8_t *rgb;     /* owned; [views][height][width][3] */
    struct originals original;
};

static size_t rgb_bytes(const struct explained *x)
{
    return (size_t)x->info.height * x->info.width * 3;
}

static void forget(struct explained *x)
{
    free(x->values);
    free(x->rgb);
    free(x->numbers);
    originals_close(&x->original);
    drawn_close(&x->drawn);
}

/* ---- finding it ---------------------------------------------------------------------------- */

static int take_row(struct explained *x, const struct fmnist_batch *b)
{
    const struct invocation *in = x->in;
    float mean[FMNIST_CHANNELS_MAX], std[FMNIST_CHANNELS_MAX];
    if (in->row >= b->count) {
        return ctl_usage("--row %" PRIu64 ": the batch has %" PRIu64 " rows, counted from 0",
                         in->row, b->count);
    }
    if (drawn_init(&x->drawn, &in->spec, x->dataset))
        return ctl_error("explain: %s", fmnist_error());
    uint32_t views = x->drawn.views;
    struct sheet_pixels pixels = drawn_pixels(&x->drawn, &in->spec, &x->info, mean, std);
    x->index = b->indices[in->row];
    x->label = label_of(x->dataset, &x->info, b, in->row);
    if (drawn_values(&x->drawn, b->epoch, x->index, &x->values))
        return ctl_error("explain: %s", fmnist_error());
    x->rgb = malloc(views * rgb_bytes(x));
    x->numbers = malloc(x->info.label_bytes);
    if (!x->rgb || !x->numbers)
        return ctl_error("explain: out of memory");
    x->label.numbers = memcpy(x->numbers, x->label.numbers, x->info.label_bytes);
    const uint8_t *images = (const uint8_t *)b->images + in->row * x->info.image_bytes;
    for (uint32_t v = 0; v < views; v++)
        sheet_decode(&pixels, images + v * (x->info.image_bytes / views),
                     x->rgb + v * rgb_bytes(x));
    return EXIT_FINE;
}

/* ---- telling it ---------------------------------------------------------------------------- */

static void print_line(void *to, const char *line)
{
    fprintf(to, "%s\n", line);
}

static void print_indented(void *to, const char *line)
{
    fprintf(to, "  %s\n", line);
}

static void print_text(const struct explained *x, FILE *to, bool picture)
{
    const struct invocation *in = x->in;
    /* Grey images are as good in characters, and those can be copied. */
    bool colour = x->info.channels >= 3 || x->original.channels >= 3;
    struct picture_style style =
        colour ? colours_of(fileno(to)) : (struct picture_style){.colours = PICTURE_GREY};
    char name[160];
    label_text(&x->label, name, sizeof name);
    fprintf(to, "%s/%s, epoch %" PRIu64 ", step %" PRIu64 ", row %" PRIu64 ": image %s\n",
            in->spec.dataset, in->spec.split, in->spec.epoch, in->step, in->row, name);
    if (x->drawn.augment)
        fprintf(to, "%s\n", x->drawn.info.text);
    for (uint32_t v = 0; v < x->drawn.views; v++) {
        const uint32_t *values = x->values + (size_t)v * x->drawn.info.value_count;
        struct picture pair[2] = {
            {x->original.rgb, x->original.height, x->original.width},
            {x->rgb + v * rgb_bytes(x), x->info.height, x->info.width},
        };
        if (x->drawn.views > 1)
            fprintf(to, "view %u\n", v);
        drawn_lines(&x->drawn, values, LINE_WIDTH - 2, print_indented, to);
        if (picture && x->drawn.augment)
            picture_lines(pair, 2, LINE_WIDTH, style, print_line, to);
        else if (picture)
            picture_lines(pair + 1, 1, LINE_WIDTH, style, print_line, to);
    }
}

static void print_json(const struct explained *x, FILE *to, const char *path)
{
    const struct invocation *in = x->in;
    json_t *views = json_array();
    for (uint32_t v = 0; v < x->drawn.views; v++)
        json_array_append_new(
            views, drawn_json(&x->drawn, x->values + (size_t)v * x->drawn.info.value_count));
    json_t *all = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:i, s:i, s:i, s:o}",
                            "dataset", in->spec.dataset, "split", in->spec.split, "epoch",
                            (json_int_t)in->spec.epoch, "step", (json_int_t)in->step, "row",
                            (json_int_t)in->row, "index", (json_int_t)x->index, "augment",
                            ctl_json_text(x->drawn.augment ? x->drawn.info.text : NULL), "views",
                            views, "channels", (int)x->info.channels, "height", (int)x->info.height,
                            "width", (int)x->info.width, "file", ctl_json_text(path));
    label_add_json(&x->label, all);
    ctl_print_json(to, all);
}

/* ---- the PNG ------------------------------------------------------------------------------- */

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

/* The original, where there is a chain, and each view. */
static int write_png(const struct explained *x, const char *path, struct err *e)
{
    uint32_t originals = x->drawn.augment ? 1 : 0;
    uint32_t height = x->info.height, width = x->info.width;
    struct sheet sheet;
    if (originals && x->original.height > height)
        height = x->original.height;
    if (originals && x->original.width > width)
        width = x->original.width;
    const struct sheet_shape shape = {.count = originals + x->drawn.views,
                                      .columns = originals + x->drawn.views,
                                      .height = height,
                                      .width = width,
                                      .scale = sheet_scale_for(height, width),
                                      .text_length = 0};
    uint8_t *canvas = malloc((size_t)height * width * 3);
    if (!canvas)
        return err_set(e, -ENOMEM, "out of memory");
    int rc = sheet_init(&sheet, &shape, e);
    for (uint32_t i = 0; i < shape.count && !rc; i++) {
        struct picture p = {x->original.rgb, x->original.height, x->original.width};
        if (i >= originals)
            p = (struct picture){x->rgb + (i - originals) * rgb_bytes(x), x->info.height,
                                 x->info.width};
        memset(canvas, SHEET_BACKGROUND, (size_t)height * width * 3);
        for (uint32_t y = 0; y < p.height; y++)
            memcpy(canvas + (size_t)y * width * 3, p.rgb + (size_t)y * p.width * 3,
                   (size_t)p.width * 3);
        sheet_put(&sheet, i, canvas, "");
    }
    free(canvas);
    if (!rc) {
        rc = write_sheet(&sheet, path, e);
        sheet_close(&sheet);
    }
    return rc;
}

static int tell(const struct explained *x)
{
    const char *path = x->in->output;
    FILE *to = path && !strcmp(path, "-") ? stderr : stdout;
    struct err e = {""};
    int rc = path ? write_png(x, path, &e) : 0;
    if (rc)
        return ctl_file_error(rc, "explain: %s: %s", path, e.text);
    if (x->in->json)
        print_json(x, to, path);
    else
        print_text(x, to, !path);
    return EXIT_FINE;
}

/* ---- the verb ------------------------------------------------------------------------------ */

static int explain_row(struct explained *x, struct fmnist_stream *stream)
{
    struct fmnist_batch b;
    struct err e = {""};
    uint64_t taken = 0;
    int rc = ctl_next(x->in, stream, &taken, &b);
    if (rc != 1)
        return rc < 0 ? EXIT_FAILED : ctl_error("explain: the stream ended before that step");
    int status = take_row(x, &b);
    fmnist_release(stream, &b);
    if (status || !x->drawn.augment)
        return status ? status : tell(x);
    uint32_t index = (uint32_t)x->index;
    rc = originals_read(&x->original, x->in, &index, 1, &e);
    if (rc)
        return rc == -ECANCELED ? EXIT_FAILED : ctl_error("explain: %s", e.text);
    return tell(x);
}

int verb_explain(const struct invocation *in)
{
    struct explained x = {.in = in};
    struct fmnist_client *client;
    struct fmnist_stream *stream;
    struct fmnist_datasets *datasets;
    int status = ctl_open_at(in, in->step, &client, &stream, &x.info);
    if (status)
        return status;
    if (fmnist_datasets(client, &datasets)) {
        status = ctl_error("%s", fmnist_error());
    } else {
        struct fmnist_dataset served;
        if (served_find(datasets, &in->spec, &served))
            x.dataset = &served;
        status = x.dataset ? explain_row(&x, stream)
                           : ctl_error("explain: %s/%s is not served any more", in->spec.dataset,
                                       in->spec.split);
        forget(&x);
        fmnist_datasets_free(datasets);
    }
    fmnist_close(stream);
    fmnist_disconnect(client);
    return status;
}
