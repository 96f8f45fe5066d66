/* SPDX-License-Identifier: MIT */
/* requests/table.h — which frame is answered in which state, and how. Threads: the loop thread. */
#ifndef REQUESTS_TABLE_H
#define REQUESTS_TABLE_H

#include "session/session.h"

/* Answers the frame, or ends a session whose frame has no place there. */
void table_handle(struct session *s, uint16_t type, const uint8_t *body, size_t size);

#endif
