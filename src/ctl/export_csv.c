/* SPDX-License-Identifier: MIT */
/* A line an image: its label, then its pixels row by row, the channels of each together. */
#include "ctl/export.h"
#include "ctl/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LABEL_BYTES 12 /* of the longest */
#define PIXEL_BYTES 4  /* ",255" */

struct csv_export {
    const struct whole_split *split;
    int fd;
    char pixels[256][PIXEL_BYTES];
    uint8_t lengths[256];
    char *text; /* owned; of one line, and of the first */
};

static int put(const struct csv_export *x, const char *text, size_t size, struct err *e)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = write(x->fd, text + done, size - done);
        if (n < 0 && errno != EINTR)
            return err_sys(e, -errno, "writing");
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static int take(void *me, const struct whole_step *step, struct err *e)
{
    struct csv_export *x = me;
    size_t pixels = export_image_bytes(x->split);
    int rc = 0;
    for (uint64_t i = 0; i < step->count && !rc; i++) {
        const uint8_t *image = step->images + i * pixels;
        char *at = x->text + sprintf(x->text, "%d", (int)step->labels[i]);
        for (size_t k = 0; k < pixels; k++) {
            memcpy(at, x->pixels[image[k]], PIXEL_BYTES);
            at += x->lengths[image[k]];
        }
        *at++ = '\n';
        rc = put(x, x->text, (size_t)(at - x->text), e);
    }
    return rc;
}

/* "label,pixel0,pixel1 ...", as the CSVs of Fashion-MNIST and MNIST have it. */
static int put_header(const struct csv_export *x, struct err *e)
{
    size_t pixels = export_image_bytes(x->split);
    int rc = put(x, "label", 5, e);
    for (size_t k = 0; k < pixels && !rc;) {
        size_t n = 0;
        for (; k < pixels && n < 4096; k++)
            n += (size_t)sprintf(x->text + n, ",pixel%zu", k);
        rc = put(x, x->text, n, e);
    }
    return rc ? rc : put(x, "\n", 1, e);
}

static int write_lines(struct export *x, int fd, struct err *e)
{
    struct csv_export mine = {.split = &x->whole.splits[x->first], .fd = fd};
    for (int v = 0; v < 256; v++) {
        char text[8];
        mine.lengths[v] = (uint8_t)snprintf(text, sizeof text, ",%d", v);
        memcpy(mine.pixels[v], text, PIXEL_BYTES);
    }
    /* What a pixel is copied with may be longer than it. */
    mine.text = malloc(export_image_bytes(mine.split) * PIXEL_BYTES + LABEL_BYTES + 4096 + 32);
    if (!mine.text)
        return err_set(e, -ENOMEM, "out of memory");
    int rc = put_header(&mine, e);
    if (!rc)
        rc = export_walk(x, x->first, take, &mine, e);
    free(mine.text);
    return rc;
}

static int write_csv(struct export *x, struct err *e)
{
    struct output out = {.fd = -1};
    int rc = output_open(&out, x->path, e);
    if (!rc)
        rc = write_lines(x, out.fd, e);
    if (!rc)
        rc = output_commit(&out, e);
    output_discard(&out);
    return rc;
}

const struct export_format export_csv = {
    .word = "csv", .ending = ".csv", .one_split = true, .no_alpha = true, .write = write_csv};
