/* server/reader.h — one client's place at a stream: its seat, how far it has come, how patient it
 * may be with its neighbours.
 *
 * Sharing never couples: a reader that waits although its own tail has room waits for a neighbour.
 * That may cost it READER_WAIT_NS at a time, and READER_GRACE_NS plus one READER_SHARE-th of its
 * time of reading in all; then it is offered a ring of its own (seating.c), where the same
 * bytes are rendered again. Where every CPU is taken (load.h), readers wait for CPUs and not for
 * each other, and rendering twice would make that worse: there, what counts is what a reader has
 * waited more than that neighbour which waited least, beyond one READER_BUSY_SHARE-th of its time,
 * and READER_BUSY_NS at a time. Eight equal readers on two CPUs were seen to differ by a fourth.
 *
 * Threads: made by a worker, then under the pool's lock; `owner` is the loop thread's.
 */
#ifndef SERVER_READER_H
#define SERVER_READER_H

#include "server/outlet.h"

#include <stdbool.h>

#define READER_WAIT_NS    UINT64_C(5000000)
#define READER_GRACE_NS   UINT64_C(50000000)
#define READER_SHARE      50u
#define READER_BUSY_NS    UINT64_C(100000000)
#define READER_BUSY_SHARE 3u

#define READER_PATIENT UINT64_MAX /* it waits for no neighbour */

struct stream;

struct reader {
    struct stream *stream; /* where it sits; set by stream_seat */
    struct reader *next;   /* at the stream */
    bool is_inline;
    struct seat seat;     /* shm: the page that the client writes */
    struct outlet outlet; /* inline */
    uint64_t tail;        /* number of the first batch not given back (shm) or not sent (inline) */
    uint64_t limit;       /* number behind its last batch; tail == limit: it wants nothing more */
    int failed;           /* negative: why it had to end */

    uint64_t joined_ns;        /* when it sat down; one that was moved: at its first place */
    uint64_t looked_ns;        /* when it was last seen whether it waits for a neighbour, */
    uint64_t stated_ns;        /* and how long its seat said then that it had waited */
    uint64_t blocked_since_ns; /* a neighbour keeps it waiting since then; 0: none does */
    uint64_t blocked_ns;       /* what they have cost it until looked_ns */

    struct reader *next_notified;
    bool notified; /* in the pool's list of news for the loop */

    void *owner; /* the session */
};

/* A reader whose first batch is number `first` and whose last comes before `limit`.
 * Errors: -ENOMEM, -EMFILE. */
int reader_new(struct reader **out, bool is_inline, uint64_t first, uint64_t limit, struct err *e);

/* Accepts NULL. The reader must have left its stream. */
void reader_free(struct reader *r);

/* Whether it keeps slots, or wants more. */
static inline bool reader_is_active(const struct reader *r)
{
    return !r->failed && r->tail < r->limit;
}

/* It waits for a neighbour now, or does still. What its seat says that it has waited since the last
 * look counts too: readers send no message for short waits, only for their sum. */
void reader_block(struct reader *r, uint64_t now_ns);

/* It was seen not to wait for a neighbour: what it has waited was for something else. */
void reader_acquit(struct reader *r, uint64_t now_ns);

/* A batch came. */
void reader_unblock(struct reader *r);

/* What neighbours have cost it so far. */
uint64_t reader_lost_ns(const struct reader *r, uint64_t now_ns);

/* How much longer a neighbour may keep it waiting; 0: no longer, READER_PATIENT: none does. */
uint64_t reader_patience_ns(const struct reader *r, uint64_t now_ns);

/* The same where every CPU is taken and the luckiest neighbour has lost `least_ns`. */
uint64_t reader_busy_patience_ns(const struct reader *r, uint64_t least_ns, uint64_t now_ns);

#endif
