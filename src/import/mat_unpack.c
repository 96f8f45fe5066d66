/* SPDX-License-Identifier: MIT */
/* Elements, packed or not, from a stream to a file. An element's first bytes say what kind of array
 * it is; those that are not wanted are read over.
 *
 *     file     header │ tag 14, array │ tag 15, zlib( tag 14, array ) │ ...
 *     written  header │ tag 14, array │ tag 14, array                 │ ...
 */
#include "import/mat_unpack.h"

#include "base/bytes.h"
#include "base/io.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    BUFFER_BYTES = 1 << 16,
    TAG_BYTES = 8,
    HEAD_BYTES = 256, /* of an element: all before its values, of one that is kept */
    TYPE_INT8 = 1,
    TYPE_INT32 = 5,
    TYPE_UINT32 = 6,
    TYPE_MATRIX = 14,
    TYPE_COMPRESSED = 15,
    CLASS_DOUBLE = 6, /* the first class of numbers, and the last: int8 to uint64 lie between */
    CLASS_UINT64 = 15,
    FLAG_COMPLEX = 0x800
};

struct job {
    const struct mat_source *source;
    int fd;
    bool swapped; /* the file's numbers are big-endian */
    uint64_t at;  /* bytes of the source that were read */
    unsigned element;
    int arrays; /* written */
    struct err *e;
    uint8_t in[BUFFER_BYTES], out[BUFFER_BYTES];
};

/* One element on its way, with its tag. */
struct element {
    uint8_t head[HEAD_BYTES];
    uint64_t want, got; /* bytes of it, with the tag; want is 0 until the tag is there */
    bool keep;
};

static uint32_t u32(const struct job *j, const uint8_t *at)
{
    return j->swapped ? get_be32(at) : get_le32(at);
}

static int wrong(const struct job *j, const char *what)
{
    return err_set(j->e, -EINVAL, "element %u, before byte %" PRIu64 ": %s", j->element, j->at,
                   what);
}

/* All of `size`, or an error; 0 where the stream ends before and may. */
static int take(struct job *j, void *buffer, size_t size, bool may_end)
{
    ssize_t n = j->source->read(j->source->data, buffer, size, j->e);
    if (n < 0)
        return (int)n;
    j->at += (uint64_t)n;
    if (n == 0 && may_end)
        return 0;
    return (size_t)n == size ? 1 : wrong(j, "the file ends in the middle");
}

/* ---- an element's bytes */

/* A part of an element: where its bytes are, and the next part. Up to 4 bytes lie in the tag. */
struct part {
    uint32_t type;
    uint64_t size, at, end;
};

static bool find_part(const struct job *j, const struct element *x, uint64_t at, struct part *p)
{
    if (at + TAG_BYTES > x->got)
        return false;
    uint32_t word = u32(j, x->head + at);
    if (word >> 16) {
        *p = (struct part){word & 0xffff, word >> 16, at + 4, at + TAG_BYTES};
        return p->size <= 4;
    }
    *p = (struct part){word, u32(j, x->head + at + 4), at + TAG_BYTES, 0};
    p->end = p->at + align_up(p->size, 8);
    return true;
}

static unsigned value_bytes(uint32_t type)
{
    static const uint8_t bytes[] = {0, 1, 1, 2, 2, 4, 4, 4, 0, 8, 0, 0, 8, 8};
    return type < sizeof bytes ? bytes[type] : 0;
}

/* How many values the dims say: 0 where they are none, UINT64_MAX where no number has it. */
static uint64_t count_values(const struct job *j, const struct element *x, const struct part *dims)
{
    uint64_t count = 1;
    if (dims->type != TYPE_INT32 || dims->size < 8 || dims->size % 4 || dims->end > x->got)
        return 0;
    for (uint64_t at = dims->at; at < dims->at + dims->size; at += 4)
        if (!size_mul(count, u32(j, x->head + at), &count))
            return UINT64_MAX;
    return count;
}

static bool is_numbers(const struct job *j, const uint8_t *head)
{
    uint32_t flags = u32(j, head + 16), class = flags & 0xff;
    return u32(j, head + 8) == TYPE_UINT32 && u32(j, head + 12) == 8 && class >= CLASS_DOUBLE &&
           class <= CLASS_UINT64 && !(flags & FLAG_COMPLEX);
}

