/* SPDX-License-Identifier: MIT */
/* server/server.h — the daemon: made, run and ended.
 *
 * The order of the end is written once, in server.c: stop listening, end the workers and the
 * opener, close the sessions, run the loop until it is empty, free. Whoever does not end in
 * 600 ms is left to the process's end.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "config/config.h"

/* That a standard error which takes nothing may hold the end up; and one where somebody else did.
 */
#define LOG_END_MS      1000
#define LOG_LATE_END_MS 300

/* What the command line says beside the config. */
struct server_options {
    const char *config_path;
    bool socket_said; /* config->socket is not the file's, and a reload keeps it */
    int passed_fd;  /* a listening socket there (server/passed.h), which the server takes; or -1 */
    bool until_eof; /* the end of standard input, a pipe, is the daemon's */
};

/* How many descriptors it may come to have: two for a client and four for each of its streams, and
 * what there is besides. */
uint64_t server_descriptors(const struct config *c);

/* Opens the datasets, listens, serves until SIGTERM or SIGINT, and cleans up. Logs what it does.
 * SIGHUP reads the config file again, whose contents `config` has (requests/reload.h).
 * Returns 0 after an orderly end, also where that comes before it serves; ends the process where
 * somebody works on in spite of it. Errors: negative errno values, with text. */
int server_run(struct config *config, const struct server_options *options, struct err *e);

#endif
