/* SPDX-License-Identifier: MIT */
/* ctl/ended.h — SIGINT, SIGTERM and SIGHUP for work that has to clear away what it began: they are
 * noted, the work looks and stops, and then they do what they do.
 *
 * Threads: one.
 */
#ifndef CTL_ENDED_H
#define CTL_ENDED_H

#include "base/err.h"

/* From now on they are noted. Calls that wait are interrupted. */
void ended_watch(void);

/* They wait until ended_watch comes again: for what sets handlers of its own meanwhile. */
void ended_hold(void);

/* -ECANCELED where one has come, else 0. */
int ended_look(struct err *e);

/* Ends the process by the signal that has come, where one has. */
void ended_follow(void);

#endif
