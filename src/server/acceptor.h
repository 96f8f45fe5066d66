/* SPDX-License-Identifier: MIT */
/* server/acceptor.h — takes connections in, within the limits, and makes sessions of them.
 *
 * Threads: the loop thread.
 */
#ifndef SERVER_ACCEPTOR_H
#define SERVER_ACCEPTOR_H

#include "server/listener.h"
#include "session/session.h"

struct acceptor {
    struct listener listener; /* open before acceptor_start */
    struct sessions *sessions;
    int spare_fd;  /* given up for a moment to turn a client away when descriptors run out */
    bool paused;   /* not even one: nobody is accepted until acceptor_look */
    bool disabled; /* nobody can connect, which has been told */
};

/* Begins to accept. Errors: -ENOMEM, with text. */
int acceptor_start(struct acceptor *a, struct sessions *sessions, struct err *e);

/* Every few seconds: makes the socket's files again where somebody took them, and goes on after a
 * pause. */
void acceptor_look(struct acceptor *a);

/* Accepts nobody any more. */
void acceptor_close(struct acceptor *a);

#endif
