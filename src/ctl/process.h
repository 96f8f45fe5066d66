/* SPDX-License-Identifier: MIT */
/* ctl/process.h — what the processes are called that a daemon's status gives numbers of.
 *
 * The daemon says a client's process and user alone: it may not see other users' processes, and a
 * client could keep whoever reads its command line waiting. Names come from /proc of who asks, so
 * that nobody learns of a process what the system does not tell them anyway, and the command line,
 * which may hold what is private, only of the asking user's own.
 *
 * Threads: one.
 */
#ifndef CTL_PROCESS_H
#define CTL_PROCESS_H

#include <jansson.h>

/* Gives each client of the status "program" and "command", null where they are not known: where the
 * daemon, by its own number, is no process of this /proc, its numbers are another namespace's. */
void processes_name(json_t *status);

#endif
