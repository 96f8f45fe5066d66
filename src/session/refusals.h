/* SPDX-License-Identifier: MIT */
/* session/refusals.h — why clients are refused, in the log, without one of them filling it.
 *
 * Of one kind and user the log has the first REFUSALS_LINES; how many more there were, and the last
 * of them, is one line at the next refusals_tell, which begins anew. A table of a fixed size: where
 * it is full, further users and kinds count as one.
 *
 * Shape: a zeroed struct is empty. Threads: the loop thread. Memory: none.
 */
#ifndef SESSION_REFUSALS_H
#define SESSION_REFUSALS_H

#include "base/log.h"

#include <stdint.h>

#define REFUSALS_LINES 10
#define REFUSALS_KINDS 32

/* Of nobody in particular: a client that was turned away unseen. */
#define REFUSALS_NOBODY UINT32_MAX

struct refusal_kind {
    uint32_t uid;
    int code;
    uint32_t count;
    enum log_level level;
    char last[ERR_TEXT_SIZE + 128];
};

struct refusals {
    struct refusal_kind kinds[REFUSALS_KINDS];
    uint32_t kind_count;
};

/* Logs the line, or counts it. `code`: what kind it is. */
void refusals_add(struct refusals *r, enum log_level level, uint32_t uid, int code,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Logs what was counted only. Called every few seconds, and at the end. */
void refusals_tell(struct refusals *r);

#endif
