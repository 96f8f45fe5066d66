/* SPDX-License-Identifier: MIT */
/* session/admission.h — who may come in, and who gives way to whom.
 *
 *     limits.clients           places of all users together
 *     limits.clients_per_user  of them, those of one user
 *     ADMISSION_RESERVED       more, for root and the daemon's own user alone, and not for streams
 *
 * A connection that asks for nothing is in nobody's way until places run short. Then the one that
 * has asked for nothing the longest ends: of the newcomer's own user, where that user has all that
 * it may have; else of the user that has the most, as long as that leaves it with no fewer than the
 * newcomer's. A library notices nothing: it connects again with its next request. A connection with
 * a stream, or whose request is being worked on, never gives way.
 *
 * A place of the reserve becomes an ordinary one before a stream is opened on it, so that
 * administrators' own trainers cannot lock them out either.
 *
 * Threads: the loop thread.
 */
#ifndef SESSION_ADMISSION_H
#define SESSION_ADMISSION_H

#include "session/session.h"

#define ADMISSION_RESERVED 8u

/* Root and the daemon's own user. */
bool admission_is_administrator(uid_t uid);

/* Finds a place for one more connection of the user, and ends another one for it where that is the
 * way. *reserved: whether it is one of the reserve. Errors: -E2BIG, with the limit. */
int admission_find(struct sessions *all, uid_t uid, bool *reserved, struct err *e);

/* Has an ordinary place for a session that is about to open a stream. Errors: as admission_find. */
int admission_find_for_stream(struct session *s, struct err *e);

/* Ends a connection for one of the user's where something else than places is short, told as `why`;
 * for an administrator any user's. Returns false where none gives way. */
bool admission_make_room(struct sessions *all, uid_t uid, const char *why);

#endif
