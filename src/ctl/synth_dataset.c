/* SPDX-License-Identifier: MIT */
/* ctl/synth_dataset.c — drawn clothing, as the four IDX files of the family.
 *
 * Images are drawn and written one by one: memory does not grow with the count. All four files are
 * complete before the first is put in its place.
 * Source: the IDX format, yann.lecun.com/exdb/mnist.
 */
#include "ctl/synth_dataset.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/io.h"
#include "ctl/output.h"
#include "ctl/progress.h"
#include "ctl/synth_fashion.h"
#include "ctl/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define IDX_IMAGES 0x00000803u
#define IDX_LABELS 0x00000801u

/* zlib's modes: noise compresses hardly better at higher levels; "T" writes plain. */
#define MODE_GZIP "wb4"
#define MODE_RAW  "wbT"

static const char *const prefixes[2] = {"train", "t10k"};

struct idx_file {
    struct output output;
    gzFile stream; /* on a descriptor of its own; NULL: complete */
};

struct counted {
    struct progress progress;
    uint64_t done;
};

static int idx_open(struct idx_file *f, const struct invocation *in, const char *prefix,
                    const char *kind, struct err *err)
{
    char path[sizeof f->output.path];
    int length = snprintf(path, sizeof path, "%s/%s-%s-ubyte%s", in->output, prefix, kind,
                          in->raw ? "" : ".gz");

    if (length < 0 || (size_t)length >= sizeof path)
        return err_set(err, -ENAMETOOLONG, "the folder's name is too long");
    int code = output_open(&f->output, path, err);
    if (code != 0)
        return err_prefix(err, code, "%s", path);

    int fd = fcntl(f->output.fd, F_DUPFD_CLOEXEC, 0); /* gzclose closes it */
    if (fd < 0)
        return err_sys(err, -errno, "opening %s", path);
    f->stream = gzdopen(fd, in->raw ? MODE_RAW : MODE_GZIP);
    if (!f->stream) {
        fd_close(&fd);
        return err_set(err, -ENOMEM, "no memory to write %s", path);
    }
    gzbuffer(f->stream, 1 << 18);
    return 0;
}

static int idx_write(struct idx_file *f, const void *data, size_t size, struct err *err)
{
    errno = 0;
    if (gzfwrite(data, 1, size, f->stream) == size)
        return 0;
    return err_sys(err, errno ? -errno : -EIO, "writing %s", f->output.path);
}

static int idx_end(struct idx_file *f, struct err *err)
{
    gzFile stream = f->stream;

    f->stream = NULL;
    errno = 0;
    if (gzclose(stream) == Z_OK)
        return 0;
    return err_sys(err, errno ? -errno : -EIO, "writing %s", f->output.path);
}

static void idx_close(struct idx_file *f)
{
    if (f->stream)
        gzclose(f->stream);
    output_discard(&f->output);
}

/* ---- one split ----------------------------------------------------------------------------- */

static int write_headers(struct idx_file *images, struct idx_file *labels, uint64_t count,
                         uint32_t size, struct err *err)
{
    uint8_t header[16];

    put_be32(header, IDX_IMAGES);
    put_be32(header + 4, (uint32_t)count);
    put_be32(header + 8, size);
    put_be32(header + 12, size);
    int code = idx_write(images, header, 16, err);
    if (code != 0)
        return code;
    put_be32(header, IDX_LABELS);
    return idx_write(labels, header, 8, err);
}

/* Shape: files[2], images and labels. */
static int write_split(struct idx_file *files, struct garment_painter *p, uint64_t count,
                       uint8_t *pixels, struct counted *counted, struct err *err)
{
    int code = write_headers(&files[0], &files[1], count, p->size, err);

    for (uint64_t i = 0; code == 0 && i < count; i++) {
        uint8_t label = painter_label(p, i);

        painter_draw(p, i, pixels);
        code = idx_write(&files[0], pixels, (size_t)p->size * p->size, err);
        if (code == 0)
            code = idx_write(&files[1], &label, 1, err);
        progress_tell(&counted->progress, ++counted->done, clock_ns());
    }
    if (code == 0)
        code = idx_end(&files[0], err);
    return code ? code : idx_end(&files[1], err);
}

static int write_files(const struct invocation *in, struct idx_file *files, uint8_t *pixels,
                       struct counted *counted, struct err *err)
{
    const uint64_t counts[2] = {in->train, in->test};
    int code = 0;

    for (uint32_t split = 0; code == 0 && split < 2; split++) {
        struct garment_painter painter;
        struct idx_file *pair = &files[split * 2];

        code = painter_init(&painter, in->seed, split, (uint32_t)in->size, err);
        if (code == 0)
            code = idx_open(&pair[0], in, prefixes[split], "images-idx3", err);
        if (code == 0)
            code = idx_open(&pair[1], in, prefixes[split], "labels-idx1", err);
        if (code == 0)
            code = write_split(pair, &painter, counts[split], pixels, counted, err);
        painter_close(&painter);
    }
    for (uint32_t i = 0; code == 0 && i < 4; i++) {
        code = output_commit(&files[i].output, err);
        if (code != 0)
            err_prefix(err, code, "%s", files[i].output.path);
    }
    return code;
}

int synth_dataset_write(const struct invocation *in, struct err *err)
{
    struct idx_file *files = calloc(4, sizeof *files);
    uint8_t *pixels = malloc(in->size * in->size);
    struct counted counted = {.done = 0};
    int code;

    progress_start(&counted.progress, "gen-dataset", "images", in->train + in->test);
    if (!files || !pixels) {
        code = err_set(err, -ENOMEM, "out of memory");
        goto free_memory;
    }
    for (int i = 0; i < 4; i++)
        files[i].output.fd = -1;

    if (mkdir(in->output, 0777) != 0 && errno != EEXIST)
        code = err_sys(err, -errno, "making the folder %s", in->output);
    else
        code = write_files(in, files, pixels, &counted, err);
    progress_clear();
    for (int i = 0; i < 4; i++)
        idx_close(&files[i]);
free_memory:
    free(pixels);
    free(files);
    return code;
}