/* Whether the element is an array of numbers, of which there are as many as its dims say: matio
 * does not look, and takes zeros for what is not there. Returns 1, or 0 where it is nothing for us.
 */
static int is_kept(struct job *j, const struct element *x)
{
    struct part dims, name, values;
    if (x->got < TAG_BYTES + 16 || !is_numbers(j, x->head) ||
        !find_part(j, x, TAG_BYTES + 16, &dims) || !find_part(j, x, dims.end, &name) ||
        name.type != TYPE_INT8 || !find_part(j, x, name.end, &values))
        return 0;
    uint64_t count = count_values(j, x, &dims), bytes;
    if (count == 0)
        return 0;
    if (!size_mul(count, value_bytes(values.type), &bytes) || bytes != values.size ||
        values.at + values.size > x->want)
        return err_set(j->e, -EINVAL,
                       "element %u, before byte %" PRIu64 ": an array of %" PRIu64
                       " values with %" PRIu64 " bytes of type %" PRIu32,
                       j->element, j->at, count, values.size, values.type);
    return 1;
}

/* The tag is there, and then the head: how long it is, and whether it is wanted. */
static int look(struct job *j, struct element *x)
{
    if (x->got == TAG_BYTES) {
        if (u32(j, x->head) != TYPE_MATRIX)
            return wrong(j, "what was packed is no array");
        x->want = TAG_BYTES + (uint64_t)u32(j, x->head + 4);
        if (x->want > TAG_BYTES)
            return 0;
    }
    int r = is_kept(j, x);
    x->keep = r == 1;
    if (!x->keep)
        return r;
    j->arrays++;
    r = write_full(j->fd, x->head, x->got);
    return r < 0 ? err_sys(j->e, r, "writing the unpacked file") : 0;
}

static int feed(struct job *j, struct element *x, const uint8_t *bytes, size_t size)
{
    while (size > 0 && x->got < HEAD_BYTES && (x->want == 0 || x->got < x->want)) {
        size_t goal = x->want == 0 ? TAG_BYTES : x->want < HEAD_BYTES ? x->want : HEAD_BYTES;
        size_t n = goal - x->got < size ? goal - x->got : size;
        memcpy(x->head + x->got, bytes, n);
        x->got += n;
        bytes += n;
        size -= n;
        int r = x->got == goal ? look(j, x) : 0;
        if (r < 0)
            return r;
    }
    if (size == 0)
        return 0;
    if (size > x->want - x->got)
        return wrong(j, "unpacks to more than it says");
    x->got += size;
    int r = x->keep ? write_full(j->fd, bytes, size) : 0;
    return r < 0 ? err_sys(j->e, r, "writing the unpacked file") : 0;
}

/* ---- elements */

static int copy_element(struct job *j, const uint8_t *tag, uint64_t size)
{
    struct element x = {.want = 0};
    int r = feed(j, &x, tag, TAG_BYTES);
    while (r == 0 && size > 0) {
        size_t n = size < BUFFER_BYTES ? (size_t)size : BUFFER_BYTES;
        r = take(j, j->in, n, false);
        r = r < 0 ? r : feed(j, &x, j->in, n);
        size -= n;
    }
    return r;
}

static bool is_bomb(const struct element *x, uint64_t packed)
{
    return x->want > MAT_RATIO_ABOVE && x->want / MAT_RATIO_MAX > packed;
}

/* Unpacks what lies in j->in. Returns 1 where the stream has ended. */
static int inflate_some(struct job *j, struct element *x, z_stream *z, uint64_t packed)
{
    int ended;
    do {
        z->next_out = j->out;
        z->avail_out = BUFFER_BYTES;
        ended = inflate(z, Z_NO_FLUSH);
        if (ended != Z_OK && ended != Z_STREAM_END && ended != Z_BUF_ERROR)
            return wrong(j, z->msg ? z->msg : "damaged: zlib cannot unpack it");
        int r = feed(j, x, j->out, BUFFER_BYTES - z->avail_out);
        if (r < 0)
            return r;
        if (is_bomb(x, packed))
            return wrong(j, "unpacks to more than 300 times its size: no images do");
    } while (ended != Z_STREAM_END && z->avail_out == 0);
    return ended == Z_STREAM_END;
}

