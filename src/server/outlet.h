/* server/outlet.h — an inline reader's socket: batches go out as they lie in the ring.
 *
 * Whichever worker serves the stream sends, right after it rendered and while the batches are in
 * its CPU's cache. The loop keeps everything else of the connection: it opens the outlet once its
 * reply is gone (pool_writable), and sends nothing from then on but an error in place of the next
 * batch (pool_hush). A full socket is watched by a worker for a moment, and then by the loop.
 *
 * Threads: the pool's lock guards everything. Without it go outlet_init, before anybody else looks,
 * and outlet_send, by whoever set `sending`.
 */
#ifndef SERVER_OUTLET_H
#define SERVER_OUTLET_H

#include "base/err.h"
#include "ring/ring.h"

#include <stdbool.h>
#include <sys/types.h>

struct reader;
struct stream;

struct outlet {
    int fd; /* owned: a duplicate, so that a worker may be at it when the session ends */
    enum {
        OUTLET_SHUT, /* something else has to be sent first; no worker looks at fd */
        OUTLET_OPEN,
        OUTLET_FULL, /* the socket takes no more */
    } state;
    bool sending;              /* a worker is at it */
    uint64_t sent_bytes;       /* of the frame under way, batch reader->tail */
    uint64_t idle_since_ns;    /* nobody sends since then, though there is room; 0: somebody does */
    struct seat_waited waited; /* while idle, with nothing left in the socket either */
};

/* Duplicates the session's descriptor. Nobody else may look at the outlet yet. Errors: -EMFILE. */
int outlet_init(struct outlet *o, int fd, struct err *e);
void outlet_close(struct outlet *o);

/* Whether somebody should send now. */
bool outlet_has_work(const struct stream *s, const struct reader *r);

/* Sends from reader->tail on, and before `head`, what one system call takes. Returns the bytes
 * sent, or a negative errno value (-EAGAIN: nothing); *all: whether it took all that it was given.
 * No lock.
 */
ssize_t outlet_send(const struct stream *s, const struct reader *r, uint64_t head, bool *all);

/* Moves the tail behind `n` more bytes. */
void outlet_advance(const struct stream *s, struct reader *r, uint64_t n);

/* Notes whether somebody sends, or nobody though the socket has room. */
void outlet_note(struct reader *r, uint64_t now_ns);

/* How long the client has waited for batches so far. */
struct seat_waited outlet_waited(const struct outlet *o, uint64_t now_ns);

#endif
