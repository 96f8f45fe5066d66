/* SPDX-License-Identifier: MIT */
/* ctl/book.h — delivery ledgers read whole: their sessions, with what each has acknowledged.
 *
 * Threads: one. Memory: a session's spec, and 24 bytes for each stretch of batches without a gap.
 */
#ifndef CTL_BOOK_H
#define CTL_BOOK_H

#include "ledger/record.h"

/* Batches first .. end - 1, acknowledged one behind the other. */
struct book_run {
    uint64_t first, end;
    uint64_t sum; /* as the daemon has added it up */
};

struct book_session {
    uint64_t boot;
    struct ledger_open open;
    uint64_t opened_at, last_at; /* records of the book before its OPEN, and before its last RUN */
    bool ended;                  /* it has an END: */
    uint64_t told, handed;
    struct book_run *runs; /* owned; in the order of the ledger */
    size_t run_count, room;
};

struct book {
    struct book_session **sessions; /* owned; in the order of their OPENs */
    size_t count;
    uint64_t records;
    uint64_t *deaths; /* owned; [death_count]: records of the book up to a START behind no STOP */
    size_t death_count;
    struct ledger_gap lost;   /* of all GAPs; time_ms: of the last */
    uint64_t orphans;         /* batches of sessions without an OPEN */
    uint64_t damaged_bytes;   /* between records */
    uint64_t torn_bytes;      /* behind the last record of a file */
    struct book_index *index; /* while it is read */
    struct book_file *files;  /* likewise */
    size_t file_count;
};

/* Reads the ledgers, PATH.1, PATH.2 and so on with each PATH. Errors: -EINVAL for what is no
 * ledger, -ENOMEM, and errno values; with the file. */
int book_read(struct book *b, const char *const *paths, size_t count, struct err *e);
void book_free(struct book *b);

/* Whether a daemon died between two records of the book, told by their numbers. */
bool book_died_between(const struct book *b, uint64_t from, uint64_t to);

/* Behind the last batch that is acknowledged, in its own count; what it says itself, where it has
 * an END. */
uint64_t book_session_end(const struct book_session *s);

#endif
