/* SPDX-License-Identifier: MIT */
/* files ─reader─► bytes ─gzip─► IDX header, items ─convert─► sink ─► digest and target
 */
#include "dataset/build.h"

#include "base/bytes.h"
#include "base/io.h"
#include "dataset/file_reader.h"
#include "dataset/gzip.h"
#include "dataset/idx.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- one IDX file, pulled ------------------------------------------------------------------ */

struct input {
    const struct source_file *file;
    const struct build *build;
    struct file_reader reader;
    struct gzip gzip;
    struct idx_header header;
};

/* Forwards what the reader returns, but for what is only worth a note. */
static int tell_uring(const struct input *in, int rc, const struct err *e)
{
    if (rc != FILE_READER_NO_URING)
        return rc;
    if (in->build->note)
        in->build->note(in->build->note_data, e->text);
    return 0;
}

static int next_bytes(void *data, const uint8_t **bytes, size_t *size, struct err *e)
{
    struct input *in = data;
    int rc = pulse_beat(in->build->pulse, e);
    return rc < 0 ? rc : tell_uring(in, file_reader_next(&in->reader, bytes, size, e), e);
}

static int read_header(struct input *in, struct err *e)
{
    uint8_t bytes[IDX_HEADER_BYTES_MAX];
    size_t have = 0;
    in->header.header_bytes = IDX_PREFIX_BYTES;
    int rc = IDX_MORE;
    while (rc == IDX_MORE) {
        size_t want = in->header.header_bytes, n;
        rc = gzip_read(&in->gzip, bytes + have, want - have, &n, e);
        if (rc < 0)
            return rc;
        have += n;
        if (have == 0)
            return err_set(e, -EINVAL, "the file is empty: fetch it again");
        if (have < want)
            return err_set(e, -EINVAL, "truncated: %zu bytes, the IDX header alone is %zu", have,
                           want);
        rc = idx_parse(bytes, have, &in->header, e);
    }
    return rc;
}

/* Refuses what cannot be before any space is taken for it. */
static int check_size(const struct input *in, struct err *e)
{
    uint64_t present = in->file->id.size;
    uint64_t stated = in->header.header_bytes + in->header.data_bytes;
    if (in->gzip.plain && present != stated)
        return err_set(e, -EINVAL, "%" PRIu64 " bytes, the IDX header states %" PRIu64, present,
                       stated);
    if (!in->gzip.plain && stated / GZIP_RATIO_MAX > present)
        return err_set(e, -EINVAL,
                       "%" PRIu64 " bytes of gzip cannot hold the %" PRIu64
                       " that the IDX header states",
                       present, stated);
    return 0;
}

static int input_open(struct input *in, const struct build *b, int which, struct err *e)
{
    in->file = &b->files[which];
    in->build = b;
    int rc = file_reader_open(&in->reader, in->file->fd, in->file->id.size, b->use_uring, e);
    rc = tell_uring(in, rc, e);
    if (rc < 0)
        return rc;
    struct gzip_source source = {.next = next_bytes, .data = in};
    rc = gzip_open(&in->gzip, &source, e);
    if (rc == 0)
        rc = read_header(in, e);
    if (rc == 0)
        rc = check_size(in, e);
    return rc < 0 ? err_prefix(e, rc, "%s", in->file->path) : 0;
}

/* Reads exactly `size` bytes of items; `done` came before them. */
static int input_read(struct input *in, void *out, size_t size, uint64_t done, struct err *e)
{
    size_t n;
    int rc = gzip_read(&in->gzip, out, size, &n, e);
    if (rc == 0 && n < size)
        rc = err_set(e, -EINVAL,
                     "truncated: %" PRIu64 " bytes of items, the IDX header states %" PRIu64,
                     done + n, in->header.data_bytes);
    return rc < 0 ? err_prefix(e, rc, "%s", in->file->path) : 0;
}

/* Nothing may follow, and the file must still be the one that was opened. */
static int input_end(struct input *in, struct err *e)
{
    uint8_t byte;
    size_t n;
    int rc = gzip_read(&in->gzip, &byte, 1, &n, e);
    if (rc == 0 && n != 0)
        rc = err_set(e, -EINVAL, "more than the %" PRIu64 " bytes that the IDX header states",
                     in->header.header_bytes + in->header.data_bytes);
    if (rc < 0)
        return err_prefix(e, rc, "%s", in->file->path);
    return source_unchanged(in->file, e);
}

static void input_close(struct input *in)
{
    gzip_close(&in->gzip);
    file_reader_close(&in->reader);
}

