/* SPDX-License-Identifier: MIT */
/* Both sides of a ring: what a peer must not be able to do to the memory, what a reader refuses
 * to map, and that nobody sleeps through a publication. */
#include "ring/ring.h"
#include "support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SLOTS = 4, SLOT_BYTES = 4096 };

static struct ring ring;
static struct seat seat;
static struct ring_view view;

static void setup(void)
{
    support_setup();
    struct err e;
    ck_assert_msg(ring_init(&ring, SLOTS, SLOT_BYTES, 0, &e) == 0, "%s", e.text);
    ck_assert_msg(seat_init(&seat, 0, &e) == 0, "%s", e.text);
    ck_assert_msg(ring_view_init(&view, ring.fd, seat.fd, SLOTS, SLOT_BYTES, &e) == 0, "%s",
                  e.text);
}

static void teardown(void)
{
    ring_view_close(&view);
    seat_close(&seat);
    ring_close(&ring);
    support_teardown();
}

/* ---- the memory ---------------------------------------------------------------------------- */

/* A peer that holds the descriptor tries everything; root may open what its mode forbids, so the
 * seals have to hold by themselves. */
START_TEST(ring_init__peer_with_the_descriptor__cannot_write_resize_or_unseal)
{
    struct stat st;
    char byte = 1, path[64];
    size_t size = RING_HEADER_SIZE + SLOTS * SLOT_BYTES;
    ck_assert_int_eq(fstat(ring.fd, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    ck_assert_int_eq(st.st_size, (off_t)size);
    ck_assert_int_eq(fcntl(ring.fd, F_GETFD), FD_CLOEXEC);

    ck_assert_int_eq(pwrite(ring.fd, &byte, 1, 0), -1);
    ck_assert_int_eq(ftruncate(ring.fd, 0), -1);
    ck_assert_int_eq(ftruncate(ring.fd, (off_t)size * 2), -1);
    ck_assert_int_eq(fallocate(ring.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
    ck_assert_int_eq(fcntl(ring.fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    ck_assert_ptr_eq(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd, 0), MAP_FAILED);
    void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, ring.fd, 0);
    ck_assert_ptr_ne(map, MAP_FAILED);
    ck_assert_int_eq(mprotect(map, size, PROT_READ | PROT_WRITE), -1);
    munmap(map, size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", ring.fd);
    int again = open(path, O_RDWR | O_CLOEXEC);
    if (again >= 0) {
        ck_assert_int_eq(pwrite(again, &byte, 1, 0), -1);
        ck_assert_ptr_eq(mmap(NULL, size, PROT_WRITE, MAP_SHARED, again, 0), MAP_FAILED);
        close(again);
    }
    /* The daemon's own mapping still writes, and the reader sees it. */
    ring_slot(&ring, 1)->number = 99;
    ck_assert_uint_eq(ring_view_slot(&view, 1)->number, 99);
}
END_TEST

START_TEST(seat_init__peer_with_the_descriptor__cannot_resize)
{
    ck_assert_int_eq(ftruncate(seat.fd, 0), -1);
    ck_assert_int_eq(ftruncate(seat.fd, 8192), -1);
    ck_assert_int_eq(fcntl(seat.fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    struct stat st;
    ck_assert_int_eq(fstat(seat.fd, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
}
END_TEST

static size_t place_of(uint64_t number)
{
    size_t at = (size_t)((char *)ring_slot(&ring, number) - (char *)ring.header);
    ck_assert_uint_eq(
        (size_t)((const char *)ring_view_slot(&view, number) - (const char *)view.header), at);
    ck_assert_uint_eq((at - RING_HEADER_SIZE) % SLOT_BYTES, 0);
    ck_assert_uint_lt((at - RING_HEADER_SIZE) / SLOT_BYTES, SLOTS);
    return (at - RING_HEADER_SIZE) / SLOT_BYTES;
}

/* Numbers begin anywhere; both sides find them at the same place, and no two at one. */
START_TEST(ring_take__any_number__both_sides_the_same_place)
{
    static const uint64_t firsts[] = {0, 3, 1000, UINT64_MAX - 2 * SLOTS};
    for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
        unsigned seen = 0;
        for (uint64_t n = firsts[i]; n < firsts[i] + SLOTS; n++) {
            ring_take(&ring, n);
            seen |= 1u << place_of(n);
        }
        ck_assert_uint_eq(seen, (1u << SLOTS) - 1);
        for (uint64_t n = firsts[i]; n < firsts[i] + SLOTS; n++)
            ring_give(&ring, n);
    }
}
END_TEST

/* How many places the next batches have that go on one behind the other. */
static int places_gone_round(uint64_t first, int batches)
{
    unsigned seen = 0;
    for (uint64_t n = first; n < first + (unsigned)batches; n++) {
        ring_take(&ring, n);
        seen |= 1u << place_of(n);
        ring_give(&ring, n);
    }
    return __builtin_popcount(seen);
}

/* Slots outside the window must stay as they are, whatever the ring's size, and come back. */
START_TEST(ring_set_window__narrower_and_wide_again__goes_round_that_many)
{
    for (uint64_t n = 0; n < SLOTS; n++)
        ring_take(&ring, n);
    ring_set_window(&ring, 2);
    for (uint64_t n = 0; n < SLOTS; n++)
        ring_give(&ring, n);
    ck_assert_int_eq(places_gone_round(SLOTS, 50), 2);
    ring_set_window(&ring, SLOTS);
    unsigned seen = 0;
    for (uint64_t n = 100; n < 100 + SLOTS; n++) {
        ring_take(&ring, n);
        seen |= 1u << place_of(n);
    }
    ck_assert_uint_eq(seen, (1u << SLOTS) - 1);
    for (uint64_t n = 100; n < 100 + SLOTS; n++)
        ring_give(&ring, n);
    ck_assert_int_eq(places_gone_round(200, 50), SLOTS);
}
END_TEST

/* What the ring says is not trusted: the place is inside it all the same. */
START_TEST(ring_view_slot__absurd_place__inside_the_ring)
{
    ring.header->slot_of[1] = SLOTS;
    ck_assert_ptr_eq(ring_view_slot(&view, 1), (const char *)view.header + RING_HEADER_SIZE);
    ring.header->slot_of[1] = UINT16_MAX;
    ck_assert_ptr_eq(ring_view_slot(&view, 1), (const char *)view.header + RING_HEADER_SIZE);
}
END_TEST

/* More memory than there is must be an error with text, not a death by SIGBUS. */
START_TEST(ring_init__impossible_size__enomem_and_nothing_left)
{
    struct ring r;
    struct err e = {""};
    ck_assert_int_eq(ring_init(&r, RING_SLOTS_MAX, UINT64_C(1) << 60, 0, &e), -ENOMEM);
    ck_assert(e.text[0]);
    ring_close(&r);
    ring_close(&r);
}
END_TEST

/* Whoever makes it does something else between two pieces; it is sealed, and a reader takes it,
 * once it is whole. */
START_TEST(ring_grow__several_pieces__whole_after_the_last)
{
    struct ring r;
    struct err e;
    uint64_t slot_bytes = RING_PIECE_BYTES / 2 + 64, bytes;
    ck_assert(ring_size(SLOTS, slot_bytes, &bytes));
    uint64_t pieces = (bytes + RING_PIECE_BYTES - 1) / RING_PIECE_BYTES;
    ck_assert_int_eq(ring_init(&r, SLOTS, slot_bytes, 7, &e), RING_GROWS);
    for (uint64_t i = 2; i < pieces; i++)
        ck_assert_int_eq(ring_grow(&r, &e), RING_GROWS);
    ck_assert(!ring_is_whole(&r));
    ck_assert_int_eq(fcntl(r.fd, F_GET_SEALS), 0);
    ck_assert_int_eq(ring_grow(&r, &e), 0);
    ck_assert(ring_is_whole(&r));
    struct stat st;
    ck_assert_int_eq(fstat(r.fd, &st), 0);
    ck_assert_uint_eq((uint64_t)st.st_size, bytes);
    ck_assert_uint_ge((uint64_t)st.st_blocks * 512, bytes);
    ck_assert_int_eq(fcntl(r.fd, F_GET_SEALS),
                     F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL);
    ck_assert_uint_eq(ring_head(&r), 7);
    ring_take(&r, 7);
    memset(ring_slot(&r, 7), 1, slot_bytes);
    ring_close(&r);
}
END_TEST

START_TEST(ring_close__half_made__nothing_left)
{
    struct ring r;
    struct err e;
    ck_assert_int_eq(ring_init(&r, SLOTS, RING_PIECE_BYTES, 0, &e), RING_GROWS);
    ring_close(&r);
    ring_close(&r);
}
END_TEST

/* ---- what a reader refuses ----------------------------------------------------------------- */

static int try_view(int ring_fd, int seat_fd, uint32_t slots, uint64_t bytes)
{
    struct ring_view v;
    struct err e = {""};
    int rc = ring_view_init(&v, ring_fd, seat_fd, slots, bytes, &e);
    if (rc)
        ck_assert(e.text[0]);
    ring_view_close(&v);
    return rc;
}

START_TEST(ring_view_init__sizes_that_are_not_the_memorys__eproto)
{
    ck_assert_int_eq(try_view(ring.fd, seat.fd, SLOTS, SLOT_BYTES), 0);
    ck_assert_int_eq(try_view(ring.fd, seat.fd, 0, SLOT_BYTES), -EPROTO);
    ck_assert_int_eq(try_view(ring.fd, seat.fd, SLOTS + 1, SLOT_BYTES), -EPROTO);
    ck_assert_int_eq(try_view(ring.fd, seat.fd, SLOTS - 1, SLOT_BYTES), -EPROTO);
    ck_assert_int_eq(try_view(ring.fd, seat.fd, SLOTS, SLOT_BYTES + 64), -EPROTO);
    ck_assert_int_eq(try_view(ring.fd, seat.fd, SLOTS, SLOT_BYTES + 1), -EPROTO);
    ck_assert_int_eq(try_view(ring.fd, seat.fd, UINT32_MAX, UINT64_MAX - 63), -EPROTO);
    /* The same product of other factors: only the header tells. */
    ck_assert_int_eq(try_view(ring.fd, seat.fd, SLOTS / 2, SLOT_BYTES * 2), -EPROTO);
    ck_assert_int_eq(try_view(seat.fd, ring.fd, SLOTS, SLOT_BYTES), -EPROTO);
    ck_assert_int_eq(try_view(seat.fd, seat.fd, SLOTS, SLOT_BYTES), -EPROTO);
    ck_assert_int_eq(try_view(-1, seat.fd, SLOTS, SLOT_BYTES), -EPROTO);
    ck_assert_int_eq(try_view(ring.fd, -1, SLOTS, SLOT_BYTES), -EPROTO);
    int pipes[2];
    ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
    ck_assert_int_eq(try_view(pipes[0], seat.fd, SLOTS, SLOT_BYTES), -EPROTO);
    close(pipes[0]);
    close(pipes[1]);
    ring.header->magic++;
    ck_assert_int_eq(try_view(ring.fd, seat.fd, SLOTS, SLOT_BYTES), -EPROTO);
}
END_TEST

/* ---- counters ------------------------------------------------------------------------------ */

/* The tail is the peer's to write: it may not go back, nor beyond what was published. */
START_TEST(seat_update__tail_back_or_beyond__eproto_and_not_taken_over)
{
    ring_publish(&ring, 3);
    static const struct {
        uint64_t tail;
        int rc;
        uint64_t accepted;
    } steps[] = {
        {0, 0, 0}, {2, 0, 2},       {1, -EPROTO, 2},          {4, -EPROTO, 2},
        {3, 0, 3}, {0, -EPROTO, 3}, {UINT64_MAX, -EPROTO, 3}, {UINT64_C(1) << 63, -EPROTO, 3}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        atomic_store(&view.seat->tail, steps[i].tail);
        ck_assert_int_eq(seat_update(&seat, ring_head(&ring)), steps[i].rc);
        ck_assert_uint_eq(seat.tail, steps[i].accepted);
    }
}
END_TEST

START_TEST(ring_view_ready__around_the_head__published_ones_only)
{
    ck_assert(!ring_view_ready(&view, 0));
    ring_publish(&ring, 2);
    ck_assert(ring_view_ready(&view, 0) && ring_view_ready(&view, 1));
    ck_assert(!ring_view_ready(&view, 2) && !ring_view_ready(&view, UINT64_MAX));
    ck_assert(ring_view_wait(&view, 1, 60000));
    ck_assert(!ring_view_wait(&view, 2, 1));
    ck_assert(!ring_view_spin(&view, 2));
}
END_TEST

/* One park is one message: none before the tail is there, one when it is, none for the next. */
START_TEST(ring_view_release__parked__asks_for_one_message_each)
{
    ring_publish(&ring, 4);
    ck_assert(!ring_view_release(&view, 1));
    seat_park(&seat, 3);
    ck_assert(!ring_view_release(&view, 2));
    ck_assert(ring_view_release(&view, 3));
    ck_assert(!ring_view_release(&view, 4));
    seat_park(&seat, 6);
    ring_publish(&ring, 7);
    ck_assert(!ring_view_release(&view, 5));
    ck_assert(ring_view_release(&view, 7));
    seat_park(&seat, SEAT_NOT_PARKED);
    ring_publish(&ring, 9);
    ck_assert(!ring_view_release(&view, 9));
    ck_assert_int_eq(seat_update(&seat, ring_head(&ring)), 0);
    ck_assert_uint_eq(seat.tail, 9);
}
END_TEST

START_TEST(seat_shut__reader_asks__closed)
{
    ck_assert(!ring_view_closed(&view));
    seat_shut(&seat);
    ck_assert(ring_view_closed(&view));
    ck_assert(!ring_view_wait(&view, 0, 60000)); /* at once */
    ring_set_readers(&ring, 1);
    ck_assert(!ring_view_shared(&view));
    ring_set_readers(&ring, 2);
    ck_assert(ring_view_shared(&view));
}
END_TEST

/* ---- sleeping ------------------------------------------------------------------------------ */

enum { ROUNDS = 20000 };

/* The daemon's side: publishes one at a time as the reader gives back, waking only who waits. */
static void *publish_all(void *unused)
{
    for (uint64_t n = 0; n < ROUNDS; n++) {
        while (seat_update(&seat, n) || n - seat.tail >= SLOTS)
            sched_yield();
        if (n >= SLOTS)
            ring_give(&ring, n - SLOTS);
        ring_take(&ring, n);
        ring_slot(&ring, n)->number = n;
        ring_publish(&ring, n + 1);
        if (seat_waits(&seat))
            ring_wake(&ring);
    }
    return unused;
}

/* A lost wake-up shows as a wait of a minute: the test's own time-out is shorter. */
START_TEST(ring_view_wait__twenty_thousand_publications__none_missed)
{
    pthread_t writer;
    ck_assert_int_eq(pthread_create(&writer, NULL, publish_all, NULL), 0);
    for (uint64_t n = 0; n < ROUNDS; n++) {
        while (!ring_view_ready(&view, n)) {
            ring_view_announce(&view);
            ring_view_wait(&view, n, 60000);
        }
        ck_assert_uint_eq(ring_view_slot(&view, n)->number, n);
        ring_view_release(&view, n + 1);
    }
    pthread_join(writer, NULL);
    ck_assert(!seat_waits(&seat));
}
END_TEST

static void *nudge_when_it_waits(void *unused)
{
    while (!seat_waits(&seat))
        sched_yield();
    seat_shut(&seat);
    ring_nudge(&ring);
    return unused;
}

/* A seat that is taken away from a sleeper: it looks up at once. */
START_TEST(ring_nudge__reader_sleeps__looks_up)
{
    for (int i = 0; i < 200; i++) {
        pthread_t daemon;
        atomic_store(&seat.page->closed, 0);
        ck_assert_int_eq(pthread_create(&daemon, NULL, nudge_when_it_waits, NULL), 0);
        ring_view_announce(&view);
        while (!ring_view_closed(&view))
            ck_assert(!ring_view_wait(&view, 0, 60000));
        pthread_join(daemon, NULL);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ring/ring");
    TCase *tc = tcase_create("ring");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, ring_init__peer_with_the_descriptor__cannot_write_resize_or_unseal);
    tcase_add_test(tc, seat_init__peer_with_the_descriptor__cannot_resize);
    tcase_add_test(tc, ring_take__any_number__both_sides_the_same_place);
    tcase_add_test(tc, ring_set_window__narrower_and_wide_again__goes_round_that_many);
    tcase_add_test(tc, ring_view_slot__absurd_place__inside_the_ring);
    tcase_add_test(tc, ring_init__impossible_size__enomem_and_nothing_left);
    tcase_add_test(tc, ring_grow__several_pieces__whole_after_the_last);
    tcase_add_test(tc, ring_close__half_made__nothing_left);
    tcase_add_test(tc, ring_view_init__sizes_that_are_not_the_memorys__eproto);
    tcase_add_test(tc, seat_update__tail_back_or_beyond__eproto_and_not_taken_over);
    tcase_add_test(tc, ring_view_ready__around_the_head__published_ones_only);
    tcase_add_test(tc, ring_view_release__parked__asks_for_one_message_each);
    tcase_add_test(tc, seat_shut__reader_asks__closed);
    tcase_add_test(tc, ring_view_wait__twenty_thousand_publications__none_missed);
    tcase_add_test(tc, ring_nudge__reader_sleeps__looks_up);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
