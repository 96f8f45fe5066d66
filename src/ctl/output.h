/* SPDX-License-Identifier: MIT */
/* ctl/output.h — a file that is there whole or not at all: written beside its place, then renamed.
 *
 * What is no regular file (standard output, a device, a pipe) is written in place.
 * SIGINT, SIGTERM and SIGHUP remove what is unfinished. Threads: one. At most OUTPUTS_MAX at a
 * time.
 */
#ifndef CTL_OUTPUT_H
#define CTL_OUTPUT_H

#include "base/err.h"

#include <stdbool.h>

#define OUTPUTS_MAX 4

struct output {
    char path[1024];
    char temporary[1040];
    int fd; /* owned, but for standard output's; -1: closed */
    bool in_place;
};

/* "-" is standard output. Errors: negative errno values. The texts of these functions do not name
 * the file. */
int output_open(struct output *o, const char *path, struct err *e);

/* Whether bytes written there would come on a screen: "-" where standard output is a terminal, or a
 * terminal's own name. */
bool output_is_terminal(const char *path);

/* Flushes to the disk and renames. On an error nothing is left. */
int output_commit(struct output *o, struct err *e);

/* Removes what is unfinished. After output_commit: does nothing. */
void output_discard(struct output *o);

#endif
