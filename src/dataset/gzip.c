/* SPDX-License-Identifier: MIT */
/* Drives inflate itself: gzread joins members but also lets truncated files and trailing garbage
 * pass without a word. Does not know what the bytes mean. */
#include "dataset/gzip.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { GZIP_FIRST_BYTE = 0x1f, GZIP_SECOND_BYTE = 0x8b, COMPRESS_SECOND_BYTE = 0x9d };

/* zlib counts in 32 bits. */
static const size_t zlib_max = 1u << 30;

static int refill(struct gzip *g, struct err *e)
{
    int rc = g->source.next(g->source.data, &g->in, &g->in_size, e);
    if (rc < 0)
        return rc;
    g->in_total += g->in_size;
    return 0;
}

int gzip_open(struct gzip *g, const struct gzip_source *source, struct err *e)
{
    memset(g, 0, sizeof *g);
    g->source = *source;
    int rc = refill(g, e);
    if (rc < 0)
        return rc;
    g->plain = g->in_size == 0 || g->in[0] != GZIP_FIRST_BYTE;
    if (g->plain)
        return 0;
    if (g->in_size > 1 && g->in[1] != GZIP_SECOND_BYTE)
        return err_set(e, -EINVAL, "not gzip: begins with 0x1f%02x, want 0x1f8b%s", g->in[1],
                       g->in[1] == COMPRESS_SECOND_BYTE
                           ? "; it was packed by compress (.Z): unpack it first"
                           : "");
    /* 16: gzip only, never zlib's own wrapping. */
    if (inflateInit2(&g->z, MAX_WBITS + 16) != Z_OK)
        return err_set(e, -ENOMEM, "no memory for inflate");
    return 0;
}

static int copy_some(struct gzip *g, uint8_t *out, size_t size, size_t *got)
{
    size_t n = size < g->in_size ? size : g->in_size;
    memcpy(out, g->in, n);
    g->in += n;
    g->in_size -= n;
    *got = n;
    return 0;
}

static int inflate_some(struct gzip *g, uint8_t *out, size_t size, size_t *got, struct err *e)
{
    if (!g->in_member) {
        inflateReset(&g->z);
        g->in_member = true;
    }
    uInt in = (uInt)(g->in_size < zlib_max ? g->in_size : zlib_max);
    uInt room = (uInt)(size < zlib_max ? size : zlib_max);
    g->z.next_in = (Bytef *)g->in;
    g->z.avail_in = in;
    g->z.next_out = out;
    g->z.avail_out = room;
    int rc = inflate(&g->z, Z_NO_FLUSH);
    g->in += in - g->z.avail_in;
    g->in_size -= in - g->z.avail_in;
    *got = room - g->z.avail_out;
    if (rc == Z_STREAM_END)
        g->in_member = false;
    /* There was input and room, so a call that moved nothing would repeat for ever. */
    bool moved = in != g->z.avail_in || *got > 0;
    if (rc == Z_STREAM_END || (rc == Z_OK && moved))
        return 0;
    const char *says = g->z.msg ? g->z.msg : zError(rc);
    if (rc == Z_MEM_ERROR)
        return err_set(e, -ENOMEM, "gzip: %s", says);
    return err_set(e, -EINVAL, "gzip: damaged near byte %" PRIu64 " (%s): fetch it again",
                   g->in_total - g->in_size, says);
}

int gzip_read(struct gzip *g, void *out, size_t size, size_t *got, struct err *e)
{
    *got = 0;
    while (*got < size && !g->ended) {
        int rc = g->in_size ? 0 : refill(g, e);
        if (rc < 0)
            return rc;
        if (g->in_size == 0) {
            if (g->in_member)
                return err_set(e, -EINVAL,
                               "gzip: truncated: the file ends at byte %" PRIu64
                               " inside a member: fetch it again",
                               g->in_total);
            g->ended = true;
            return 0;
        }
        size_t n = 0;
        uint8_t *to = (uint8_t *)out + *got;
        rc = g->plain ? copy_some(g, to, size - *got, &n) : inflate_some(g, to, size - *got, &n, e);
        if (rc < 0)
            return rc;
        *got += n;
    }
    return 0;
}

void gzip_close(struct gzip *g)
{
    inflateEnd(&g->z);
    memset(g, 0, sizeof *g);
}
