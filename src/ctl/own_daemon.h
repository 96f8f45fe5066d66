/* SPDX-License-Identifier: MIT */
/* ctl/own_daemon.h — a daemon that fmnistctl starts for itself, and its folder.
 *
 * It listens in a new folder of mode 0700, reads its config from there and logs there. However
 * fmnistctl ends, SIGKILL included, the daemon ends too (--until-eof), and a process that waits for
 * both ends removes the folder.
 * Threads: one. Blocks: start and stop, for the daemon.
 */
#ifndef CTL_OWN_DAEMON_H
#define CTL_OWN_DAEMON_H

#include "base/err.h"

#include <stddef.h>
#include <sys/types.h>

struct own_daemon {
    pid_t pid, keeper;  /* 0: none */
    int alive, watched; /* the pipe whose end the daemon waits for: our side, its; -1: closed */
    int held;           /* what we and the daemon have of the keeper's pipe; -1: closed */
    char folder[80];
    char config[96], socket[96], log[96];
};

/* Where fmnistd is: $FMNISTD, beside fmnistctl, or in PATH. Errors: -ENOENT, with the places. */
int own_daemon_find(char *program, size_t size, struct err *e);

/* Runs `fmnistd --print-config -c config`: *text is malloc'd. Errors: -EINVAL with what it said;
 * negative errno values. */
int own_daemon_print_config(const char *program, const char *config, char **text, struct err *e);

/* Makes the folder. d is then to be stopped, whatever follows. */
int own_daemon_init(struct own_daemon *d, struct err *e);

/* Writes the config whole, also while the daemon runs. */
int own_daemon_configure(const struct own_daemon *d, const char *text, struct err *e);

/* Starts it. It may not answer yet: own_daemon_ended says if that is because it has ended. */
int own_daemon_start(struct own_daemon *d, const char *program, struct err *e);

/* Returns 0 while it runs; else -ECHILD, with its last words. */
int own_daemon_ended(struct own_daemon *d, struct err *e);

/* Ends it and removes the folder. */
void own_daemon_stop(struct own_daemon *d);

#endif
