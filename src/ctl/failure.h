/* SPDX-License-Identifier: MIT */
/* ctl/failure.h — what went wrong: a sentence on standard error for people and, with --json, a word
 * beside it for programs, which stays the same when the sentence is written better.
 *
 * Threads: one.
 */
#ifndef CTL_FAILURE_H
#define CTL_FAILURE_H

#include <stdio.h>

/* One line on standard error, with "fmnistctl: " before it. Each returns the exit status, and has a
 * word of its own: "failed"; "usage" (EXIT_WRONG_USAGE); that of an enum fmnist_result; and "file",
 * or "memory" for -ENOMEM. */
int ctl_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
int ctl_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
int ctl_failed(int result, const char *format, ...) __attribute__((format(printf, 2, 3)));
int ctl_file_error(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The word of a result of the library: "unreachable". */
const char *failure_word(int result);

/* {"error": word, "message": sentence} of the last one that was told, as a line; nothing where none
 * was. */
void failure_print(FILE *to);

#endif
