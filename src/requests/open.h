/* SPDX-License-Identifier: MIT */
/* requests/open.h — OPEN, and the list that a stream may need first.
 *
 *     open ─► a worker resolves the spec and finds a place ─► OPENED
 *                 │ the list is not known              ▲
 *                 ▼                                    │
 *             WANT_LIST ─► pieces of the list ─► a worker, again
 *
 * Threads: the loop thread.
 */
#ifndef REQUESTS_OPEN_H
#define REQUESTS_OPEN_H

#include "session/session.h"

/* IDLE: opens a stream. */
bool open_request(struct session *s, const uint8_t *body, size_t size);

/* UPLOADING: more of the list came. */
void open_list_came(struct session *s);

#endif
