/* SPDX-License-Identifier: MIT */
/* Pieces to the target by pwrite: a mapping of it would turn a full disk into a SIGBUS. A huge
 * page's bytes go in one call: where the file system can, the kernel then keeps them in a huge page
 * and maps them as one. In small pages a gather in random order misses the TLB for every image
 * (docs/performance.md says what that costs). */
#include "dataset/sink.h"

#include "base/io.h"
#include "dataset/cache_format.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES      (2 * 1024 * 1024) /* x86's and arm64's huge page */
#define WRITE_BACK_BYTES (8 * 1024 * 1024)

int sink_open(struct sink *k, const struct dataset_split *s, struct err *e)
{
    k->piece = aligned_alloc(PIECE_BYTES, PIECE_BYTES);
    k->digest = split_digest_begin(s);
    return k->piece && k->digest ? 0 : err_set(e, -ENOMEM, "no memory to build in");
}

void sink_close(struct sink *k, uint8_t digest[16])
{
    if (k->digest)
        split_digest_end(k->digest, digest);
    free(k->piece);
}

/* The disk works while we inflate, but never has more than two pieces to do: the fsync at the end,
 * which nothing can cancel, finds little. What it would report shows here, once. */
static int write_back(struct sink *k, struct err *e)
{
    uint64_t before = k->written_back;
    k->written_back = k->at;
    if (sync_file_range(k->fd, (off_t)before, (off_t)(k->at - before), SYNC_FILE_RANGE_WRITE) < 0 ||
        sync_file_range(k->fd, 0, (off_t)before, SYNC_FILE_RANGE_WAIT_BEFORE) < 0)
        if (errno == EIO || errno == ENOSPC || errno == EDQUOT)
            return err_set(e, SINK_NO_TARGET, "writing before byte %" PRIu64 ": %s", k->at,
                           strerror(errno));
    return 0;
}

int sink_flush(struct sink *k, struct err *e)
{
    int rc =
        pwrite_full(k->fd, k->piece + k->written % PIECE_BYTES, k->at - k->written, k->written);
    if (rc < 0)
        return err_set(e, SINK_NO_TARGET, "writing at byte %" PRIu64 ": %s", k->written,
                       strerror(-rc));
    k->written = k->at;
    return k->on_disk && k->at - k->written_back >= WRITE_BACK_BYTES ? write_back(k, e) : 0;
}

int sink_seek(struct sink *k, uint64_t at, struct err *e)
{
    int rc = sink_flush(k, e);
    k->at = k->written = at;
    return rc;
}

uint8_t *sink_space(const struct sink *k, size_t *room)
{
    size_t used = k->at % PIECE_BYTES, left = PIECE_BYTES - used;
    *room = left < SINK_STEP_BYTES ? left : SINK_STEP_BYTES;
    return k->piece + used;
}

int sink_took(struct sink *k, size_t size, struct err *e)
{
    split_digest_add(k->digest, k->piece + k->at % PIECE_BYTES, size);
    k->at += size;
    int rc = pulse_beat(k->pulse, e);
    if (rc < 0)
        return rc;
    return k->at % PIECE_BYTES ? 0 : sink_flush(k, e);
}

int sink_put(struct sink *k, const void *bytes, size_t size, struct err *e)
{
    const uint8_t *from = bytes;
    int rc = 0;
    for (size_t room; size > 0 && rc == 0; size -= room, from += room) {
        uint8_t *to = sink_space(k, &room);
        room = size < room ? size : room;
        memcpy(to, from, room);
        rc = sink_took(k, room, e);
    }
    return rc;
}
