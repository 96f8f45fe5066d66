/* SPDX-License-Identifier: MIT */
/* ring/ring.h — batches in shared memory: one writer (the daemon), readers with a page each.
 *
 * Two kinds of memory, both memfds that the daemon makes, sizes, gives pages, chmods to 0600 and
 * seals, so that no peer can resize, reopen or write them:
 *
 *   ring    header page, then slot_count slots. The daemon writes, readers map it read-only.
 *           (F_SEAL_SHRINK|GROW|FUTURE_WRITE|SEAL, after the daemon's own writable mapping.)
 *   seat    one page a reader: what that reader may write, its tail and whether it sleeps.
 *           (F_SEAL_SHRINK|GROW|SEAL)
 *
 * Batches have running numbers (epoch * steps + step); batch n lies where slot_of says, at
 * n % slot_count. The writer goes round the slots of its window, which may be all or fewer: what it
 * does not need now stays out of the CPU's cache. Several readers may sit at one ring, each with a
 * seat; `tail` is the smallest of theirs.
 *
 * Invariant: tail <= next <= head <= tail + slot_count, where
 *   head  number behind the last batch published    (in the ring; the daemon's)
 *   tail  number of the first batch not given back  (in the seat; the reader's, not to be trusted)
 *
 *     writer                                     reader
 *     wait for tail + slot_count > n             wait for head > n
 *     ring_take(n), fill its slot                read its slot
 *     ring_publish(n + 1)  head = n + 1          seat: tail = n + 1
 *       a seat waits? FUTEX_WAKE on signal         tail >= wake_at? one message to the daemon
 *     full? in the slowest reader's seat:
 *       wake_at = tail + k, look again
 *
 * A flag and the number behind it are stored and loaded in opposite orders on the two sides, all
 * sequentially consistent, so of two sides that are about to sleep one sees the other. The futex
 * is a word of its own, `signal`, which changes with every publication and with every other reason
 * to look up (ring_nudge): a reader that is about to sleep misses neither.
 *
 * Threads: ring_publish and seat_park by one thread at a time; a view by its owner.
 * Source: memfd_create(2), fcntl(2) "File sealing", futex(2).
 */
#ifndef RING_RING_H
#define RING_RING_H

#include "base/adaptive_spin.h"
#include "base/err.h"
#include "ring/slot.h"

#include <stdatomic.h>
#include <stddef.h>

#define RING_MAGIC       0x33534d46u /* "FMS3" */
#define RING_HEADER_SIZE 4096u
#define RING_SEAT_SIZE   4096u
#define RING_SLOTS_MAX   1024u
#define RING_PIECE_BYTES (UINT64_C(1) << 20)
#define SEAT_NOT_PARKED  UINT64_MAX

struct ring_header {
    /* immutable */
    uint32_t magic;
    uint32_t slot_count;
    uint64_t slot_bytes;
    /* daemon */
    _Alignas(64) _Atomic uint64_t head;
    _Atomic uint32_t signal;  /* the futex */
    _Atomic uint32_t readers; /* seats at this ring */
    /* where batch n lies until it ends: [slot_count], at n % slot_count */
    _Alignas(64) _Atomic uint16_t slot_of[RING_SLOTS_MAX];
};
_Static_assert(sizeof(struct ring_header) <= RING_HEADER_SIZE, "a header is one page");

struct ring_seat_page {
    /* reader */
    _Atomic uint64_t tail;
    _Atomic uint32_t waiting;   /* it sleeps, or is about to, on the ring's signal */
    _Atomic uint64_t waits;     /* times that a batch was not there yet, */
    _Atomic uint64_t waited_ns; /* and how long that took: its own statement */
    /* While it waits: since when, less waited_ns, so that at `now` it has waited now - wait_base_ns
     * in all. Else 0. */
    _Atomic uint64_t wait_base_ns;
    /* daemon; for the reader's eyes only */
    _Alignas(64) _Atomic uint32_t closed; /* the seat is taken away: no slot is kept for it */
    _Atomic uint64_t wake_at;             /* the tail at which the daemon wants a message */
};

/* ---- the daemon's side --------------------------------------------------------------------- */

struct ring {
    struct ring_header *header; /* owned mapping of map_bytes */
    uint64_t map_bytes;
    uint64_t made_bytes; /* that have their pages */
    uint64_t slot_bytes;
    uint32_t slot_count;
    int fd; /* owned */
    /* slots that no batch has */
    uint32_t window; /* slots to go round */
    uint32_t idle_first, idle_count, spare_count;
    uint16_t idle[RING_SLOTS_MAX];  /* of the round: the one given back first is taken first */
    uint16_t spare[RING_SLOTS_MAX]; /* of no round yet, or not any more */
};

/* The bytes of such a ring; false where no memory has so many. */
bool ring_size(uint32_t slot_count, uint64_t slot_bytes, uint64_t *bytes);

/* Makes a ring, whose first batch will be number `first`, and the first piece of its pages. Returns
 * RING_GROWS where there are more: it can be used once ring_grow has returned 0. The kernel clears
 * a page when it is used first. Errors: -ENOMEM, -EMFILE, with text; nothing is left then.
 * Blocks: as long as the kernel needs to find a piece's pages (some 0.5 ms). */
