/* SPDX-License-Identifier: MIT */
/* dataset/file_reader.h — a file's bytes in order, with several reads in flight.
 *
 * Through io_uring where the kernel gives one, else through pread: the same bytes. A read that
 * io_uring fails or cuts short is finished by pread, whose word is final; where io_uring itself
 * fails, the rest of the file is read by pread.
 *
 * Invariant: chunk k is read into slot k % slots; a slot's buffer is the kernel's while `flying`.
 * Threads: one a reader. Memory: at most FILE_READER_DEPTH x FILE_READER_CHUNK_BYTES.
 */
#ifndef DATASET_FILE_READER_H
#define DATASET_FILE_READER_H

#include "base/err.h"

#include <liburing.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FILE_READER_DEPTH = 8, FILE_READER_CHUNK_BYTES = 256 * 1024 };

struct file_reader {
    int fd; /* borrowed */
    uint64_t size;
    uint64_t chunks;  /* in the file */
    uint64_t armed;   /* chunks asked for so far */
    uint64_t given;   /* chunks handed out so far */
    unsigned slots;   /* 1 .. FILE_READER_DEPTH */
    uint8_t *buffers; /* [slots][FILE_READER_CHUNK_BYTES] */
    bool uring;       /* ring is open */
    unsigned in_flight;
    struct io_uring ring;
    struct {
        size_t done; /* bytes that are there */
        bool flying;
    } slot[FILE_READER_DEPTH];
};

/* It works, through pread; io_uring was refused or has failed, for the first time in this process,
 * and the text says why. */
enum { FILE_READER_NO_URING = 1 };

/* Begins to read the first `size` bytes of `fd`, a regular file. io_uring is tried until it is
 * refused once in the process.
 * Returns 0 or FILE_READER_NO_URING. Errors: -ENOMEM. */
int file_reader_open(struct file_reader *r, int fd, uint64_t size, bool use_uring, struct err *e);

/* Gives the next bytes, which stay until the next call; *size = 0 at the end.
 * Returns 0 or FILE_READER_NO_URING. Errors: -EIO, -ENOMEM, -EINVAL the file has become shorter. */
int file_reader_next(struct file_reader *r, const uint8_t **bytes, size_t *size, struct err *e);

/* Waits for the reads in flight. Accepts a zeroed object. */
void file_reader_close(struct file_reader *r);

#endif
