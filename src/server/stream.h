/* server/stream.h — one client's stream: what it wants, its ring, and how far rendering has come.
 *
 * A stream numbers its batches from 0 at the position where it was opened; number n is batch
 * (base + n) % steps of epoch (base + n) / steps. Workers claim runs of numbers (chunks), render
 * them into the ring at the same time, and the stream publishes them in order.
 *
 *          taken back            published             claimed           limit
 *     0 ──────┴── held or waiting ──┴── being rendered ──┴── to do ────────┘
 *             tail                  head                 claimed  <= tail + slot_count
 *
 * Threads: the pool's lock guards everything below "pool lock". A worker that renders or wakes
 * holds a use; the stream is freed by whoever gives up the last use after stream_close.
 */
#ifndef SERVER_STREAM_H
#define SERVER_STREAM_H

#include "render/recipe.h"
#include "ring/ring.h"
#include "spec/token.h"

#define STREAM_CHUNKS_MAX  64u /* being rendered at a time; no more workers than that per stream */
#define STREAM_CHUNK_BYTES (64u << 10)

struct chunk {
    uint64_t first; /* number of the first batch */
    uint32_t count;
    bool done;
};

struct stream {
    /* immutable */
    struct recipe *recipe;
    struct ring ring;
    bool is_inline;
    uint64_t base;      /* epoch * steps + step where the stream was opened */
    uint64_t limit;     /* numbers to deliver; UINT64_MAX: no end */
    uint32_t chunk_max; /* batches of a chunk, at least STREAM_CHUNK_BYTES of slots */
    uint32_t wake_room; /* free slots worth a wake-up */

    /* pool lock */
    struct seat seat; /* shm: the reader's page */
    uint64_t tail;
    uint64_t head;
    uint64_t claimed;
    struct chunk chunks[STREAM_CHUNKS_MAX]; /* oldest first, circular */
    uint32_t chunk_first, chunk_count;
    unsigned uses;
    bool runnable;     /* in the pool's list */
    bool watched;      /* a worker looks at its tail before it parks */
    bool parked;       /* wake_at is set in the ring */
    bool starved;      /* the reader said that it waits: any room is worth rendering */
    bool closed;       /* no session any more */
    int failed;        /* negative: why the stream had to end */
    bool notified;     /* in the pool's list of news for the loop */
    uint64_t vtime_ns; /* rendering time so far, for fairness */
    uint64_t render_ns;
    struct stream *next_runnable;
    struct stream *next_notified;

    void *owner; /* the session; the loop thread's */
};

/* What to open. */
struct stream_options {
    const struct spec *spec;
    const struct dataset *dataset;
    struct kitchen *kitchen;
    const struct token *token;  /* NULL: at spec->epoch */
    uint64_t ring_target_bytes; /* the size that a ring should have */
    uint64_t ring_max_bytes;    /* the size that it must not exceed */
};

/* Resolves the spec and makes the ring. Errors: those of recipe_new; -ESTALE for a token of another
 * stream; -E2BIG where two slots exceed ring_max_bytes. Blocks: makes memory. */
int stream_new(struct stream **out, const struct stream_options *o, struct err *e);
void stream_free(struct stream *s);

/* Bytes of the ring: what counts against a user's limit. */
uint64_t stream_bytes(const struct stream *s);

/* Free slots that may be claimed now, having looked at the tail. Negative: the reader broke its
 * page (-EPROTO). Pool lock. */
int64_t stream_room(struct stream *s);

/* Claims up to `room` batches of one epoch. Pool lock. Returns the chunk's place. */
struct chunk *stream_claim(struct stream *s, uint64_t room);

/* Renders a claimed chunk. No lock. Errors: -ENOMEM. */
int stream_render(const struct stream *s, const struct chunk *c, struct render_scratch *scratch);

/* Marks the chunk done and publishes what is now in order. Returns whether the head moved.
 * Pool lock. */
bool stream_finish(struct stream *s, struct chunk *c);

#endif
