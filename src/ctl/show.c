/* show: the samples of a batch, or of several, on one contact sheet: number and label below each.
 * Every sample is decoded as it comes; the sheet is laid out once their number is known. */
#include "ctl/output.h"
#include "ctl/sheet.h"
#include "ctl/verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_SIZE 64

struct collection {
    uint64_t count, room, taken;
    size_t rgb_bytes;         /* of one image */
    uint8_t *rgb;             /* [count][rgb_bytes] */
    char (*texts)[TEXT_SIZE]; /* [count] */
    uint32_t longest;         /* characters of a text */
};

static int64_t label_at(const void *labels, uint64_t at, uint32_t dtype)
{
    switch (dtype) {
    case FMNIST_UINT8:
        return ((const uint8_t *)labels)[at];
    case FMNIST_INT32:
        return ((const int32_t *)labels)[at];
    }
    return ((const int64_t *)labels)[at];
}

static int make_room(struct collection *c, uint64_t more, struct err *e)
{
    uint64_t want = c->count + more;

    if (want <= c->room)
        return 0;
    if (want > SHEET_BYTES_MAX / c->rgb_bytes)
        return err_set(e, -EFBIG, "%" PRIu64 " images are more than a picture holds", want);

    uint8_t *rgb = realloc(c->rgb, want * c->rgb_bytes);
    if (rgb)
        c->rgb = rgb;
    char(*texts)[TEXT_SIZE] = realloc(c->texts, want * TEXT_SIZE);
    if (texts)
        c->texts = texts;
    if (!rgb || !texts)
        return err_set(e, -ENOMEM, "no memory for %" PRIu64 " images", want);
    c->room = want;
    return 0;
}

static void collect(struct collection *c, const struct fmnist_stream_info *info,
                    const struct sheet_pixels *pixels, const struct fmnist_dataset *dataset,
                    const struct fmnist_batch *b)
{
    for (uint64_t i = 0; i < b->count; i++, c->count++) {
        int64_t label = label_at(b->labels, i, info->label_dtype);
        const char *name = dataset ? fmnist_label_text(dataset, label) : NULL;
        char *text = c->texts[c->count];

        if (name)
            snprintf(text, TEXT_SIZE, "%" PRId64 ": %s", b->indices[i], name);
        else
            snprintf(text, TEXT_SIZE, "%" PRId64 ": %" PRId64, b->indices[i], label);
        if (strlen(text) > c->longest)
            c->longest = (uint32_t)strlen(text);
        sheet_decode(pixels, (const uint8_t *)b->images + i * info->image_bytes,
                     c->rgb + c->count * c->rgb_bytes);
    }
}

/* Returns 0, -ECANCELED (told by ctl_next), or another negative number with text. */
static int collect_batches(struct collection *c, const struct invocation *in,
                           struct fmnist_stream *stream, const struct fmnist_stream_info *info,
                           const struct fmnist_dataset *dataset, struct err *e)
{
    const struct sheet_pixels pixels = {
        .dtype = info->dtype,
        .layout = info->layout,
        .channels = info->channels,
        .height = info->height,
        .width = info->width,
        .mean_count = in->spec.mean_count,
        .std_count = in->spec.std_count,
        .mean = in->spec.mean,
        .std = in->spec.std,
    };
    struct fmnist_batch b;
    int rc, code = 0;

    while (code == 0 && (rc = ctl_next(in, stream, &c->taken, &b)) == 1) {
        code = make_room(c, b.count, e);
        if (code == 0)
            collect(c, info, &pixels, dataset, &b);
        fmnist_release(stream, &b);
    }
    if (code != 0)
        return code;
    if (rc < 0)
        return -ECANCELED;
    return c->count ? 0 : err_set(e, -ENODATA, "the stream has no images");
}

static int write_sheet(const struct collection *c, const struct sheet_shape *shape,
                       const char *path, struct err *e)
{
    struct output out = {.fd = -1};
    struct sheet sheet;
    int code = sheet_init(&sheet, shape, e);

    if (code != 0)
        return code;
    for (uint64_t i = 0; i < c->count; i++)
        sheet_put(&sheet, i, c->rgb + i * c->rgb_bytes, c->texts[i]);

    code = output_open(&out, path, e);
    if (code == 0)
        code = sheet_write(&sheet, out.fd, e);
    if (code == 0)
        code = output_commit(&out, e);
    output_discard(&out);
    sheet_close(&sheet);
    return code;
}

static int tell(const struct invocation *in, const char *path, const struct collection *c)
{
    FILE *to = strcmp(path, "-") ? stdout : stderr; /* standard output has the picture */

    if (!in->json) {
        fprintf(to, "%s\n", path);
        return EXIT_FINE;
    }
    json_t *summary = json_pack("{s:s, s:I, s:I}", "file", path, "batches", (json_int_t)c->taken,
                                "samples", (json_int_t)c->count);
    if (!summary)
        return ctl_error("show: %s: a name that JSON cannot carry", path);
    json_dumpf(summary, to, JSON_PRESERVE_ORDER);
    fputc('\n', to);
    json_decref(summary);
    return EXIT_FINE;
}

static int show_stream(const struct invocation *in, struct fmnist_stream *stream,
                       const struct fmnist_stream_info *info, const struct fmnist_dataset *dataset)
{
    const char *path = in->output ? in->output : "fmnist.png";
    struct collection c = {.rgb_bytes = (size_t)info->height * info->width * 3};
    struct err e = {""};
    int code = collect_batches(&c, in, stream, info, dataset, &e);

    if (code == 0) {
        const struct sheet_shape shape = {
            .count = c.count,
            .columns = in->columns,
            .height = info->height,
            .width = info->width,
            .scale = sheet_scale_for(info->height, info->width),
            .text_length = c.longest,
        };
        code = write_sheet(&c, &shape, path, &e);
    }
    free(c.rgb);
    free(c.texts);
    if (code != 0)
        return code == -ECANCELED ? EXIT_FAILED : ctl_error("show: %s: %s", path, e.text);
    return tell(in, path, &c);
}

int verb_show(const struct invocation *in)
{
    struct fmnist_client *client;
    struct fmnist_stream *stream;
    struct fmnist_stream_info info;
    struct fmnist_datasets *datasets;
    int status = ctl_open(in, &client, &stream, &info);

    if (status != EXIT_FINE)
        return status;
    if (fmnist_datasets(client, &datasets) != FMNIST_OK) {
        status = ctl_error("%s", fmnist_error());
    } else {
        status = show_stream(in, stream, &info,
                             fmnist_datasets_find(datasets, in->spec.dataset, in->spec.split));
        fmnist_datasets_free(datasets);
    }
    fmnist_close(stream);
    fmnist_disconnect(client);
    return status;
}
