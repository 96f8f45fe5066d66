/* dataset/reader.h — a file's bytes in order, with several reads in flight.
 *
 * Through io_uring where the kernel gives one, else through pread: the same bytes. A read that
 * io_uring fails or cuts short is finished by pread, whose word is final.
 *
 * Invariant: chunk k is read into slot k % slots; a slot's buffer is the kernel's while `flying`.
 * Threads: one a reader. Memory: at most READER_DEPTH x READER_CHUNK_BYTES.
 */
#ifndef DATASET_READER_H
#define DATASET_READER_H

#include "base/err.h"

#include <liburing.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { READER_DEPTH = 8, READER_CHUNK_BYTES = 256 * 1024 };

struct reader {
    int fd; /* borrowed */
    uint64_t size;
    uint64_t chunks;  /* in the file */
    uint64_t armed;   /* chunks asked for so far */
    uint64_t given;   /* chunks handed out so far */
    unsigned slots;   /* 1 .. READER_DEPTH */
    uint8_t *buffers; /* [slots][READER_CHUNK_BYTES] */
    bool uring;       /* ring is open */
    unsigned in_flight;
    struct io_uring ring;
    struct {
        size_t done; /* bytes that are there */
        bool flying;
    } slot[READER_DEPTH];
};

/* reader_open: it works, through pread; io_uring was refused, for the first time in this process,
 * and the text says why. */
enum { READER_NO_URING = 1 };

/* Begins to read the first `size` bytes of `fd`, a regular file. io_uring is tried until it is
 * refused once in the process.
 * Returns 0 or READER_NO_URING. Errors: -ENOMEM. */
int reader_open(struct reader *r, int fd, uint64_t size, bool use_uring, struct err *e);

/* Gives the next bytes, which stay until the next call; *size = 0 at the end.
 * Errors: -EIO, -EINVAL the file has become shorter. */
int reader_next(struct reader *r, const uint8_t **bytes, size_t *size, struct err *e);

/* Waits for the reads in flight. Accepts a zeroed object. */
void reader_close(struct reader *r);

#endif
