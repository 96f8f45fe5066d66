/* SPDX-License-Identifier: MIT */
/* client/fail.h — the last error: a code for the caller, and a text of the thread's own.
 *
 * Threads: any; each has its text. Memory: ERR_TEXT_SIZE a thread.
 */
#ifndef CLIENT_FAIL_H
#define CLIENT_FAIL_H

#include "base/err.h"

/* Writes the thread's error text and returns `code`. */
int fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same from a struct err of the inner modules; their negative errno values become ours. */
int fail_from(int rc, const struct err *e);

#endif
