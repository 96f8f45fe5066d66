/* SPDX-License-Identifier: MIT */
/* server/passed.h — a listening socket that a service manager made, and passes to whom it starts
 * (socket activation). It outlives the daemon: who connects while none runs waits for the next.
 *
 * Threads: the loop thread. Source: sd_listen_fds(3).
 */
#ifndef SERVER_PASSED_H
#define SERVER_PASSED_H

#include "config/config.h"

/* Where a socket is passed to this process, *fd is it (owned by the caller), and its path takes the
 * place of the config's; the log says what of the config does not count then. Else *fd is -1.
 * Errors: -EINVAL for more than one, or one that is not a listening Unix socket with a path;
 * -ENOMEM; with text. */
int passed_take(struct config *c, int *fd, struct err *e);

#endif
