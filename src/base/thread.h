/* SPDX-License-Identifier: MIT */
/* base/thread.h — a thread that no signal goes to: signals are the first thread's.
 *
 * Memory: a stack of THREAD_STACK_BYTES, whatever RLIMIT_STACK is: the C library would take its
 * size from that, which is too little or more than there is where somebody else chose it.
 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include "base/err.h"

#include <pthread.h>

#define THREAD_STACK_BYTES (1u << 20)

/* `name` is what top -H and a debugger call it, at most 15 characters. Errors: -EAGAIN where the
 * system has no more threads. */
int thread_start(pthread_t *thread, const char *name, void *(*run)(void *data), void *data);

/* An error of thread_start: what was to be started, and what bounds threads here. Returns the code.
 */
int thread_error(struct err *e, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
