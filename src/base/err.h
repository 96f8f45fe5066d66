/* SPDX-License-Identifier: MIT */
/* base/err.h — an error with its context, as one line of text.
 *
 * Functions return 0, or a negative errno value that callers forward unchanged; a positive value is
 * a named, expected outcome of that one function. Set-up and parsing also fill a struct err: the
 * leaf writes what was seen, what was expected and where; callers prefix what they were doing:
 *
 *     opening dataset "fashion-mnist": train-images: bad magic 0x00000801 at byte 0, want
 * 0x00000803
 *
 * Threads: a struct err belongs to one thread. Memory: none; longer text is cut and ends in "...".
 * Every function accepts a NULL err and then only passes the code on.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stddef.h>

#define ERR_TEXT_SIZE   512
#define ERR_REASON_SIZE 128

struct err {
    char text[ERR_TEXT_SIZE];
};

/* Writes the text and returns `code`, so that a leaf can say `return err_set(e, -EINVAL, "...")`.
 */
int err_set(struct err *e, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* What a failed system call's negative errno value says (strerror), and the limit of this process
 * that it speaks of, with what it is. Returns text. */
const char *err_reason(int code, char text[ERR_REASON_SIZE]);

/* As err_set, with ": " and the reason of `code` behind it; for failed system calls. */
int err_sys(struct err *e, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "<context>: " before the text and returns `code`. */
int err_prefix(struct err *e, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Appends what a limit of this process is, as a number between the two texts; nothing where it has
 * none. text: of `size` bytes, ended by 0; what does not fit is cut. */
void err_add_limit(char *text, size_t size, const char *before, int resource, const char *behind);

/* Replaces control characters by '?', of UTF-8 those from U+0080 to U+009F too. Names in a text
 * come from files, sockets and environments: none of them may begin a line of its own in a log, or
 * speak to a terminal. The functions above do it. */
void err_make_line(char *text);

#endif
