/* SPDX-License-Identifier: MIT */
/* feed/stream.h — a run of batches being rendered into a ring, and the consumers that sit at it.
 *
 * Batch n of a stream is step n % steps of epoch n / steps. Workers claim runs of numbers (chunks),
 * render them into the ring at the same time, and the stream publishes them in order.
 *
 *     given back by all     published             claimed           limit
 *     ─────┴── held or waiting ──┴── being rendered ──┴── to do ───────┘
 *          tail                  head                 claimed  <= tail + slot_count
 *
 * `tail` is the smallest of the active consumers' tails, `limit` the largest of their limits.
 * Consumers of the same bytes may sit at one stream as long as they are near each other; a consumer
 * may sit down at any number that still has its slot. An inline consumer sits alone: what its
 * socket takes at once puts it ahead of any other.
 *
 * Invariant: kept <= tail <= claimed and head <= claimed <= kept + slot_count; tail <= head while a
 * consumer is active; the chunks are head .. claimed without a gap (stream_check).
 * Threads: the feed's lock guards everything below "lock". A worker that renders, wakes or sends
 * holds a use; the stream ends with the last use after the last consumer left.
 */
#ifndef FEED_STREAM_H
#define FEED_STREAM_H

#include "feed/busy_meter.h"
#include "feed/consumer.h"
#include "render/render_plan.h"
#include "spec/token.h"

#define STREAM_CHUNKS_MAX  64u /* being rendered at a time; no more workers than that per stream */
#define STREAM_CHUNK_BYTES (256u << 10)

/* Rendered in parts of STREAM_PART_NS, so that no batch keeps a worker from others for long. */
#define STREAM_PART_NS 2000000u

struct chunk {
    uint64_t first; /* number of the first batch */
    uint32_t count;
    uint32_t rendered; /* batches, in runs of STREAM_RUN_BATCHES */
    uint64_t samples;  /* of the run behind them */
    bool paused;       /* not whole, and no worker is at it */
    bool done;
};
#define STREAM_RUN_BATCHES 64u

struct stream {
    /* immutable */
    struct render_plan *plan;
    bool is_inline;
    bool fits_cache;      /* the ring's size was chosen by the number of rings, not by the config */
    bool is_summed;       /* what its batches had is added up, for the delivery ledger */
    uint64_t first;       /* number of the first batch */
    uint64_t taken_bytes; /* of the caches' budget */
    struct ring ring;     /* from stream_make_ring on; its slots' places and window: lock */

    /* lock */
    struct stream *next GUARDED_BY(feed_lock); /* in the scheduler */
    /* a use: who is charged for the ring while nobody sits at it; NULL: none, or they are */
    struct user *user GUARDED_BY(feed_lock);
    uint64_t claimed_bytes GUARDED_BY(feed_lock); /* charged to it */
    /* batches of a chunk, at least STREAM_CHUNK_BYTES of slots */
    uint32_t chunk_max GUARDED_BY(feed_lock);
    uint32_t wake_room GUARDED_BY(feed_lock); /* free slots worth a wake-up */
    struct consumer *consumers GUARDED_BY(feed_lock);
    uint32_t consumer_count GUARDED_BY(feed_lock);
    /* that left while a worker was at the stream */
    struct consumer *departed GUARDED_BY(feed_lock);
    uint64_t tail GUARDED_BY(feed_lock);
    uint64_t limit GUARDED_BY(feed_lock);
    /* the first batch that has its slot still: at most the tail */
    uint64_t kept GUARDED_BY(feed_lock);
    uint64_t head GUARDED_BY(feed_lock);
    uint64_t claimed GUARDED_BY(feed_lock);
    /* oldest first, circular */
    struct chunk chunks[STREAM_CHUNKS_MAX] GUARDED_BY(feed_lock);
    uint32_t chunk_first GUARDED_BY(feed_lock), chunk_count GUARDED_BY(feed_lock);
    uint32_t paused_count GUARDED_BY(feed_lock); /* of them */
    /* Owned, NULL: not summed. For each number n of kept .. head, at n & sums_mask: the sum of
     * batches first .. n - 1 (ledger/sum.h). Behind the head: of the batch alone, by the worker
     * that rendered it. More than slot_count places. */
    uint64_t *sums;
    uint64_t sums_mask;
    unsigned uses GUARDED_BY(feed_lock);
    bool runnable GUARDED_BY(feed_lock); /* in the scheduler's list */
    bool watched GUARDED_BY(feed_lock);  /* a worker looks for room before it parks */
    struct adaptive_spin watches GUARDED_BY(feed_lock); /* whether that pays */
    /* whose seat asks for a message; NULL: none does */
    struct consumer *parked GUARDED_BY(feed_lock);
    /* a consumer said that it waits: any room is worth rendering */
    bool starved GUARDED_BY(feed_lock);
    bool closed GUARDED_BY(feed_lock);              /* no consumer any more */
    int failed GUARDED_BY(feed_lock);               /* negative: why the stream had to end */
    struct busy_meter render GUARDED_BY(feed_lock); /* rendering; inline, sending too */
    uint64_t chunk_ns GUARDED_BY(feed_lock);        /* of the last one */
    struct stream *next_runnable GUARDED_BY(feed_lock);
    bool ordering GUARDED_BY(feed_lock); /* a worker makes an order, and has its place in `held` */
    /* at epoch % 2: epoch + 1 where that order is held, and whole; 0: none is */
    uint64_t ordered[2] GUARDED_BY(feed_lock);

