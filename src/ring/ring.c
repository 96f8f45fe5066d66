/* SPDX-License-Identifier: MIT */
/* The daemon's side of a ring: makes the memory, publishes, parks. Does not know what a batch is.
 */
#include "ring/ring.h"

#include "base/io.h"
#include "ring/futex.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A memfd of no size yet, mode 0600; still without seals. */
static int make_memfd(const char *name, int *out, struct err *e)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return fd_error(e, -errno, "memfd_create");
    /* A memfd is 0777 by default, and any peer that holds it reopens it through /proc. */
    if (fchmod(fd, 0600) < 0) {
        int rc = err_sys(e, -errno, "fchmod of a memfd");
        close(fd);
        return rc;
    }
    *out = fd;
    return 0;
}

/* Pages now, with an error, and not later with a SIGBUS. */
static int make_pages(int fd, uint64_t from, uint64_t bytes, struct err *e)
{
    int failed;
    do
        failed = posix_fallocate(fd, (off_t)from, (off_t)bytes);
    while (failed == EINTR);
    if (failed)
        return err_sys(e, failed == ENOSPC ? -ENOMEM : -failed, "%llu bytes of shared memory",
                       (unsigned long long)(from + bytes));
    return 0;
}

static int map_memory(int fd, uint64_t bytes, void **out, struct err *e)
{
    void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return err_sys(e, -errno, "mapping %llu bytes", (unsigned long long)bytes);
    *out = map;
    return 0;
}

/* ---- the ring ------------------------------------------------------------------------------ */

bool ring_size(uint32_t slot_count, uint64_t slot_bytes, uint64_t *bytes)
{
    if (!size_mul(slot_bytes, slot_count, bytes) || *bytes > INT64_MAX - RING_HEADER_SIZE)
        return false;
    *bytes += RING_HEADER_SIZE;
    return true;
}

/* The first piece is there. */
static void write_header(struct ring *r, uint64_t first)
{
    r->header->magic = RING_MAGIC;
    r->header->slot_count = r->slot_count;
    r->header->slot_bytes = r->slot_bytes;
    atomic_init(&r->header->head, first);
    atomic_init(&r->header->signal, 0);
    atomic_init(&r->header->readers, 0);
    for (uint32_t i = r->slot_count; i-- > 0;)
        r->spare[r->spare_count++] = (uint16_t)i;
}

static int seal(const struct ring *r, struct err *e)
{
    int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
    return fcntl(r->fd, F_ADD_SEALS, seals) < 0 ? err_sys(e, -errno, "sealing a ring") : 0;
}

static int add_piece(struct ring *r, struct err *e)
{
    uint64_t left = r->map_bytes - r->made_bytes;
    uint64_t bytes = left < RING_PIECE_BYTES ? left : RING_PIECE_BYTES;
    int rc = make_pages(r->fd, r->made_bytes, bytes, e);
    if (rc)
        return rc;
    r->made_bytes += bytes;
    return ring_is_whole(r) ? seal(r, e) : RING_GROWS;
}

int ring_init(struct ring *r, uint32_t slot_count, uint64_t slot_bytes, uint64_t first,
              struct err *e)
{
    assert(slot_count > 0 && slot_count <= RING_SLOTS_MAX && slot_bytes % 64 == 0);
    memset(r, 0, sizeof *r);
    r->fd = -1;
    r->slot_bytes = slot_bytes;
    r->slot_count = r->window = slot_count;
    uint64_t bytes;
    if (!ring_size(slot_count, slot_bytes, &bytes))
        return err_set(e, -ENOMEM, "%u slots of %llu bytes", slot_count,
                       (unsigned long long)slot_bytes);
    int rc = make_memfd("fmnist-ring", &r->fd, e);
    if (rc)
        return rc;
    void *map = NULL;
    rc = map_memory(r->fd, bytes, &map, e);
    if (rc) {
        fd_close(&r->fd);
        return rc;
    }
    assert(map);
    r->header = map;
    r->map_bytes = bytes;
    rc = add_piece(r, e);
    if (rc < 0)
        ring_close(r);
    else
        write_header(r, first);
    return rc;
}

int ring_grow(struct ring *r, struct err *e)
{
    assert(r->header && !ring_is_whole(r));
    return add_piece(r, e);
}

/* In pieces, because whoever maps or unmaps meanwhile waits. */
static void unmap(char *map, uint64_t bytes)
{
    for (; bytes > RING_PIECE_BYTES; bytes -= RING_PIECE_BYTES, map += RING_PIECE_BYTES)
        munmap(map, RING_PIECE_BYTES);
    munmap(map, bytes);
}

void ring_close(struct ring *r)
{
    if (r->header) {
        unmap((char *)r->header, r->map_bytes);
        fd_close(&r->fd);
    }
    memset(r, 0, sizeof *r);
    r->fd = -1;
}

static uint16_t slot_of(const struct ring *r, uint64_t number)
{
    return atomic_load_explicit(&r->header->slot_of[number % r->slot_count], memory_order_relaxed);
}

struct slot_header *ring_slot(const struct ring *r, uint64_t number)
{
    assert(slot_of(r, number) < r->slot_count);
    return (struct slot_header *)((char *)r->header + RING_HEADER_SIZE +
                                  slot_of(r, number) * r->slot_bytes);
}

