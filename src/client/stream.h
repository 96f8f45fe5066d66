/* client/stream.h — a stream's insides, for the three files that make it up: stream.c (opening,
 * handing out, asking), receive.c (how a batch comes, by either transport) and reopen.c (going on
 * behind a daemon's end).
 *
 * Invariant: tail <= number <= tail + held_size; batches tail .. number - 1 are handed out, those
 * with held[n % held_size] still held. tail moves over the released ones, in order. The ring of the
 * present daemon has the batches from `began` on.
 *
 * Threads: one at a time.
 */
#ifndef CLIENT_STREAM_H
#define CLIENT_STREAM_H

#include "client/client.h"
#include "client/upload.h"
#include "pixels/convert.h"
#include "ring/ring.h"
#include "spec/list.h"

/* One batch as it arrived, and the memory of an inline one. */
struct parts {
    const struct slot_header *header;
    const void *images, *labels;
    const int64_t *indices;
};

struct inline_slot {
    void *arrived;   /* owned: the frame's body */
    void *converted; /* owned: images in final form */
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
    uint64_t image_bytes; /* delivered */
    uint32_t label_bytes;
    uint64_t end_epoch; /* the first epoch that is not delivered */
    /* position */
    uint64_t number; /* of the next batch, in the ring's counting */
    uint64_t epoch, step;
    /* held batches */
    uint64_t tail;
    uint32_t slot_count; /* no more than these are held */
    bool *held;          /* [held_size] */
    uint32_t held_size;
    /* transport */
    struct ring_view view;            /* shm: the ring that batches come from */
    struct ring_view left;            /* shm: the one before, while batches of it are held */
    uint64_t waits_since_ns;          /* shm: when the next batch was first missed; 0: it was not */
    uint64_t untold_ns;               /* waited at a shared ring since the last message */
    uint64_t left_at;                 /* they are those before this number */
    uint64_t began;                   /* the first batch from the present daemon */
    struct kept_ring *kept;           /* shm: of daemons before it, the oldest first */
    struct slot_layout layout;        /* shm */
    struct convert_plan *convert;     /* inline */
    struct inline_slot *inline_slots; /* inline: [slot_count] */
};

/* Samples of the next batch. */
uint64_t stream_batch_count(const struct fmnist_stream *s);

/* Waits for the next batch, or says what stands in its place: as fmnist_next. */
int stream_arrive(struct fmnist_stream *s, struct parts *p);

/* shm: tells the rings how far the tail has come. */
void stream_give_back(struct fmnist_stream *s);

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