    /* Orders that need one: the head's epoch's and the next one's, at epoch % 2. The worker that
     * makes it; once it is whole whoever renders of that epoch. */
    struct {
        struct permutation *order;
        uint64_t epoch;
    } held[2];
};

/* What to open. */
struct stream_options {
    const struct spec *spec;
    struct dataset *dataset;
    struct render_caches *caches;
    const struct token *token; /* NULL: at spec->epoch */
};

/* Resolves the spec; `limit` becomes the number behind the last batch that it asks for. The stream
 * has no ring yet. Returns STREAM_WANTS_LIST, with text, where the caches do not have its list, and
 * STREAM_WANTS_SELECTION where they do not have what it selects (render/selection.h).
 * Errors: those of render_plan_new; -ESTALE for a token of another stream. */
#define STREAM_WANTS_LIST      1
#define STREAM_WANTS_SELECTION 2
int stream_new(struct stream **out, const struct stream_options *o, uint64_t *limit, struct err *e);

/* The same bytes as `s`, from number `first` on, for a ring of as many slots; no ring yet. It is
 * `plan`'s, which a consumer at `s` brought and which has the same ring_id. Errors: -ENOMEM. */
int stream_fork(struct stream **out, const struct stream *s, struct render_plan *plan,
                uint64_t first, struct err *e);

/* What a ring of so many aims at, so that they stay in the CPU's cache. */
uint64_t stream_cache_share(uint32_t rings);

/* The slots that a ring of about `target_bytes` has, at most max_bytes.
 * Errors: -E2BIG where two slots exceed max_bytes. */
int stream_choose_slots(const struct stream *s, uint64_t target_bytes, uint64_t max_bytes,
                        uint32_t *slots, struct err *e);

/* The bytes of a ring of so many slots. Errors: -E2BIG, -ENOMEM. */
int stream_ring_size(const struct stream *s, uint32_t slots, uint64_t *bytes, struct err *e);

/* Makes a piece of the ring: returns RING_GROWS until it is whole, and then 0.
 * Errors: -ENOMEM, -EMFILE. Blocks: as ring_grow. */
int stream_make_ring(struct stream *s, uint32_t slots, struct err *e);

/* Accepts NULL. */
void stream_free(struct stream *s);

/* There are as many rings now: one that fits the cache uses as much of itself as a new one would
 * have, so that a stream that was opened when there were few has no larger share. */
void stream_set_window(struct stream *s, uint32_t rings) REQUIRES(feed_lock);

/* Bytes of the ring: what counts against a user's limit. */
uint64_t stream_bytes(const struct stream *s);

/* Bytes of a spec's list, 4 an index and a length, and the most that a stream takes of permutations
 * of it. Those of a split are bounded by it. */
uint64_t stream_list_bytes(const struct spec *spec);
uint64_t stream_order_bytes(const struct spec *spec);

