/* SPDX-License-Identifier: MIT */
/* import/set_file.h — a file of a set while it is written: buffered, its header last.
 *
 * Threads: one. Memory: a buffer.
 */
#ifndef IMPORT_SET_FILE_H
#define IMPORT_SET_FILE_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct set_file {
    int fd; /* owned; -1: not open */
    char name[128];
    uint8_t *buffer;
    size_t used;
    uint64_t written; /* bytes behind the header's place, those in the buffer included */
    uint32_t header_bytes;
};

/* Makes the file in the folder, with room for a header of so many dimensions. Errors: negative
 * errno values. */
int set_file_open(struct set_file *f, int folder, const char *name, int dims, struct err *e);
int set_file_write(struct set_file *f, const void *bytes, size_t size, struct err *e);

/* Writes what is buffered. */
int set_file_flush(struct set_file *f, struct err *e);

/* Writes the header, flushes to the disk and closes. Shape: dims[dim_count], as many as at the
 * opening. */
int set_file_finish(struct set_file *f, uint8_t type, const uint32_t *dims, int dim_count,
                    struct err *e);

void set_file_close(struct set_file *f);

#endif
