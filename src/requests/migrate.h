/* SPDX-License-Identifier: MIT */
/* requests/migrate.h — moving a consumer away from slower neighbours: KICK, OFFER, LEAVE.
 *
 *     kick ─► stalled? ─► its stall budget ends (timer) ─► a worker finds another place
 *                                                              │ still stalled
 *                                 LEAVE: one place is left ◄── OFFER
 *
 * Threads: the loop thread.
 */
#ifndef REQUESTS_MIGRATE_H
#define REQUESTS_MIGRATE_H

#include "session/session.h"

/* STREAMING. Return false where the frame has no place. */
bool migrate_kick(struct session *s, const uint8_t *body, size_t size);
bool migrate_leave(struct session *s, const uint8_t *body, size_t size);

#endif