static int take_shapes(const struct input in[SOURCE_FILES], struct shape_rules rules,
                       struct dataset_split *s, struct err *e)
{
    struct shape_file files[SOURCE_FILES];
    for (int i = 0; i < SOURCE_FILES; i++)
        files[i] = (struct shape_file){.header = &in[i].header, .path = in[i].file->path};
    return shapes_take(files, rules, s, e);
}

/* ---- the target ---------------------------------------------------------------------------- */

/* With on_disk a full disk shows here, before the work; else memory that there is not. */
static int reserve(const struct build *b, struct dataset_split *s, uint64_t bytes, struct err *e)
{
    char reason[ERR_REASON_SIZE];
    if (b->on_disk && fallocate(b->target, 0, 0, (off_t)bytes) == 0)
        return 0;
    if (b->on_disk && errno != EOPNOTSUPP && errno != ENOSYS)
        return err_set(e, BUILD_NO_TARGET, "taking %" PRIu64 " bytes: %s", bytes,
                       err_reason(-errno, reason));
    if (!b->on_disk && !budget_take(b->budget, bytes))
        return budget_refuse(b->budget, "a dataset held in memory", bytes, e);
    if (!b->on_disk) {
        s->budget = b->budget;
        s->held_bytes = bytes;
    }
    if (ftruncate(b->target, (off_t)bytes) < 0)
        return err_set(e, BUILD_NO_TARGET, "taking %" PRIu64 " bytes: %s", bytes,
                       err_reason(-errno, reason));
    return 0;
}

/* ---- conversion ---------------------------------------------------------------------------- */

/* stored[width][height][channels] -> out[height][width][channels], in the names of the result. */
static void transpose_image(const struct dataset_split *s, const uint8_t *stored, uint8_t *out)
{
    for (uint32_t y = 0; y < s->height; y++)
        for (uint32_t x = 0; x < s->width; x++)
            for (uint32_t c = 0; c < s->channels; c++)
                *out++ = stored[((uint64_t)x * s->height + y) * s->channels + c];
}

static int put_transposed(struct input *in, const struct dataset_split *s, struct sink *k,
                          struct err *e)
{
    uint64_t image_bytes = cache_layout(s).image_bytes;
    uint64_t batch = image_bytes < SINK_STEP_BYTES ? SINK_STEP_BYTES / image_bytes : 1;
    uint8_t *stored = malloc(batch * image_bytes), *upright = malloc(image_bytes);
    int rc = stored && upright ? 0 : err_set(e, -ENOMEM, "no memory for %" PRIu64 " images", batch);
    for (uint64_t done = 0; rc == 0 && done < s->count; done += batch) {
        if (batch > s->count - done)
            batch = s->count - done;
        rc = input_read(in, stored, batch * image_bytes, done * image_bytes, e);
        for (uint64_t i = 0; rc == 0 && i < batch; i++) {
            transpose_image(s, stored + i * image_bytes, upright);
            rc = sink_put(k, upright, image_bytes, e);
        }
    }
    free(stored);
    free(upright);
    return rc;
}

static int put_as_they_are(struct input *in, const struct dataset_split *s, struct sink *k,
                           struct err *e)
{
    uint64_t bytes = cache_layout(s).image_bytes * s->count;
    int rc = 0;
    for (uint64_t done = 0; rc == 0 && done < bytes;) {
        size_t room;
        uint8_t *to = sink_space(k, &room);
        room = bytes - done < room ? bytes - done : room;
        rc = input_read(in, to, room, done, e);
        if (rc < 0)
            break;
        rc = sink_took(k, room, e);
        done += room;
    }
    return rc;
}

static int put_images(struct input *in, bool transpose, const struct dataset_split *s,
                      struct sink *k, struct err *e)
{
    int rc = transpose ? put_transposed(in, s, k, e) : put_as_they_are(in, s, k, e);
    return rc ? rc : input_end(in, e);
}

enum { LABEL_BATCH = 4096 };

static void convert_labels(const struct idx_header *h, const uint8_t *stored, uint64_t count,
                           int32_t *out)
{
    uint64_t stride = h->data_bytes / h->dims[0]; /* column 0 of a table is the class */
    for (uint64_t i = 0; i < count; i++)
        out[i] = h->type == IDX_UINT8 ? stored[i * stride] : (int32_t)get_be32(stored + i * stride);
}

