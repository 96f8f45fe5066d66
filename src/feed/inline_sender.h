/* feed/inline_sender.h — an inline consumer's socket: batches go out as they lie in the ring.
 *
 * Whichever worker serves the stream sends, right after it rendered and while the batches are in
 * its CPU's cache. The loop keeps everything else of the connection: it opens the sender once its
 * reply is gone (pool_writable), and sends nothing from then on but an error in place of the next
 * batch (pool_hush). A full socket is watched by a worker for a moment, and then by the loop.
 *
 * Threads: the pool's lock guards everything. Without it go inline_sender_init, before anybody else
 * looks, and inline_sender_send, by whoever set `sending`.
 */
#ifndef FEED_INLINE_SENDER_H
#define FEED_INLINE_SENDER_H

#include "base/err.h"
#include "ring/ring.h"

#include <stdbool.h>
#include <sys/types.h>

struct consumer;
struct stream;

struct inline_sender {
    int fd; /* owned: a duplicate, so that a worker may be at it when the session ends */
    enum {
        SENDER_SHUT, /* something else has to be sent first; no worker looks at fd */
        SENDER_OPEN,
        SENDER_FULL, /* the socket takes no more */
    } state;
    bool sending;              /* a worker is at it */
    uint64_t sent_bytes;       /* of the frame under way, batch consumer->tail */
    uint64_t idle_since_ns;    /* nobody sends since then, though there is room; 0: somebody does */
    struct seat_waited waited; /* while idle, with nothing left in the socket either */
};

/* Duplicates the session's descriptor. Nobody else may look at the sender yet. Errors: -EMFILE. */
int inline_sender_init(struct inline_sender *o, int fd, struct err *e);
void inline_sender_close(struct inline_sender *o);

/* Whether somebody should send now. */
bool inline_sender_has_work(const struct stream *s, const struct consumer *r);

/* Sends from consumer->tail on, and before `head`, what one system call takes. Returns the bytes
 * sent, or a negative errno value (-EAGAIN: nothing); *all: whether it took all that it was given.
 * No lock.
 */
ssize_t inline_sender_send(const struct stream *s, const struct consumer *r, uint64_t head,
                           bool *all);

/* Moves the tail behind `n` more bytes. */
void inline_sender_advance(const struct stream *s, struct consumer *r, uint64_t n);

/* Notes whether somebody sends, or nobody though the socket has room. */
void inline_sender_note(struct consumer *r, uint64_t now_ns);

/* How long the client has waited for batches so far. */
struct seat_waited inline_sender_waited(const struct inline_sender *o, uint64_t now_ns);

#endif
