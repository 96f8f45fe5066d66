/* SPDX-License-Identifier: MIT */
/* client/stream.h — a stream's insides, for the files that make it up: stream.c (opening, asking),
 * opened.c (what the daemon says of it), hand_out.c (views and copies in final form), receive.c
 * (how a batch comes, by either transport) and reopen.c (going on behind a daemon's end).
 *
 * A batch comes in wire form (ring/slot.h) and is handed out in final form: made in the caller's
 * memory, or for a view in memory of the stream's own, and then its slot goes back at once. Where
 * the samples are the images already, or are what is asked for, a view's images are the slot's, or
 * the frame's (`in_place`), and the slot is kept until the view is released.
 *
 * Invariant: tail <= number <= tail + held_size; batches tail .. number - 1 are handed out, those
 * with a held[n % held_size] still held. tail moves over the released ones, in order. The ring of
 * the present daemon has the batches from `began` on.
 *
 * Threads: one at a time.
 */
#ifndef CLIENT_STREAM_H
#define CLIENT_STREAM_H

#include "client/client.h"
#include "client/finish.h"
#include "client/upload.h"
#include "ring/ring.h"
#include "spec/list.h"

/* One batch as it came. Its count is the stream's own counting, which its header was checked
 * against: the header is the daemon's to change. */
struct parts {
    uint64_t count;
    const void *samples;
    const void *labels; /* [count] int32, or [count][label_count] uint8 */
    const uint32_t *indices;
};

/* Where the parts of a view lie in its memory. */
struct view_layout {
    uint64_t labels_at, indices_at, bytes; /* images, or an inline frame of them, at 0 */
};

/* The ring of a daemon that ended, while batches of it are held. */
struct kept_ring {
    struct ring_view view;
    uint64_t until; /* they are those before this number */
    struct kept_ring *next;
};

enum reopen_stage { REOPEN_DIAL, REOPEN_WELCOME, REOPEN_LIST, REOPEN_ANSWER };

/* What is done of opening the stream again. */
struct reopening {
    struct connection connection; /* becomes the stream's; until then that is closed */
    enum reopen_stage stage;
    struct upload upload;
    uint64_t since_ns; /* when the daemon was first missed; 0: it was not, since the last batch */
};

struct fmnist_stream {
    struct connection connection;
    char path[SOCKET_PATH_SIZE];
    uint32_t timeout_ms;
    int64_t reconnect_ms; /* negative: none */
    struct reopening reopening;
    struct fork_guard guard;
    struct spec spec;
    struct list list; /* owned arrays; lengths NULL: runs of batch_size */
    struct wire_opened opened;
    uint64_t image_bytes;      /* of a sample as delivered */
    uint32_t label_bytes;      /* of a sample's label, or row of them, as delivered */
    struct slot_layout layout; /* of a full batch as it comes */
    struct finish finish;      /* from its samples to images */
    bool in_place;             /* views show the samples: the same bytes, or asked for */
    struct view_layout view_layout;
    uint64_t end_epoch; /* the first epoch that is not delivered */
    /* position */
    uint64_t number; /* of the next batch, in the ring's counting */
    uint64_t epoch, step;
    /* held batches */
    uint64_t tail;
    uint32_t slot_count; /* no more than these are held */
    void **held;         /* [held_size]: the view's memory, owned; NULL: not held */
    void **idle;         /* [held_size]: memory of released views, the warmest last */
    uint32_t held_size, idle_count;
    /* transport */
    struct ring_view view;   /* shm: the ring that batches come from */
    struct ring_view left;   /* shm: the one before, while batches of it are held */
    uint64_t waits_since_ns; /* shm: when the next batch was first missed; 0: it was not */
    bool owes_kick;          /* shm: the daemon wants a message */
    uint64_t untold_ns;      /* waited at a shared ring since the last message */
    uint64_t left_at;        /* they are those before this number */
    uint64_t began;          /* the first batch from the present daemon */
    struct kept_ring *kept;  /* shm: of daemons before it, the oldest first */
    void *frame;             /* inline: owned; where batches come that are not views in place */
};

/* What slots and frames have for each sample. */
static inline struct slot_sample stream_slot_sample(const struct fmnist_stream *s)
{
    return (struct slot_sample){s->opened.sample_bytes, s->opened.label_count};
}

static inline bool stream_is_inline(const struct fmnist_stream *s)
{
    return s->spec.transport == FMNIST_INLINE;
}

/* Number of the first batch whose slot is needed still. */
static inline uint64_t stream_kept(const struct fmnist_stream *s)
{
    return s->in_place ? s->tail : s->number;
}

/* Samples of the next batch. */
uint64_t stream_batch_count(const struct fmnist_stream *s);

/* Waits for the next batch, or says what stands in its place: as fmnist_next. An inline one comes
 * to `frame`, which has layout.bytes. */
int stream_receive(struct fmnist_stream *s, void *frame, struct parts *p);

/* Whether the batch may have changed since stream_receive: it is not to be handed out then, and to
 * be received again. */
bool stream_was_taken(const struct fmnist_stream *s);

/* Tells the rings which batches' slots are needed no more. The message that the daemon may want of
 * it takes a hundred times as long, and is sent by stream_pay_kick: behind the trainer's wait for
 * its batch, when it is through with that. */
void stream_give_back(struct fmnist_stream *s);
void stream_pay_kick(struct fmnist_stream *s);

/* What the daemon says of the stream: everything that sizes are computed from later is checked
 * here, once. Errors: FMNIST_EPROTO. */
int stream_check_opened(const struct fmnist_stream *s, const struct wire_opened *f,
                        size_t fd_count);

/* ---- behind the daemon's end: s->connection is closed ---------------------------------------- */

/* Waits for the daemon as long as reconnect_ms still allows, and until `until_ns`. FMNIST_OK: the
 * stream is open again; FMNIST_ETIMEDOUT: not yet; FMNIST_EDEAD: not within reconnect_ms. */
int stream_revive(struct fmnist_stream *s, uint64_t until_ns);

/* Gives up what is under way, and the rings that were kept up to batch `tail`. */
void stream_reopen_close(struct fmnist_stream *s);
void stream_drop_kept(struct fmnist_stream *s, uint64_t tail);

#endif
