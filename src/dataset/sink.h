/* SPDX-License-Identifier: MIT */
/* dataset/sink.h — what is built, on its way to the target: put in pieces, digested, written.
 *
 * Threads: one a sink. Memory: a piece, 2 MiB.
 */
#ifndef DATASET_SINK_H
#define DATASET_SINK_H

#include "dataset/dataset.h"
#include "dataset/pulse.h"

#include <stddef.h>

#define SINK_STEP_BYTES (256 * 1024) /* is inflated and digested while in the CPU's cache */

struct sink {
    int fd;
    bool on_disk;
    struct pulse *pulse;
    uint8_t *piece; /* owned, [PIECE_BYTES]: byte n of the target lies at n % PIECE_BYTES */
    uint64_t at;    /* the target's next byte */
    uint64_t written;
    uint64_t written_back; /* up to here the kernel was told to begin */
    struct XXH3_state_s *digest;
};

/* All but sink_close: the target cannot be written; text says why. */
enum { SINK_NO_TARGET = 1 };

/* Of fd, on_disk and pulse the caller takes care. In any case end with sink_close.
 * Errors: -ENOMEM. */
int sink_open(struct sink *k, const struct dataset_split *s, struct err *e);

/* Frees, and gives the digest of what was put. */
void sink_close(struct sink *k, uint8_t digest[16]);

/* Goes on at another byte. */
int sink_seek(struct sink *k, uint64_t at, struct err *e);

/* Where the next bytes are to be put, and how many there may be: at most SINK_STEP_BYTES. */
uint8_t *sink_space(const struct sink *k, size_t *room);

/* So many were put there. Errors: -ECANCELED by the pulse. */
int sink_took(struct sink *k, size_t size, struct err *e);

/* The same with bytes that lie elsewhere. */
int sink_put(struct sink *k, const void *bytes, size_t size, struct err *e);

/* Writes what was put. */
int sink_flush(struct sink *k, struct err *e);

#endif
