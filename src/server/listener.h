/* SPDX-License-Identifier: MIT */
/* server/listener.h — the socket that clients connect to: made safely, removed at the end.
 *
 * A lock file beside the socket (never deleted by us) says whether a daemon lives: the lock, not
 * the socket file, is the truth, so two daemons never serve one path and a socket that a killed
 * daemon left is replaced without a race. The socket is bound under a temporary name with its final
 * mode, given its group and then renamed, so nobody ever connects to one with wider permissions.
 *
 * Whoever cleans a folder may take both files from a daemon that serves: nobody could connect any
 * more, or a second daemon would take the path. listener_look makes them again.
 *
 * A socket that a service manager passes is taken as it is, and left to it.
 *
 * Threads: the loop thread. Source: unix(7), flock(2).
 */
#ifndef SERVER_LISTENER_H
#define SERVER_LISTENER_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <uv.h>

/* Which file is at a path. */
struct listener_file {
    dev_t dev;
    ino_t ino;
};

/* Who may connect: permission bits, and the file's group; UINT32_MAX: the process's own. */
struct listener_access {
    uint32_t mode;
    uint32_t gid;
};

struct listener {
    int fd;                                      /* owned; -1: closed */
    int lock_fd;                                 /* owned */
    struct listener_file socket_file, lock_file; /* ours, so that none of somebody's is removed */
    struct listener_access access;
    bool passed; /* the service manager's: neither made nor removed here */
    char path[108];
    uv_poll_t poll;
    uv_poll_cb ready;
    bool polling;
};

/* Binds and listens. Makes the socket's folder where it is missing: 0700, or 0711 where a group may
 * connect.
 * Errors: -EADDRINUSE where another daemon holds the path, -EPERM where the group may not be given,
 * and those of the system calls. */
int listener_open(struct listener *l, const char *path, struct listener_access access,
                  struct err *e);

/* The same with a socket that listens at the path already, and belongs to the service manager. It
 * is the listener's from here on, also where this fails. There is no lock file where its folder
 * does not take one. Errors: -EADDRINUSE. */
int listener_adopt(struct listener *l, const char *path, int fd, struct err *e);

/* Begins to accept: `ready` is called with a new connection waiting. poll.data is the caller's. */
int listener_start(struct listener *l, uv_loop_t *loop, uv_poll_cb ready, struct err *e);

/* Accepts nobody for a while, and goes on. Errors: those of uv_poll_start. */
void listener_pause(struct listener *l);
int listener_resume(struct listener *l);

/* Looks whether the lock file and the socket file are there still. Returns 0, or LISTENER_RENEWED
 * with text saying what was gone and is there again.
 * Errors: -EADDRINUSE another daemon has taken the path, -EEXIST somebody's file is at it,
 * -ENOENT one that was passed is gone, and those of the system calls; with text. Clients that are
 * connected are not touched by any of it. */
enum { LISTENER_RENEWED = 1 };
int listener_look(struct listener *l, struct err *e);

/* Stops accepting and removes the socket file if it is still ours; one that was passed stays, and
 * who connects to it waits for the next daemon. The poll handle closes with the
 * loop. Accepts a closed listener. */
void listener_close(struct listener *l);

#endif