void ring_take(struct ring *r, uint64_t number)
{
    assert(r->idle_count + r->spare_count > 0);
    uint16_t slot;
    if (r->idle_count == 0) {
        slot = r->spare[--r->spare_count];
    } else {
        slot = r->idle[r->idle_first++ % RING_SLOTS_MAX];
        r->idle_count--;
    }
    assert(slot < r->slot_count);
    atomic_store_explicit(&r->header->slot_of[number % r->slot_count], slot, memory_order_relaxed);
}

void ring_give(struct ring *r, uint64_t number)
{
    assert(r->idle_count + r->spare_count < r->slot_count);
    uint16_t slot = slot_of(r, number);
    assert(slot < r->slot_count);
    if (r->slot_count - r->spare_count > r->window)
        r->spare[r->spare_count++] = slot;
    else
        r->idle[(r->idle_first + r->idle_count++) % RING_SLOTS_MAX] = slot;
}

void ring_set_window(struct ring *r, uint32_t slots)
{
    assert(slots > 0 && slots <= r->slot_count);
    r->window = slots;
}

static void check_slot(const struct ring *r, bool seen[RING_SLOTS_MAX], uint16_t slot)
{
    assert(slot < r->slot_count && !seen[slot]);
    seen[slot] = true;
}

void ring_check(const struct ring *r, uint64_t kept, uint64_t claimed)
{
    bool seen[RING_SLOTS_MAX] = {false};
    assert(kept <= claimed && claimed - kept <= r->slot_count);
    assert(r->idle_count + r->spare_count + (claimed - kept) == r->slot_count);
    assert(r->window > 0 && r->window <= r->slot_count);
    for (uint32_t i = 0; i < r->idle_count; i++)
        check_slot(r, seen, r->idle[(r->idle_first + i) % RING_SLOTS_MAX]);
    for (uint32_t i = 0; i < r->spare_count; i++)
        check_slot(r, seen, r->spare[i]);
    for (uint64_t n = kept; n < claimed; n++)
        check_slot(r, seen, slot_of(r, n));
}

uint64_t ring_head(const struct ring *r)
{
    return atomic_load(&r->header->head);
}

void ring_publish(struct ring *r, uint64_t head)
{
    assert(head > atomic_load(&r->header->head));
    atomic_store_explicit(&r->header->head, head, memory_order_release);
    atomic_fetch_add(&r->header->signal, 1);
}

void ring_wake(struct ring *r)
{
    futex_wake_all(futex_word(&r->header->signal));
}

void ring_nudge(struct ring *r)
{
    atomic_fetch_add(&r->header->signal, 1);
    ring_wake(r);
}

void ring_set_readers(struct ring *r, uint32_t count)
{
    atomic_store(&r->header->readers, count);
}

int seat_init(struct seat *s, uint64_t tail, struct err *e)
{
    memset(s, 0, sizeof *s);
    s->fd = -1;
    void *map = NULL;
    int rc = make_memfd("fmnist-seat", &s->fd, e);
    if (rc)
        return rc;
    rc = make_pages(s->fd, 0, RING_SEAT_SIZE, e);
    if (!rc)
        rc = map_memory(s->fd, RING_SEAT_SIZE, &map, e);
    if (rc) {
        fd_close(&s->fd);
        return rc;
    }
    assert(map);
    s->page = map;
    s->tail = tail;
    atomic_init(&s->page->tail, tail);
    atomic_init(&s->page->waiting, 0);
    atomic_init(&s->page->closed, 0);
    atomic_init(&s->page->wake_at, SEAT_NOT_PARKED);
    if (fcntl(s->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
        rc = err_sys(e, -errno, "sealing a seat");
        goto close_seat;
    }
    return 0;

close_seat:
    seat_close(s);
    return rc;
}

void seat_park(struct seat *s, uint64_t tail)
{
    atomic_store(&s->page->wake_at, tail);
}

void seat_shut(struct seat *s)
{
    if (s->page)
        atomic_store(&s->page->closed, 1);
}

void seat_close(struct seat *s)
{
    seat_shut(s);
    if (s->page) {
        munmap(s->page, RING_SEAT_SIZE);
        fd_close(&s->fd);
    }
    memset(s, 0, sizeof *s);
    s->fd = -1;
}

int seat_update(struct seat *s, uint64_t head)
{
    /* Read once: the page may change under us at any time. */
    uint64_t tail = atomic_load(&s->page->tail);
    if (tail < s->tail || tail > head)
        return -EPROTO;
    s->tail = tail;
    assert(s->tail <= head);
    return 0;
}

void seat_waited_add(struct seat_waited *sum, const struct seat *s)
{
    sum->waits += atomic_load_explicit(&s->page->waits, memory_order_relaxed);
    sum->waited_ns += atomic_load_explicit(&s->page->waited_ns, memory_order_relaxed);
}

void seat_waited_by(struct seat_waited *sum, const struct seat *s, uint64_t now_ns)
{
    uint64_t base = atomic_load_explicit(&s->page->wait_base_ns, memory_order_acquire);
    struct seat_waited w = {0};
    seat_waited_add(&w, s);
    if (base && now_ns > base && now_ns - base > w.waited_ns)
        w.waited_ns = now_ns - base;
    sum->waits += w.waits;
    sum->waited_ns += w.waited_ns;
}

bool seat_waits(const struct seat *s)
{
    return atomic_load(&s->page->waiting);
}
