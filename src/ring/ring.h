/* ring/ring.h — batches in shared memory: one writer (the daemon), readers with a page each.
 *
 * Two kinds of memory, both memfds that the daemon makes, sizes, fills with pages, chmods to 0600
 * and seals, so that no peer can resize, reopen or write them:
 *
 *   ring    header page, then slot_count slots. The daemon writes, readers map it read-only.
 *           (F_SEAL_SHRINK|GROW|FUTURE_WRITE|SEAL, after the daemon's own writable mapping.)
 *   seat    one page a reader: what that reader may write, its tail and whether it sleeps.
 *           (F_SEAL_SHRINK|GROW|SEAL)
 *
 * Batches have running numbers (epoch * steps + step); batch n lies in slot n % slot_count. Several
 * readers may sit at one ring, each with a seat; `tail` is the smallest of theirs.
 *
 * Invariant: tail <= next <= head <= tail + slot_count, where
 *   head  number behind the last batch published    (in the ring; the daemon's)
 *   tail  number of the first batch not given back  (in the seat; the reader's, not to be trusted)
 *
 *     writer                                     reader
 *     wait for tail + slot_count > n             wait for head > n
 *     fill slot n                                read slot n
 *     ring_publish(n + 1)  head = n + 1          seat: tail = n + 1
 *       a seat waits? FUTEX_WAKE on signal         tail >= wake_at? one message to the daemon
 *     full? wake_at = tail + k, look again
 *
 * A flag and the number behind it are stored and loaded in opposite orders on the two sides, all
 * sequentially consistent, so of two sides that are about to sleep one sees the other. The futex
 * is a word of its own, `signal`, which changes with every publication and with every other reason
 * to look up (ring_nudge): a reader that is about to sleep misses neither.
 *
 * Threads: ring_publish and ring_park by one thread at a time; a view by its owner.
 * Source: memfd_create(2), fcntl(2) "File sealing", futex(2).
 */
#ifndef RING_RING_H
#define RING_RING_H

#include "base/err.h"
#include "base/hunch.h"
#include "ring/slot.h"

#include <stdatomic.h>
#include <stddef.h>

#define RING_MAGIC       0x52534d46u /* "FMSR" */
#define RING_HEADER_SIZE 4096u
#define RING_SEAT_SIZE   4096u
#define RING_NOT_PARKED  UINT64_MAX

struct ring_header {
    /* immutable */
    uint32_t magic;
    uint32_t slot_count;
    uint64_t slot_bytes;
    /* daemon */
    _Alignas(64) _Atomic uint64_t head;
    _Atomic uint32_t signal;               /* the futex */
    _Atomic uint32_t readers;              /* seats at this ring */
    _Alignas(64) _Atomic uint64_t wake_at; /* the tail at which the daemon wants a message */
};

struct ring_seat_page {
    /* reader */
    _Atomic uint64_t tail;
    _Atomic uint32_t waiting;   /* it sleeps, or is about to, on the ring's signal */
    _Atomic uint64_t waits;     /* times that a batch was not there yet, */
    _Atomic uint64_t waited_ns; /* and how long that took: its own statement */
    /* daemon; for the reader's eyes only */
    _Alignas(64) _Atomic uint32_t closed; /* the seat is taken away: no slot is kept for it */
};

/* ---- the daemon's side --------------------------------------------------------------------- */

struct ring {
    struct ring_header *header; /* owned mapping of map_bytes */
    uint64_t map_bytes;
    uint64_t slot_bytes;
    uint32_t slot_count;
    int fd; /* owned */
};

/* Makes a ring with all its pages, whose first batch will be number `first`. Errors: -ENOMEM,
 * -EMFILE, with text. Blocks: as long as the kernel needs to clear the pages. */
int ring_init(struct ring *r, uint32_t slot_count, uint64_t slot_bytes, uint64_t first,
              struct err *e);

/* Unmaps; readers keep their mapping. Accepts a zeroed ring. */
void ring_close(struct ring *r);

struct slot_header *ring_slot(const struct ring *r, uint64_t number);

uint64_t ring_head(const struct ring *r);

/* Makes every batch before `head` visible. */
void ring_publish(struct ring *r, uint64_t head);

/* Asks readers for a message when their tail reaches `tail`; RING_NOT_PARKED: for none.
 * Look at the tails again afterwards: one may have moved just before. */
void ring_park(struct ring *r, uint64_t tail);

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

/* The same, and unmaps. */
void seat_close(struct seat *s);

/* Takes over the reader's tail, once. Errors: -EPROTO where it went back or beyond `head`. */
int seat_update(struct seat *s, uint64_t head);

/* What the reader says about its waiting; nothing but numbers to show follows from it. */
struct seat_waited {
    uint64_t waits;
    uint64_t waited_ns;
};
void seat_waited_add(struct seat_waited *sum, const struct seat *s);

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
    uint64_t kicked_at; /* the wake_at that was answered last */
    struct hunch spins; /* whether spinning for a batch pays */
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

/* Notes one wait for a batch that was not there. */
void ring_view_note_wait(struct ring_view *v, uint64_t ns);

/* Gives every batch before `tail` back. Returns whether the daemon wants a message now. */
bool ring_view_release(struct ring_view *v, uint64_t tail);

#endif
