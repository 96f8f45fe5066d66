/* client/stream.h — a stream's insides, for the two files that make it up: stream.c (opening,
 * handing out, asking) and arrive.c (how a batch comes, by either transport).
 *
 * Invariant: tail <= number <= tail + slot_count; batches tail .. number - 1 are handed out, those
 * with held[n % slot_count] still held. tail moves over the released ones, in order.
 *
 * Threads: one at a time.
 */
#ifndef CLIENT_STREAM_H
#define CLIENT_STREAM_H

#include "client/client.h"
#include "pixels/convert.h"
#include "ring/ring.h"

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

struct fmnist_stream {
    struct connection connection;
    struct fork_guard guard;
    struct spec spec;
    struct wire_opened facts;
    uint32_t *lengths; /* owned, [facts.steps]: of the list's batches; NULL: runs of batch_size */
    uint64_t image_bytes; /* delivered */
    uint32_t label_bytes;
    uint64_t end_epoch; /* the first epoch that is not delivered */
    /* position */
    uint64_t number; /* of the next batch, in the ring's counting */
    uint64_t epoch, step;
    /* held batches */
    uint64_t tail;
    uint32_t slot_count;
    bool *held; /* [slot_count] */
    /* transport */
    struct ring_view view;            /* shm: the ring that batches come from */
    struct ring_view left;            /* shm: the one before, while batches of it are held */
    uint64_t waits_since_ns;          /* shm: when the next batch was first missed; 0: it was not */
    uint64_t untold_ns;               /* waited at a shared ring since the last message */
    uint64_t left_at;                 /* they are those before this number */
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

#endif
