/* SPDX-License-Identifier: MIT */
/* A hostile client at a ring that it shares: whatever it writes into its page, at whatever moment
 * of a worker's turn, its neighbour's batches are right, and what breaks is its own place.
 *
 * The rig is that of tests/feed: no threads, a clock that stands still. The input is a list of
 * steps; the last one, always, is that the hostile client goes and its neighbour reads on.
 */
#include "fuzz/unchecked.h"

#include "base/clock.h"
#include "feed/rig.h"
#include "fuzz/fuzz.h"

#include <errno.h>

enum { SLOTS = 16, HELD_MAX = 4, STEPS_MAX = 200 };

static struct consumer *hostile, *good; /* hostile: NULL once it has gone */
static uint64_t taken;                  /* batches that the good one has given back */

/* A word that is written in the midst of the next step. */
static struct {
    bool armed;
    uint32_t at;
    uint64_t value;
} later;

static void write_word(uint32_t at, uint64_t value)
{
    if (!hostile)
        return;
    char *page = (char *)hostile->seat.page;
    atomic_store((_Atomic uint64_t *)(page + at % (RING_SEAT_SIZE / 8) * 8), value);
}

static void meanwhile(const struct step *step)
{
    if (!later.armed)
        return;
    later.armed = false;
    write_word(later.at, later.value);
}

/* Batch n of the sequential order has image n: its header, pixels, label and index. */
static void check_batch(uint64_t number)
{
    const struct stream *s = good->stream;
    const struct slot_header *h = ring_slot(&s->ring, number);
    struct slot_layout l;
    slot_layout_init(&l, 1, &(struct slot_sample){.bytes = 16});
    const char *at = (const char *)h;
    uint32_t image = (uint32_t)(number % RIG_COUNT), index;
    int32_t label;
    memcpy(&label, at + l.labels_at, sizeof label);
    memcpy(&index, at + l.indices_at, sizeof index);
    ck_assert(h->number == number && h->epoch == number / RIG_COUNT && h->step == image);
    ck_assert(h->count == 1 && index == image && label == rig.set.labels[image]);
    ck_assert(!memcmp(at + SLOT_SAMPLES_AT, rig.set.images + (size_t)image * 16, 16));
}

/* The good client looks at all that it may hold, and gives the first back. */
static void read_good(uint64_t count)
{
    uint64_t head = ring_head(&good->stream->ring);
    for (uint64_t n = taken; n < head && n < taken + HELD_MAX; n++)
        check_batch(n);
    taken += count < head - taken ? count : head - taken;
    rig_release(good, taken);
}

static void check_hostile(void)
{
    if (!hostile)
        return;
    ck_assert(hostile->failed == 0 || hostile->failed == -EPROTO);
    ck_assert(hostile->tail <= ring_head(&hostile->stream->ring));
    ck_assert(hostile->stream != good->stream || !consumer_is_active(hostile) ||
              hostile->tail >= good->stream->kept);
}

static void leave(void)
{
    if (hostile)
        rig_leave(hostile);
    hostile = NULL;
}

/* Another one comes where the good one is; it may be that there is no place for it. */
static void come(uint64_t limit)
{
    leave();
    struct stream *s = rig_stream(FMNIST_ORDER_SEQUENTIAL, FMNIST_SHM, 0);
    s->first = good->stream->head;
    hostile = rig_consumer(false, s->first, s->first + limit);
    if (!rig_seat(s, hostile, NULL)) {
        consumer_free(hostile);
        hostile = NULL;
    }
    stream_free(s);
}

static void kick(struct consumer *r, uint8_t how)
{
    if (!r)
        return;
    scheduler_kick(&rig.k, r, how & 1, how & 2, rig.now_ns);
    rig_unlock();
}

/* The session's part: a consumer that failed is taken out. */
static void dispatch(void)
{
    struct consumer *r;
    while ((r = scheduler_take_event(&rig.k))) {
        ck_assert(r != good);
        ck_assert_int_eq(r->failed, -EPROTO);
        leave();
    }
}

static void step(struct input *in)
{
    struct seat_waited waited = {0};
    uint8_t what = input_u8(in);
    switch (what % 12) {
    case 0: /* a tail that is near */
        write_word(0, ring_head(&good->stream->ring) + (uint64_t)(int8_t)input_u8(in));
        break;
    case 1:
        write_word(0, input_u64(in));
        break;
    case 2: /* waiting, waits, waited_ns, closed, wake_at */
        write_word((uint8_t[]){1, 2, 3, 8, 9}[what / 12 % 5], input_u64(in));
        break;
    case 3:
        write_word(input_u16(in), input_u64(in));
        break;
    case 4:
        later.at = input_u8(in) % 12;
        later.value = input_u64(in);
        later.armed = true;
        break;
    case 5:
    case 6:
        rig_turn();
        break;
    case 7:
        rig.now_ns += input_u16(in) * UINT64_C(100000);
        break;
    case 8:
        kick(hostile, what / 12);
        break;
    case 9:
        read_good(what / 12);
        kick(good, what / 12);
        break;
    case 10:
        dispatch();
        break;
    case 11:
        if (hostile) {
            seat_waited_add(&waited, &hostile->seat);
            seat_waited_by(&waited, &hostile->seat, clock_ns());
        }
        come(input_u16(in));
        break;
    }
    check_hostile();
}

/* Nothing that was done may keep the good one from going on. */
static void go_on(void)
{
    rig.meanwhile = NULL;
    dispatch();
    leave();
    for (uint64_t end = taken + 3 * SLOTS, i = 0; taken < end; i++) {
        ck_assert(i < 10000);
        while (rig_turn())
            ;
        read_good(1 + i % SLOTS);
        kick(good, 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    rig_setup();
    for (int i = 0; i <= STEP_WATCH_SOCKET; i++)
        rig.cost_ns[i] = 20 * US;
    rig.meanwhile = meanwhile;
    later.armed = false;
    taken = 0;
    hostile = NULL;
    good = rig_open(FMNIST_ORDER_SEQUENTIAL, SLOTS);
    come(UINT64_C(1) << 40);
    for (int i = 0; i < STEPS_MAX && in.left; i++)
        step(&in);
    go_on();
    rig_teardown();
    return 0;
}
