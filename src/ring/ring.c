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

/* A memfd of `bytes` with all its pages, mapped writable, mode 0600; still without seals. */
static int make_memory(const char *name, uint64_t bytes, int *fd_out, void **map_out, struct err *e)
{
    int rc;
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return fd_error(e, -errno, "memfd_create");
    /* A memfd is 0777 by default, and any peer that holds it reopens it through /proc. */
    if (fchmod(fd, 0600) < 0) {
        rc = err_sys(e, -errno, "fchmod of a memfd");
        goto close_fd;
    }
    /* Pages now, with an error, and not later with a SIGBUS. */
    int failed;
    do
        failed = posix_fallocate(fd, 0, (off_t)bytes);
    while (failed == EINTR);
    if (failed) {
        rc = err_sys(e, failed == ENOSPC ? -ENOMEM : -failed, "%llu bytes of shared memory",
                     (unsigned long long)bytes);
        goto close_fd;
    }
    void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (map == MAP_FAILED) {
        rc = err_sys(e, -errno, "mapping %llu bytes", (unsigned long long)bytes);
        goto close_fd;
    }
    *fd_out = fd;
    *map_out = map;
    return 0;

close_fd:
    close(fd);
    return rc;
}

int ring_init(struct ring *r, uint32_t slot_count, uint64_t slot_bytes, uint64_t first,
              struct err *e)
{
    assert(slot_count > 0 && slot_count <= RING_SLOTS_MAX && slot_bytes % 64 == 0);
    memset(r, 0, sizeof *r);
    r->fd = -1;
    uint64_t bytes;
    if (!size_mul(slot_bytes, slot_count, &bytes) || bytes > INT64_MAX - RING_HEADER_SIZE)
        return err_set(e, -ENOMEM, "%u slots of %llu bytes", slot_count,
                       (unsigned long long)slot_bytes);
    bytes += RING_HEADER_SIZE;
    void *map = NULL;
    int rc = make_memory("fmnist-ring", bytes, &r->fd, &map, e);
    if (rc)
        return rc;
    assert(map);
    r->header = map;
    r->map_bytes = bytes;
    r->slot_bytes = slot_bytes;
    r->slot_count = r->window = slot_count;
    r->header->magic = RING_MAGIC;
    r->header->slot_count = slot_count;
    r->header->slot_bytes = slot_bytes;
    atomic_init(&r->header->head, first);
    atomic_init(&r->header->signal, 0);
    atomic_init(&r->header->readers, 0);
    for (uint32_t i = slot_count; i-- > 0;)
        r->spare[r->spare_count++] = (uint16_t)i;
    if (fcntl(r->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) <
        0) {
        rc = err_sys(e, -errno, "sealing a ring");
        goto close_ring;
    }
    return 0;

close_ring:
    ring_close(r);
    return rc;
}

void ring_close(struct ring *r)
{
    if (r->header) {
        munmap(r->header, r->map_bytes);
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
    int rc = make_memory("fmnist-seat", RING_SEAT_SIZE, &s->fd, &map, e);
    if (rc)
        return rc;
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

bool seat_waits(const struct seat *s)
{
    return atomic_load(&s->page->waiting);
}
