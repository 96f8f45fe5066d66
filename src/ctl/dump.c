/* SPDX-License-Identifier: MIT */
/* dump: batches to an .npz, one behind the other along the first axis. Images are written as they
 * come; labels and indices, which are small, wait for their turn. */
#include "ctl/json.h"
#include "ctl/npz.h"
#include "ctl/output.h"
#include "ctl/progress.h"
#include "ctl/verbs.h"

#include "base/bytes.h"
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *descr_of(uint32_t dtype)
{
    switch (dtype) {
    case FMNIST_UINT8:
        return "|u1";
    case FMNIST_FLOAT32:
        return "<f4";
    case FMNIST_FLOAT16:
        return "<f2";
    case FMNIST_BFLOAT16:
        return "<u2"; /* NumPy has no bfloat16: its bits */
    case FMNIST_INT32:
        return "<i4";
    }
    return "<i8";
}

/* Samples that the invocation asks for: whole epochs, or batches over their ends. UINT64_MAX, which
 * no memory holds, where the number is beyond 64 bits. */
static uint64_t samples_asked(const struct invocation *in, const struct fmnist_stream_info *info)
{
    uint64_t epochs = in->batches ? in->batches / info->steps : in->epochs;
    uint64_t rest = in->batches % info->steps * info->batch_size; /* of less than an epoch */
    uint64_t samples;
    if (!size_mul(epochs, info->sample_count, &samples) ||
        __builtin_add_overflow(samples, rest, &samples))
        return UINT64_MAX;
    return samples;
}

struct dump {
    struct npz *npz;
    uint64_t samples, written, taken;
    struct progress progress;
    char *labels;
    int64_t *indices;
    uint32_t label_bytes;
};

static int begin_images(struct dump *d, const struct fmnist_stream_info *info, struct err *e)
{
    uint64_t nchw[] = {d->samples, info->views, info->channels, info->height, info->width};
    uint64_t nhwc[] = {d->samples, info->views, info->height, info->width, info->channels};
    uint64_t *shape = info->layout == FMNIST_NHWC ? nhwc : nchw, pixels = 1;
    uint32_t dimensions = 5;
    for (uint32_t i = 1; i < dimensions; i++)
        pixels *= shape[i];
    if (info->views == 1) { /* no dimension of their own */
        shape[1] = shape[0];
        shape++;
        dimensions--;
    }
    uint32_t item = (uint32_t)(info->image_bytes / pixels);
    return npz_begin(d->npz, "images", descr_of(info->dtype), shape, dimensions, item, e);
}

/* Returns 0, -ECANCELED (told by ctl_next), or another negative number with text. */
static int copy_batches(struct dump *d, const struct invocation *in, struct fmnist_stream *stream,
                        const struct fmnist_stream_info *info, struct err *e)
{
    struct fmnist_batch b;
    int rc, wrote = 0;
    while (!wrote && (rc = ctl_next(in, stream, &d->taken, &b)) == 1) {
        if (b.count > d->samples - d->written)
            return err_set(e, -EIO, "the daemon sent more samples than it announced");
        wrote = npz_write(d->npz, b.images, b.count * info->image_bytes, e);
        memcpy(d->labels + d->written * info->label_bytes, b.labels, b.count * info->label_bytes);
        memcpy(d->indices + d->written, b.indices, b.count * sizeof *b.indices);
        d->written += b.count;
        fmnist_release(stream, &b);
        progress_tell(&d->progress, d->written, clock_ns());
    }
    if (wrote || rc < 0)
        return wrote ? wrote : -ECANCELED;
    if (d->written < d->samples)
        return err_set(e, -EIO, "the stream ended behind %llu of %llu samples",
                       (unsigned long long)d->written, (unsigned long long)d->samples);
    return 0;
}

static int finish_arrays(struct dump *d, const struct fmnist_stream_info *info, struct err *e)
{
    const uint32_t rows = info->label_count ? info->label_count : 1;
    const uint64_t shape[] = {d->samples, rows};
    int rc = npz_begin(d->npz, "labels", descr_of(info->label_dtype), shape,
                       info->label_count ? 2 : 1, info->label_bytes / rows, e);
    if (!rc)
        rc = npz_write(d->npz, d->labels, d->samples * info->label_bytes, e);
    if (!rc)
        rc = npz_begin(d->npz, "indices", "<i8", &d->samples, 1, 8, e);
    return rc ? rc : npz_write(d->npz, d->indices, d->samples * 8, e);
}

static int write_archive(struct dump *d, int fd, const struct invocation *in,
                         struct fmnist_stream *stream, const struct fmnist_stream_info *info,
                         struct err *e)
{
    int rc = npz_open(&d->npz, fd, e);
    if (rc)
        return rc;
    rc = begin_images(d, info, e);
    if (!rc)
        rc = copy_batches(d, in, stream, info, e);
    if (!rc)
        rc = finish_arrays(d, info, e);
    struct err closing;
    int closed = npz_close(d->npz, rc ? &closing : e);
    return rc ? rc : closed;
}

/* On standard error where standard output has the archive. */
static void print_result(const struct invocation *in, const char *path, const struct dump *d)
{
    FILE *to = strcmp(path, "-") ? stdout : stderr;
    if (!in->json) {
        fprintf(to, "%s: %llu batches, %llu samples\n", path, (unsigned long long)d->taken,
                (unsigned long long)d->samples);
        return;
    }
    ctl_print_json(to, json_pack("{s:o, s:I, s:I}", "file", ctl_json_text(path), "batches",
                                 (json_int_t)d->taken, "samples", (json_int_t)d->samples));
}

static int dump_stream(const struct invocation *in, struct fmnist_stream *stream,
                       const struct fmnist_stream_info *info)
{
    const char *path = in->output ? in->output : "fmnist.npz";
    struct dump d = {.samples = samples_asked(in, info)};
    d.labels = calloc(d.samples, info->label_bytes);
    d.indices = calloc(d.samples, sizeof *d.indices);
    progress_start(&d.progress, "dump", "samples", d.samples);
    struct output out = {.fd = -1};
    struct err e = {""};
    int rc = d.labels && d.indices ? output_open(&out, path, &e)
                                   : err_set(&e, -ENOMEM, "%llu samples: out of memory",
                                             (unsigned long long)d.samples);
    if (!rc)
        rc = write_archive(&d, out.fd, in, stream, info, &e);
    if (!rc)
        rc = output_commit(&out, &e);
    progress_clear();
    output_discard(&out);
    free(d.labels);
    free(d.indices);
    if (rc)
        return rc == -ECANCELED ? EXIT_FAILED : ctl_file_error(rc, "dump: %s: %s", path, e.text);
    print_result(in, path, &d);
    return EXIT_FINE;
}

int verb_dump(const struct invocation *in)
{
    struct fmnist_client *client;
    struct fmnist_stream *stream;
    struct fmnist_stream_info info;
    int status = ctl_open(in, &client, &stream, &info);
    if (status)
        return status;
    status = dump_stream(in, stream, &info);
    fmnist_close(stream);
    fmnist_disconnect(client);
    return status;
}
