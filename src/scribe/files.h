/* SPDX-License-Identifier: MIT */
/* scribe/files.h — the files of a ledger: opened, renamed, never larger than they may be.
 *
 * A file begins with the OPEN of each session that goes on. Where those take more than half of what
 * a file may have, it grows to twice as much as they take: else each record would begin a file, and
 * the ledger have nothing but beginnings.
 *
 * Threads: the writer's. Memory: the OPEN of each session that goes on, as it was written.
 */
#ifndef SCRIBE_FILES_H
#define SCRIBE_FILES_H

#include "ledger/record.h"

#include <sys/types.h>

#define SCRIBE_BYTES_MIN (UINT64_C(64) << 10) /* of max_bytes */
#define SCRIBE_FILES_MAX 64u

struct scribe_options {
    const char *path;
    uint64_t max_bytes; /* of all files */
    uint32_t files;     /* 2 .. SCRIBE_FILES_MAX */
};

/* Unix time. */
uint64_t scribe_now_ms(void);

struct going_on;

struct ledger_files {
    char *path; /* owned */
    uint64_t file_bytes;
    uint32_t files;
    int fd; /* owned, locked; -1: the next one could not be begun yet */
    uint64_t size;
    uint64_t begun;            /* bytes that it began with */
    struct ledger_start start; /* of the file */
    struct going_on *sessions; /* that have no END yet */
};

/* As scribe_start; on an error nothing is left. */
int files_open(struct ledger_files *f, const struct scribe_options *o, struct err *e);
void files_close(struct ledger_files *f);

/* The bytes that the file may have. */
uint64_t files_room(const struct ledger_files *f);

/* Where the file is full, or the next one could not be begun before, begins the next one.
 * Errors: errno values; what there was is written to no more then. */
int files_turn(struct ledger_files *f);

/* Appends. Returns the bytes that it took, or a negative errno value. */
ssize_t files_append(struct ledger_files *f, const uint8_t *bytes, size_t size);

/* A record was appended: whether a session goes on. */
void files_note(struct ledger_files *f, const uint8_t *record, size_t size);

#endif
