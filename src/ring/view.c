/* SPDX-License-Identifier: MIT */
/* A reader's side of a ring. Does not trust the sizes it is told: they are checked against the
 * descriptors. Does not know sockets: whoever calls sends the message that a release asks for. */
#include "base/clock.h"
#include "base/fault_point.h"
#include "ring/futex.h"
#include "ring/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* A round trip through the kernel costs about 20 us; shorter waits are cheaper awake. */
#define SPIN_NS 30000u

static int map_exactly(int fd, uint64_t bytes, int protection, void **out, struct err *e)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_sys(e, -EPROTO, "fstat of shared memory");
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != bytes)
        return err_set(e, -EPROTO, "shared memory has %lld bytes, the daemon said %llu",
                       (long long)st.st_size, (unsigned long long)bytes);
    /* Without the seal its owner could cut it short later: a SIGBUS here. */
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || !(seals & F_SEAL_SHRINK))
        return err_set(e, -EPROTO, "shared memory that can shrink was sent: want F_SEAL_SHRINK");
    void *map = mmap(NULL, bytes, protection, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (map == MAP_FAILED)
        return err_sys(e, -ENOMEM, "mapping %llu bytes", (unsigned long long)bytes);
    *out = map;
    return 0;
}

int ring_view_init(struct ring_view *v, int ring_fd, int seat_fd, uint32_t slot_count,
                   uint64_t slot_bytes, struct err *e)
{
    memset(v, 0, sizeof *v);
    uint64_t bytes;
    if (slot_count == 0 || slot_count > RING_SLOTS_MAX || slot_bytes % 64 ||
        !size_mul(slot_bytes, slot_count, &bytes) || bytes > INT64_MAX - RING_HEADER_SIZE)
        return err_set(e, -EPROTO, "%u slots of %llu bytes", slot_count,
                       (unsigned long long)slot_bytes);
    bytes += RING_HEADER_SIZE;
    void *ring, *seat;
    int rc = map_exactly(ring_fd, bytes, PROT_READ, &ring, e);
    if (rc)
        return rc;
    FAULT_POINT("ring mapped, seat not");
    rc = map_exactly(seat_fd, RING_SEAT_SIZE, PROT_READ | PROT_WRITE, &seat, e);
    if (rc) {
        munmap(ring, bytes);
        return rc;
    }
    v->header = ring;
    v->seat = seat;
    v->map_bytes = bytes;
    v->slot_bytes = slot_bytes;
    v->slot_count = slot_count;
    v->kicked_at = SEAT_NOT_PARKED;
    FAULT_POINT("ring and seat mapped");
    if (v->header->magic == RING_MAGIC && v->header->slot_count == slot_count &&
        v->header->slot_bytes == slot_bytes)
        return 0;
    ring_view_close(v);
    return err_set(e, -EPROTO, "shared memory is not the ring that the daemon announced");
}

void ring_view_close(struct ring_view *v)
{
    if (v->header) {
        munmap((void *)v->header, v->map_bytes);
        FAULT_POINT("ring unmapped, seat not");
        munmap(v->seat, RING_SEAT_SIZE);
    }
    memset(v, 0, sizeof *v);
}

const struct slot_header *ring_view_slot(const struct ring_view *v, uint64_t number)
{
    /* Read once: it is the daemon's to change. */
    uint32_t slot =
        atomic_load_explicit(&v->header->slot_of[number % v->slot_count], memory_order_relaxed);
    if (slot >= v->slot_count)
        slot = 0; /* whose header then says another number */
    return (const struct slot_header *)((const char *)v->header + RING_HEADER_SIZE +
                                        slot * v->slot_bytes);
}

bool ring_view_ready(const struct ring_view *v, uint64_t number)
{
    return atomic_load_explicit(&v->header->head, memory_order_acquire) > number;
}

bool ring_view_closed(const struct ring_view *v)
{
    return atomic_load_explicit(&v->seat->closed, memory_order_acquire);
}

bool ring_view_shared(const struct ring_view *v)
{
    return atomic_load_explicit(&v->header->readers, memory_order_relaxed) > 1;
}

static bool spin(const struct ring_view *v, uint64_t number)
{
    uint64_t end = clock_ns() + SPIN_NS;
    do
        for (int i = 0; i < 32; i++) {
            if (ring_view_ready(v, number))
                return true;
        }
    while (sched_yield(), clock_ns() < end);
    return false;
}

bool ring_view_spin(struct ring_view *v, uint64_t number)
{
    if (!adaptive_spin_wants(&v->spins))
        return false;
    bool there = spin(v, number);
    adaptive_spin_learn(&v->spins, there);
    return there;
}

void ring_view_announce(struct ring_view *v)
{
    atomic_store(&v->seat->waiting, 1);
    FAULT_POINT("wait announced");
}

bool ring_view_wait(struct ring_view *v, uint64_t number, uint32_t timeout_ms)
{
    uint32_t signal = atomic_load(&v->header->signal);
    if (!ring_view_ready(v, number) && !ring_view_closed(v))
        futex_wait(futex_word(&v->header->signal), signal, timeout_ms);
    FAULT_POINT("woken");
    atomic_store(&v->seat->waiting, 0);
    return ring_view_ready(v, number);
}

/* In an order in which whoever looks in between sees the same sum, by one of the two. */
void ring_view_begin_wait(struct ring_view *v, uint64_t now_ns)
{
    uint64_t waited = atomic_load_explicit(&v->seat->waited_ns, memory_order_relaxed);
    atomic_store_explicit(&v->seat->wait_base_ns, now_ns - waited, memory_order_release);
}

void ring_view_note_wait(struct ring_view *v, uint64_t ns)
{
    atomic_fetch_add_explicit(&v->seat->waits, 1, memory_order_relaxed);
    FAULT_POINT("seat half written");
    atomic_fetch_add_explicit(&v->seat->waited_ns, ns, memory_order_relaxed);
    atomic_store_explicit(&v->seat->wait_base_ns, 0, memory_order_release);
}

bool ring_view_release(struct ring_view *v, uint64_t tail)
{
    FAULT_POINT("tail not moved");
    atomic_store(&v->seat->tail, tail);
    FAULT_POINT("tail moved");
    uint64_t wake_at = atomic_load(&v->seat->wake_at);
    /* Each park has a wake_at of its own (it only grows), so one message answers it. */
    if (wake_at == SEAT_NOT_PARKED || tail < wake_at || wake_at == v->kicked_at)
        return false;
    v->kicked_at = wake_at;
    return true;
}
