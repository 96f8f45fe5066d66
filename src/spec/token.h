/* SPDX-License-Identifier: MIT */
/* spec/token.h — a position that may be kept: which stream, and which batch comes next.
 *
 * Shape: 48 bytes, little-endian: "FMTK", version u32, stream identity[16], epoch u64, step u64,
 * reserved u32 (0), CRC-32 of the 44 bytes before it. Threads: any. Memory: none.
 *
 * The identity is the digest of the canonical spec with the shards taken together (rank 0 of 1,
 * batch_size * world_size), so a run may resume on another world size with the same global batch.
 */
#ifndef SPEC_TOKEN_H
#define SPEC_TOKEN_H

#include "base/err.h"
#include "fmnist.h"

#include <stdint.h>

struct token {
    uint8_t identity[16];
    uint64_t epoch;
    uint64_t step; /* of the next batch; equal to the epoch's steps behind its last batch */
};

void token_encode(const struct token *t, struct fmnist_token *out);

/* Errors: -EINVAL for bytes that are no token, or damaged. */
int token_decode(struct token *t, const struct fmnist_token *in, struct err *e);

#endif
