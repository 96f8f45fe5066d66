/* SPDX-License-Identifier: MIT */
/* Random walks through the pool's core: workers that are between two steps of a turn, clients that
 * read, sleep, come and go, messages on their way. Whatever the order, the invariants hold, and
 * nobody is forgotten: when nothing moves any more, everybody has had everything. */
#include "feed/rig.h"

enum { WORKERS = 3, CLIENTS = 6, USERS = 3, SLOTS = 24, WALK = 4000 };

struct worker {
    bool asleep; /* on the pool's condition */
    bool busy;
    struct turn turn;
    struct step step; /* under way */
};

struct client {
    struct consumer *r; /* NULL: nobody */
    bool asleep;        /* on the ring's futex */
    bool kicks;         /* a message is on its way, */
    bool waits;         /* and says that it waits */
    uint64_t kicked_at; /* the wake_at that was answered last */
};

static struct worker workers[WORKERS];
static struct client clients[CLIENTS];
static struct user *users[USERS];
static uint64_t seed;

static uint32_t random_below(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

/* Every unlock: workers that were signalled wake up. */
static void unlock(void)
{
    rig.woken = 0;
    rig_unlock();
    for (uint32_t i = 0; i < WORKERS && rig.woken; i++)
        if (workers[i].asleep) {
            workers[i].asleep = false;
            rig.k.sleeping--;
            rig.woken--;
        }
}

/* ---- workers ------------------------------------------------------------------------------- */

static void wake_readers(const struct stream *s)
{
    for (int i = 0; i < CLIENTS; i++)
        if (clients[i].r && clients[i].r->stream == s)
            clients[i].asleep = false;
}

static void begin(struct worker *w)
{
    if (!turn_begin(&w->turn, &rig.k, rig.now_ns)) {
        w->asleep = true;
        rig.k.sleeping++;
        return;
    }
    w->step = turn_next(&w->turn, &rig.k, rig.now_ns);
    w->busy = w->step.kind != STEP_END;
    unlock();
}

static void go_on(struct worker *w)
{
    rig.cost_ns[w->step.kind] = random_below(60) * US;
    struct outcome o = rig_do(&w->step);
    if (w->step.kind == STEP_WAKE)
        wake_readers(w->step.stream);
    turn_done(&w->turn, &rig.k, &w->step, &o);
    w->step = turn_next(&w->turn, &rig.k, rig.now_ns);
    w->busy = w->step.kind != STEP_END;
    unlock();
}

static void move_worker(struct worker *w)
{
    if (w->busy)
        go_on(w);
    else if (!w->asleep)
        begin(w);
}

/* ---- clients ------------------------------------------------------------------------------- */

static void open_client(struct client *c)
{
    uint32_t order = random_below(2) ? FMNIST_ORDER_TORCH : FMNIST_ORDER_SEQUENTIAL;
    struct stream *s = rig_stream(order, FMNIST_SHM, 0);
    struct err e;
    *c = (struct client){.r = rig_consumer(false, 0, 1 + random_below(300))};
    c->r->user = users[random_below(USERS)];
    struct seat_wish wish = {.stream = s, .consumer = c->r, .limits = rig.limits};
    if (scheduler_seat(&rig.k, &wish, rig.now_ns) == SEAT_TAKEN) {
        unlock();
        stream_free(s);
        return;
    }
    uint64_t bytes;
    ck_assert_int_eq(stream_ring_size(s, SLOTS, &bytes, &e), 0);
    ck_assert_int_eq(scheduler_claim_ring(&rig.k, &wish, bytes), SEAT_TAKEN);
    unlock();
    ck_assert_int_eq(stream_make_ring(s, SLOTS, &e), 0);
    s->chunk_max = 1 + random_below(8);
    ck_assert_int_eq(scheduler_seat(&rig.k, &wish, rig.now_ns), SEAT_TAKEN);
    unlock();
}

static void leave(struct client *c)
{
    seat_shut(&c->r->seat);
    wake_readers(c->r->stream);
    scheduler_leave(&rig.k, c->r);
    *c = (struct client){0};
    unlock();
}

/* As ring/view.c: gives back, and sends a message where the daemon has asked for one. */
static void release(struct client *c, uint64_t tail)
{
    rig_release(c->r, tail);
    uint64_t wake_at = rig_wake_at(c->r);
    if (tail >= wake_at && wake_at != c->kicked_at) {
        c->kicked_at = wake_at;
        c->kicks = true;
    }
}

static void read_on(struct client *c)
{
    struct consumer *r = c->r;
    uint64_t tail = atomic_load(&r->seat.page->tail), head = ring_head(&r->stream->ring);
    if (head > r->limit)
        head = r->limit;
    if (tail < head) {
        rig_sleeps(r, false);
        release(c, tail + 1 + random_below((uint32_t)(head - tail)));
    } else if (tail < r->limit) {
        rig_sleeps(r, true); /* and looks once more, which is this look */
        c->asleep = c->waits = c->kicks = true;
    }
}

static void hear(struct client *c)
{
    c->kicks = false;
    scheduler_kick(&rig.k, c->r, c->waits, random_below(2), rig.now_ns);
    c->waits = false;
    unlock();
}

static bool is_done(const struct client *c)
{
    return !c->r || atomic_load(&c->r->seat.page->tail) == c->r->limit;
}

static void move_client(struct client *c)
{
    if (!c->r)
        open_client(c);
    else if (c->kicks && random_below(2))
        hear(c);
    else if (!c->asleep && !is_done(c))
        read_on(c);
    else if (random_below(50) == 0)
        leave(c);
}

/* ---- a walk -------------------------------------------------------------------------------- */

static bool is_still(void)
{
    bool still = true;
    for (int i = 0; i < WORKERS; i++)
        still &= workers[i].asleep;
    for (int i = 0; i < CLIENTS; i++)
        still &= !clients[i].kicks && (clients[i].asleep || is_done(&clients[i]));
    return still;
}

/* Nobody comes or goes; everybody does what there is to do. */
static void settle(void)
{
    for (int rounds = 0; !is_still(); rounds++) {
        ck_assert_int_lt(rounds, 100000);
        for (int i = 0; i < WORKERS; i++)
            move_worker(&workers[i]);
        for (int i = 0; i < CLIENTS; i++) {
            struct client *c = &clients[i];
            if (c->r && c->kicks)
                hear(c);
            else if (c->r && !c->asleep && !is_done(c))
                read_on(c);
        }
    }
}

START_TEST(walk__any_order__nobody_is_forgotten)
{
    seed = (uint64_t)_i;
    memset(workers, 0, sizeof workers);
    memset(clients, 0, sizeof clients);
    for (uid_t i = 0; i < USERS; i++)
        users[i] = rig_user(10 + i);
    rig.k.workers = WORKERS;
    rig.k.cpus = 1 + random_below(8);
    for (int n = 0; n < WALK; n++) {
        uint32_t which = random_below(WORKERS + CLIENTS);
        rig.now_ns += random_below(20) * US;
        if (which < WORKERS)
            move_worker(&workers[which]);
        else
            move_client(&clients[which - WORKERS]);
    }
    settle();
    for (int i = 0; i < CLIENTS; i++)
        ck_assert_msg(is_done(&clients[i]), "client %d sleeps at %llu of %llu, head %llu", i,
                      (unsigned long long)clients[i].r->tail,
                      (unsigned long long)clients[i].r->limit,
                      (unsigned long long)clients[i].r->stream->head);
    for (int i = 0; i < CLIENTS; i++)
        if (clients[i].r)
            leave(&clients[i]);
    ck_assert_uint_eq(rig.k.stream_count, 0);
    ck_assert_uint_gt(rig.ended, 3);
    for (int i = 0; i < USERS; i++) {
        ck_assert_uint_eq(user_ring_bytes(users[i], NULL) + users[i]->freeing_bytes, 0);
        users_drop(&rig.k.users, users[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("feed/walk");
    TCase *tc = tcase_create("walk");
    tcase_add_checked_fixture(tc, rig_setup, rig_teardown);
    tcase_add_loop_test(tc, walk__any_order__nobody_is_forgotten, 0, 60);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