static int unpack_element(struct job *j, uint64_t packed)
{
    struct element x = {.want = 0};
    z_stream z = {.zalloc = NULL};
    uint64_t left = packed;
    int r = 0;
    if (inflateInit(&z) != Z_OK)
        return err_set(j->e, -ENOMEM, "no memory to unpack");
    while (r >= 0 && left > 0) {
        size_t n = left < BUFFER_BYTES ? (size_t)left : BUFFER_BYTES;
        bool ended = r == 1; /* what follows in the element is padding */
        r = take(j, j->in, n, false);
        left -= n;
        z.next_in = j->in;
        z.avail_in = (uInt)n;
        if (r >= 0)
            r = ended ? 1 : inflate_some(j, &x, &z, packed);
    }
    inflateEnd(&z);
    if (r >= 0 && (r == 0 || x.got < TAG_BYTES || x.got != x.want))
        return wrong(j, "its packed data end early");
    return r < 0 ? r : 0;
}

static int next_element(struct job *j)
{
    uint8_t tag[TAG_BYTES];
    int r = take(j, tag, sizeof tag, true);
    if (r <= 0)
        return r;
    if (++j->element > MAT_ELEMENTS_MAX)
        return err_set(j->e, -EFBIG, "more than %d elements", MAT_ELEMENTS_MAX);
    uint32_t type = u32(j, tag), size = u32(j, tag + 4);
    switch (type) {
    case TYPE_MATRIX:
        r = copy_element(j, tag, size);
        break;
    case TYPE_COMPRESSED:
        r = unpack_element(j, size);
        break;
    default:
        return err_set(j->e, -EINVAL,
                       "element %u, before byte %" PRIu64 ": type %" PRIu32 ", want 14 or 15",
                       j->element, j->at, type);
    }
    return r < 0 ? r : 1;
}

/* ---- the header */

static bool is_hdf5(const uint8_t *header)
{
    return !memcmp(header, "MATLAB 7.3", 10) || !memcmp(header, "\x89HDF\r\n\x1a\n", 8);
}

/* 'I' and 'M' as a number of 16 bits, as the writer's machine has it. */
static bool is_level_5(const uint8_t *header, bool *swapped)
{
    *swapped = header[126] == 'M' && header[127] == 'I';
    if (!*swapped && (header[126] != 'I' || header[127] != 'M'))
        return false;
    return header[*swapped ? 124 : 125] == 1;
}

bool mat_begins(const uint8_t *bytes, size_t size)
{
    bool swapped;
    return size >= MAT_HEADER_BYTES &&
           (!memcmp(bytes, "MATLAB 7.3", 10) || is_level_5(bytes, &swapped));
}

static int unpack(struct job *j)
{
    uint8_t header[MAT_HEADER_BYTES];
    int r = take(j, header, sizeof header, false);
    if (r < 0)
        return r;
    if (is_hdf5(header))
        return err_set(j->e, -ENOTSUP,
                       "a MATLAB file of version 7.3 (HDF5), which is not read: save it "
                       "with -v7");
    if (!is_level_5(header, &j->swapped))
        return err_set(j->e, -ENOTSUP, "no MATLAB file of level 5, which has 'IM' at byte 126");
    r = write_full(j->fd, header, sizeof header);
    if (r < 0)
        return err_sys(j->e, r, "writing the unpacked file");
    do
        r = next_element(j);
    while (r > 0);
    return r < 0 ? r : j->arrays;
}

int mat_unpack(const struct mat_source *source, int fd, struct err *e)
{
    struct job *j = malloc(sizeof *j);
    if (!j)
        return err_set(e, -ENOMEM, "no memory to unpack");
    j->source = source;
    j->fd = fd;
    j->swapped = false;
    j->at = 0;
    j->element = 0;
    j->arrays = 0;
    j->e = e;
    int r = unpack(j);
    free(j);
    return r;
}