#define RING_GROWS 1
int ring_init(struct ring *r, uint32_t slot_count, uint64_t slot_bytes, uint64_t first,
              struct err *e);

/* One more piece. Returns 0 where the ring is whole now, RING_GROWS where it is not.
 * Errors: -ENOMEM, with text. Blocks: likewise. */
int ring_grow(struct ring *r, struct err *e);

static inline bool ring_is_whole(const struct ring *r)
{
    return r->header && r->made_bytes == r->map_bytes;
}

/* Unmaps; readers keep their mapping. Accepts a zeroed ring. Blocks: as long as the kernel needs to
 * free the pages, where no reader has them: 100 ms for 512 MB. */
void ring_close(struct ring *r);

/* Gives batch `number` a slot: one is idle, because fewer than slot_count batches have one. */
void ring_take(struct ring *r, uint64_t number);

/* Nobody needs the batch any more. */
void ring_give(struct ring *r, uint64_t number);

/* Goes round that many slots, 1 .. slot_count, as soon as others are given back. More are taken
 * where the writer asks for more. */
void ring_set_window(struct ring *r, uint32_t slots);

/* Asserts that every slot is idle, spare or that of one batch of kept .. claimed - 1. For tests. */
void ring_check(const struct ring *r, uint64_t kept, uint64_t claimed);

/* The slot of a batch that has one. */
struct slot_header *ring_slot(const struct ring *r, uint64_t number);

uint64_t ring_head(const struct ring *r);

/* Makes every batch before `head` visible. */
void ring_publish(struct ring *r, uint64_t head);

/* Tells the readers how many they are. */
void ring_set_readers(struct ring *r, uint32_t count);

/* Makes every reader that waits look up: at the head, at its seat, at its socket. Never blocks. */
void ring_nudge(struct ring *r);

struct seat {
    struct ring_seat_page *page; /* owned mapping */
    int fd;                      /* owned */
    uint64_t tail;               /* the last tail that was accepted */
};

int seat_init(struct seat *s, uint64_t tail, struct err *e);

/* Tells the reader that it has no seat any more; a ring_nudge lets it look. Accepts a seat that was
 * never made. */
void seat_shut(struct seat *s);

/* Asks the reader for a message when its tail reaches `tail`; SEAT_NOT_PARKED: for none.
 * Look at the tail again afterwards: it may have moved just before. */
void seat_park(struct seat *s, uint64_t tail);

/* The same as seat_shut, and unmaps. */
void seat_close(struct seat *s);

/* Takes over the reader's tail, once. Errors: -EPROTO where it went back or beyond `head`. */
int seat_update(struct seat *s, uint64_t head);

/* What the reader says about its waiting; nothing but numbers to show follows from it. */
struct seat_waited {
    uint64_t waits;
    uint64_t waited_ns;
};
void seat_waited_add(struct seat_waited *sum, const struct seat *s);

/* The same, with the wait that it is in now. */
void seat_waited_by(struct seat_waited *sum, const struct seat *s, uint64_t now_ns);

/* Whether the seat's reader sleeps, or is about to: the ring then wants a ring_wake. */
bool seat_waits(const struct seat *s);

/* Wakes the ring's readers. Never blocks. */
void ring_wake(struct ring *r);

/* ---- the reader's side --------------------------------------------------------------------- */

struct ring_view {
    const struct ring_header *header;
    struct ring_seat_page *seat;
    uint64_t map_bytes;
    uint64_t slot_bytes;
    uint32_t slot_count;
    uint64_t kicked_at;         /* the wake_at that was answered last */
    struct adaptive_spin spins; /* whether spinning for a batch pays */
};

/* Maps what the daemon sent; the descriptors stay the caller's. Every size is checked against the
 * descriptors' own before it is used. Errors: -EPROTO, -ENOMEM. */
int ring_view_init(struct ring_view *v, int ring_fd, int seat_fd, uint32_t slot_count,
                   uint64_t slot_bytes, struct err *e);
void ring_view_close(struct ring_view *v);

const struct slot_header *ring_view_slot(const struct ring_view *v, uint64_t number);

/* Whether batch `number` is published. */
bool ring_view_ready(const struct ring_view *v, uint64_t number);

/* Whether the daemon has taken the seat away: what lies in the slots may change from then on. */
bool ring_view_closed(const struct ring_view *v);

/* Whether other readers sit at the ring too. */
bool ring_view_shared(const struct ring_view *v);

/* Looks for batch `number` for a few microseconds, where that was cheaper than a sleep lately.
 * Returns whether it is there. */
bool ring_view_spin(struct ring_view *v, uint64_t number);

/* Says that the reader is about to sleep: before a message that says so too, and before a wait. */
void ring_view_announce(struct ring_view *v);

/* Sleeps until batch `number` is there, at most timeout_ms. Returns whether it is; false also
 * where the seat was taken away, on a nudge or a signal. Blocks. */
bool ring_view_wait(struct ring_view *v, uint64_t number, uint32_t timeout_ms);

/* Notes one wait for a batch that was not there: when it begins, and how long it was. */
void ring_view_begin_wait(struct ring_view *v, uint64_t now_ns);
void ring_view_note_wait(struct ring_view *v, uint64_t ns);

/* Gives every batch before `tail` back. Returns whether the daemon wants a message now. */
bool ring_view_release(struct ring_view *v, uint64_t tail);

#endif
