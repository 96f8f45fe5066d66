/* SPDX-License-Identifier: MIT */
/* requests/admin.h — what is said to the daemon and not to a stream: HELLO, RELOAD. Each takes a
 * frame of the state and length that table.c says. Threads: the loop thread.
 */
#ifndef REQUESTS_ADMIN_H
#define REQUESTS_ADMIN_H

#include "session/session.h"

bool admin_hello(struct session *s, const uint8_t *body, size_t size);
bool admin_reload(struct session *s, const uint8_t *body, size_t size);

#endif
