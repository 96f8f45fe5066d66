/* SPDX-License-Identifier: MIT */
/* server/limits.h — limits of the process (setrlimit(2)) that are looked at once, at the start.
 *
 * Those of memory are host/memory.h's; what runs into one says so itself (base/err.h, err_reason).
 * Threads: the first one. Memory: none.
 */
#ifndef SERVER_LIMITS_H
#define SERVER_LIMITS_H

#include "base/err.h"

#include <stdint.h>

/* Raises what is low by custom only: descriptors, and the first thread's stack, both as far as the
 * hard limit allows. Errors: -ENOMEM where the stack stays too small to serve on. Before anything
 * that uses much of the stack. */
int limits_raise(struct err *e);

/* Makes room for so many descriptors, as far as the limit goes. Before any thread is started: from
 * then on Linux waits until no CPU can look at the smaller table, which takes 10 ms. */
void limits_reserve_descriptors(uint64_t count);

/* Has SIGXCPU come a while before the end of the CPU time that the process may use, when nothing
 * is heard any more. Says in the log what there is, where that is limited. */
void limits_watch_cpu(void);

/* What RLIMIT_CPU has come to, for SIGXCPU. Returns -ETIME. */
int limits_cpu_is_used_up(struct err *e);

#endif