/* Rows as they are; *s learns the least and the greatest byte. */
static int put_rows(struct input *in, struct dataset_split *s, struct sink *k, struct err *e)
{
    uint64_t bytes = cache_layout(s).label_bytes * s->count;
    uint8_t least = UINT8_MAX, greatest = 0;
    int rc = 0;
    for (uint64_t done = 0; rc == 0 && done < bytes;) {
        size_t room;
        uint8_t *to = sink_space(k, &room);
        room = bytes - done < room ? bytes - done : room;
        rc = input_read(in, to, room, done, e);
        if (rc < 0)
            break;
        for (size_t i = 0; i < room; i++) {
            least = to[i] < least ? to[i] : least;
            greatest = to[i] > greatest ? to[i] : greatest;
        }
        rc = sink_took(k, room, e);
        done += room;
    }
    s->label_min = least;
    s->label_max = greatest;
    return rc ? rc : input_end(in, e);
}

static int put_labels(struct input *in, struct dataset_split *s, struct sink *k, struct err *e)
{
    uint64_t stride = in->header.data_bytes / s->count;
    uint64_t batch = stride < SINK_STEP_BYTES ? SINK_STEP_BYTES / stride : 1;
    if (batch > LABEL_BATCH)
        batch = LABEL_BATCH;
    int32_t labels[LABEL_BATCH];
    uint8_t *buffer = malloc(batch * stride);
    int rc = buffer ? 0 : err_set(e, -ENOMEM, "no memory for labels");
    s->label_min = INT32_MAX;
    s->label_max = INT32_MIN;
    for (uint64_t done = 0; rc == 0 && done < s->count; done += batch) {
        if (batch > s->count - done)
            batch = s->count - done;
        rc = input_read(in, buffer, batch * stride, done * stride, e);
        if (rc < 0)
            break;
        convert_labels(&in->header, buffer, batch, labels);
        for (uint64_t i = 0; i < batch; i++) {
            s->label_min = labels[i] < s->label_min ? labels[i] : s->label_min;
            s->label_max = labels[i] > s->label_max ? labels[i] : s->label_max;
        }
        rc = sink_put(k, labels, batch * sizeof *labels, e);
    }
    free(buffer);
    return rc ? rc : input_end(in, e);
}

static int put_page(const struct build *b, struct dataset_split *s, struct err *e)
{
    uint8_t page[PAGE_BYTES];
    struct cache_origin origin = {.transposed = b->rules.transpose,
                                  .multi_label = b->rules.multi_label};
    for (int i = 0; i < SOURCE_FILES; i++)
        origin.files[i] = b->files[i].id;
    cache_header_pack(page, s, &origin);
    int rc = pwrite_full(b->target, page, sizeof page, 0);
    return rc < 0 ? err_set(e, BUILD_NO_TARGET, "writing the header: %s", strerror(-rc)) : 0;
}

static int put_content(const struct build *b, struct input in[SOURCE_FILES],
                       struct dataset_split *s, struct err *e)
{
    struct cache_layout l = cache_layout(s);
    int rc = reserve(b, s, l.end, e);
    if (rc)
        return rc;
    struct sink k = {.fd = b->target, .on_disk = b->on_disk, .pulse = b->pulse};
    rc = sink_open(&k, s, e);
    if (rc == 0)
        rc = sink_seek(&k, l.images, e);
    if (rc == 0)
        rc = put_images(&in[SOURCE_IMAGES], b->rules.transpose, s, &k, e);
    if (rc == 0)
        rc = sink_seek(&k, l.labels, e);
    if (rc == 0)
        rc = s->label_count ? put_rows(&in[SOURCE_LABELS], s, &k, e)
                            : put_labels(&in[SOURCE_LABELS], s, &k, e);
    if (rc == 0)
        rc = sink_flush(&k, e);
    sink_close(&k, s->digest);
    return rc ? rc : put_page(b, s, e);
}

/* From the headers on: with `content` all of it. */
static int build_inputs(const struct build *b, bool content, struct dataset_split *s, struct err *e)
{
    struct input in[SOURCE_FILES];
    memset(in, 0, sizeof in);
    memset(s, 0, sizeof *s);
    int rc = 0;
    for (int i = 0; rc == 0 && i < SOURCE_FILES; i++)
        rc = input_open(&in[i], b, i, e);
    if (rc == 0)
        rc = take_shapes(in, b->rules, s, e);
    if (rc == 0 && content)
        rc = put_content(b, in, s, e);
    for (int i = 0; i < SOURCE_FILES; i++)
        input_close(&in[i]);
    return rc;
}

int build_look(const struct build *b, struct dataset_split *s, struct err *e)
{
    return build_inputs(b, false, s, e);
}

int build_split(const struct build *b, struct dataset_split *s, struct err *e)
{
    /* Only a file that lasts must be told from what its sources become later. */
    for (int i = 0; b->on_disk && i < SOURCE_FILES; i++)
        source_settle(&b->files[i]);
    return build_inputs(b, true, s, e);
}
