/* SPDX-License-Identifier: MIT */
/* ledger/record.h — the delivery ledger's records: what was handed over and acknowledged.
 *
 * A ledger is a file of records, one behind the other, that only grows; a full one is renamed and
 * the next begun (scribe/). Each file begins with a START, and has all that is needed to read it:
 *
 *     START   a daemon began, or went on from the file before (goes_on)
 *     OPEN    a session opened a stream: whose, which, where it begins; goes_on: said before
 *     RUN     it acknowledged `count` batches from number `first` on
 *     END     it ended, with a RUN for every batch before number `told` that there is one for, and
 *             nothing handed over from number `handed` on
 *     GAP     something could not be written here
 *     STOP    the daemon ended in order, and nothing of it is missing
 *
 * Batches have the numbers of feed/stream.h: epoch * steps + step. A session's number is its
 * daemon's: START's `boot` tells daemons apart. Without a STOP before the next START a daemon was
 * killed, and what it had not told yet is not here: some milliseconds of OPENs and ENDs, a tenth of
 * a second of RUNs.
 *
 * Shape: little-endian; every record is a multiple of 8 bytes: CRC-32 of all behind it u32, bytes
 * of the record u16, type u8, 0 u8, then as record.c has it. A RUN takes 32 bytes, an OPEN some
 * 340 and its chain's text. What is no whole record is found by its CRC, and what follows it is
 * read. Threads: any. Memory: none.
 */
#ifndef LEDGER_RECORD_H
#define LEDGER_RECORD_H

#include "spec/spec.h"

#include <stdbool.h>
#include <stddef.h>

#define LEDGER_VERSION      1u
#define LEDGER_RECORD_MAX   1536u
#define LEDGER_PROGRAM_SIZE 16 /* a process's name (/proc/PID/comm), with its ending 0 */

enum ledger_type { LEDGER_START = 1, LEDGER_OPEN, LEDGER_RUN, LEDGER_END, LEDGER_GAP, LEDGER_STOP };

struct ledger_start {
    uint64_t boot;    /* of the daemon: CLOCK_REALTIME in nanoseconds when it began */
    uint64_t time_ms; /* now; Unix time, as in every record */
    uint64_t file;    /* files of this ledger before this one */
    bool goes_on;     /* the same daemon as in the file before */
};

struct ledger_open {
    uint32_t session;
    uint32_t uid, pid;
    bool at_token;
    bool goes_on; /* it is in the file before, too */
    uint64_t time_ms;
    uint64_t first;  /* number of its first batch */
    uint64_t images; /* of the split */
    uint8_t identity[16];
    char program[LEDGER_PROGRAM_SIZE];
    struct spec spec; /* canonical */
};

struct ledger_run {
    uint32_t session;
    uint32_t count;
    uint64_t first;
    uint64_t sum; /* of its batches (ledger/sum.h) */
};

struct ledger_end {
    uint32_t session;
    uint64_t told, handed;
    uint64_t time_ms;
};

struct ledger_gap {
    uint32_t sessions; /* that have lost something, each time counted */
    uint64_t batches;  /* acknowledged, and not in here */
    uint64_t time_ms;
};

struct ledger_stop {
    uint64_t boot;
    uint64_t time_ms;
};

struct ledger_record {
    enum ledger_type type;
    union {
        struct ledger_start start;
        struct ledger_open open;
        struct ledger_run run;
        struct ledger_end end;
        struct ledger_gap gap;
        struct ledger_stop stop;
    };
};

/* Returns the bytes that it took. */
size_t ledger_encode(const struct ledger_record *r, uint8_t out[LEDGER_RECORD_MAX]);

/* Reads the record that `bytes` begin with. Returns its bytes; 0: they begin with none. */
size_t ledger_decode(struct ledger_record *r, const uint8_t *bytes, size_t size);

/* All records of some bytes, one after the other. */
struct ledger_reader {
    const uint8_t *bytes;
    size_t size, at; /* at: behind the last record */
    size_t skipped;  /* bytes in all, before and between records, that are none */
};

/* Returns false behind the last record; what is left then is r->size - r->at bytes. */
bool ledger_next(struct ledger_reader *r, struct ledger_record *out);

#endif
