/* SPDX-License-Identifier: MIT */
/* feed/inline_sender.h — an inline consumer's socket: batches go out as they lie in the ring.
 *
 * Whichever worker serves the stream sends, right after it rendered and while the batches are in
 * its CPU's cache. The loop keeps everything else of the connection: it opens the sender once its
 * reply is gone (pool_writable), and sends nothing from then on but an error in place of the next
 * batch (pool_hush). A full socket is watched by a worker for a moment, and then by the loop.
 *
 *     SHUT ──reply gone──► OPEN ──socket takes no more──► FULL
 *                           ▲      it takes more (worker, loop) │
 *                           └───────────────────────────────────┘
 *
 * Threads: the feed's lock guards everything but `fd`. Without it go inline_sender_init, before
 * anybody else looks, and what takes a descriptor.
 */
#ifndef FEED_INLINE_SENDER_H
#define FEED_INLINE_SENDER_H

#include "base/err.h"
#include "feed/lock.h"
#include "ring/ring.h"

#include <stdbool.h>
#include <sys/types.h>

enum sender_state {
    SENDER_SHUT, /* something else has to be sent first; no worker looks at fd */
    SENDER_OPEN,
    SENDER_FULL, /* the socket takes no more */
};

struct inline_sender {
    int fd; /* owned: a duplicate, so that a worker may be at it when the session ends */
    /* lock */
    enum sender_state state GUARDED_BY(feed_lock);
    bool sending GUARDED_BY(feed_lock);        /* a worker is at it */
    uint64_t sent_bytes GUARDED_BY(feed_lock); /* of the frame under way, that of the tail */
    uint64_t all_bytes GUARDED_BY(feed_lock);  /* of all frames so far */
    /* nobody sends since then, though there is room; 0: somebody does */
    uint64_t idle_since_ns GUARDED_BY(feed_lock);
    /* while idle, with nothing left in the socket either */
    struct seat_waited waited GUARDED_BY(feed_lock);
};

/* Batches to be sent: tail .. head - 1, the first one without its first `skip_bytes`. */
struct inline_run {
    const struct ring *ring;
    struct slot_sample sample; /* where the parts of a frame lie */
    uint64_t tail, head;
    uint64_t skip_bytes;
};

/* Duplicates the session's descriptor. Nobody else may look at the sender yet. Errors: -EMFILE. */
int inline_sender_init(struct inline_sender *o, int fd, struct err *e);
void inline_sender_close(struct inline_sender *o);

/* Whether a worker may send now, if it has something. */
static inline bool inline_sender_is_ready(const struct inline_sender *o) REQUIRES(feed_lock)
{
    return o->state == SENDER_OPEN && !o->sending;
}

/* Sends of the run what one system call takes. Returns the bytes sent, or a negative errno value
 * (-EAGAIN: nothing); *all: whether it took all that it was given. */
ssize_t inline_sender_send(int fd, const struct inline_run *run, bool *all);

/* Whether the client has taken everything that was sent. */
bool inline_sender_is_drained(int fd);

/* Moves the run's tail behind `n` more bytes. */
void inline_sender_advance(struct inline_sender *o, struct inline_run *run, uint64_t n)
    REQUIRES(feed_lock);

/* Somebody sends since now_ns; `drained`: by inline_sender_is_drained, before. */
void inline_sender_begin(struct inline_sender *o, bool drained, uint64_t now_ns)
    REQUIRES(feed_lock);

/* Nobody does any more, though there may be room; `more`: batches follow. */
void inline_sender_end(struct inline_sender *o, bool more, uint64_t now_ns) REQUIRES(feed_lock);

/* How long the client has waited for batches so far. */
struct seat_waited inline_sender_waited(const struct inline_sender *o, bool drained,
                                        uint64_t now_ns) REQUIRES(feed_lock);

#endif
