/* SPDX-License-Identifier: MIT */
/* base/io.h — descriptors: closing, and reading and writing all of a range.
 *
 * Each call repeats on EINTR. Threads: any. Memory: none.
 */
#ifndef BASE_IO_H
#define BASE_IO_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* An error of a daemon where `code` is -EMFILE or -ENFILE: what is used up, and the way out; for
 * other codes as err_sys, of `what`. Returns the code. */
int fd_error(struct err *e, int code, const char *what);

/* Closes *fd unless it is -1, and sets it to -1. Keeps errno. */
void fd_close(int *fd);

/* Opens what a program was started without of its descriptors 0, 1 and 2, to nowhere: a file that
 * got one of the numbers would be written to as standard error. Before anything else is opened. */
void fd_open_standard(void);

/* Reads until `size` bytes or end of file. Returns the bytes read, or a negative errno value. */
ssize_t read_full(int fd, void *buffer, size_t size);

/* The same at a file offset, which stays where it is. */
ssize_t pread_full(int fd, void *buffer, size_t size, uint64_t offset);

/* Writes all `size` bytes. Returns 0, or a negative errno value (-ENOSPC on a full disk). */
int write_full(int fd, const void *buffer, size_t size);

/* The same at a file offset. */
int pwrite_full(int fd, const void *buffer, size_t size, uint64_t offset);

#endif