/* Whether a consumer that wants what `like` begins with may sit here instead. */
bool stream_can_seat(struct stream *s, const struct stream *like) REQUIRES(feed_lock);

/* Seats a consumer, or takes it out; a stream without consumers is closed. */
void stream_seat(struct stream *s, struct consumer *r, uint64_t now_ns) REQUIRES(feed_lock);
void stream_unseat(struct stream *s, struct consumer *r) REQUIRES(feed_lock);

/* Number of batches that may be claimed now, having looked at every tail: a consumer that broke its
 * page has failed afterwards (-EPROTO) and is not looked at any more. */
uint64_t stream_room(struct stream *s) REQUIRES(feed_lock);

/* The number behind the last batch that the consumer can have: published, and before its limit.
 * */
static inline uint64_t stream_ready(const struct stream *s, const struct consumer *r)
    REQUIRES(feed_lock)
{
    return s->head < r->limit ? s->head : r->limit;
}

/* Notes the sum at the consumer's tail, which has its slot or is the head. */
static inline void stream_note_sum(const struct stream *s, struct consumer *r) REQUIRES(feed_lock)
{
    if (s->sums)
        r->sum = s->sums[r->tail & s->sums_mask];
}

/* The active consumer whose tail keeps the others waiting; NULL: none is active. */
struct consumer *stream_slowest(const struct stream *s) REQUIRES(feed_lock);

/* Notes whether the consumer waits for a neighbour, having looked; returns its stall budget, by the
 * rule for busy CPUs or the other (consumer.h). */
uint64_t stream_wait(struct stream *s, struct consumer *r, bool busy, uint64_t now_ns)
    REQUIRES(feed_lock);

/* Whether a claim needs no order, or has it, or goes on with a chunk. */
bool stream_is_ordered(const struct stream *s) REQUIRES(feed_lock);

/* Whether what it needs next is another worker's: an order, or a chunk that holds an older one. */
bool stream_is_stuck(const struct stream *s) REQUIRES(feed_lock);

/* The oldest chunk that was paused; else claims up to `room` batches of one epoch, whose order
 * there is. Returns the chunk's place. */
struct chunk *stream_claim(struct stream *s, uint64_t room) REQUIRES(feed_lock);

/* Goes on with a claimed chunk until it is whole, or until end_ns; `c` is the caller's copy, which
 * then says how far it came. No lock. Returns whether it is whole. Errors: those of
 * render_part. */
int stream_render(const struct stream *s, struct chunk *c, struct render_scratch *scratch,
                  uint64_t end_ns);

/* Leaves the chunk, which came as far as `now` says, to whoever claims next. */
void stream_pause(struct stream *s, struct chunk *c, const struct chunk *now) REQUIRES(feed_lock);

/* Marks the chunk, which is whole, done and publishes what is now in order. Returns whether the
 * head moved. */
bool stream_finish(struct stream *s, struct chunk *c) REQUIRES(feed_lock);

/* Whether an order is to be made: of the epoch that the head is in; of the next one from three
 * quarters on, or where the claims are there. *epoch then is its epoch, and the caller the one that
 * orders: it calls stream_make_order and then stream_end_order. */
bool stream_order_due(struct stream *s, uint64_t *epoch) REQUIRES(feed_lock);

/* A step towards holding that order. No lock. Returns whether it is whole; where another stream's
 * worker is at it, that one's step is waited for if `wait`. Errors: -ENOMEM.
 * Blocks: as permutation_cache_step. */
int stream_make_order(struct stream *s, uint64_t epoch, bool wait);

/* `rc` is what stream_make_order returned. */
void stream_end_order(struct stream *s, uint64_t epoch, int rc) REQUIRES(feed_lock);

/* Asserts the invariant, and that the parts fit together. Costs as much as a turn: for tests, and
 * for builds with INVARIANTS. */
void stream_check(const struct stream *s) REQUIRES(feed_lock);

/* What its slots have for each sample. */
static inline struct slot_sample stream_slot_sample(const struct stream *s)
{
    return (struct slot_sample){s->plan->sample_bytes, s->plan->split->label_count};
}

#endif
