/* SPDX-License-Identifier: MIT */
/* requests/inquiries.h — DATASETS and STATUS: questions whose answer costs the loop time.
 *
 * All that ask at a time are answered together: an answer is made once, and sent to each of them
 * from one piece of memory. The next answers then wait until the loop has had INQUIRIES_SHARE times
 * as long for others, however many connections ask however often; INQUIRIES_PAUSE_NS at most, as
 * the loop may have waited for a CPU meanwhile. An answer is never older than its question.
 *
 *     IDLE ──► ASKING: until the loop may answer again ──► answered: IDLE
 *
 * Threads: the loop thread. Memory: an answer as long as somebody has not read it.
 */
#ifndef REQUESTS_INQUIRIES_H
#define REQUESTS_INQUIRIES_H

#include "requests/context.h"

#define INQUIRIES_SHARE    20u
#define INQUIRIES_PAUSE_NS UINT64_C(1000000000)

void inquiries_init(struct request_context *context, uv_loop_t *loop);

/* Nobody is answered any more. The timer closes with the loop. */
void inquiries_close(struct request_context *context);

/* Takes a question, at the latest for the timer. */
bool inquiries_datasets(struct session *s, const uint8_t *body, size_t size);
bool inquiries_status(struct session *s, const uint8_t *body, size_t size);

#endif
