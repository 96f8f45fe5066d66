/* SPDX-License-Identifier: MIT */
/* Looks at who takes batches, and tells the ledger. Where a record goes is not known here. */
#include "session/deliveries.h"

#include "base/clock.h"
#include "base/io.h"
#include "feed/stream.h"
#include "fmnist.h"

#include <assert.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

/* The longest that the loop waits for a worker that sends to a client which has ended: it is a
 * system call away, and on a busy CPU a turn or two of the scheduler. */
#define SENDING_NS 10000000u

/* ---- what is acknowledged ------------------------------------------------------------------ */

/* Of what was sent up to `now`, the bytes that an inline client has taken off its socket. Returns
 * false where the kernel does not say. */
static bool took_bytes(const struct taker *t, int fd, const struct taken *now, uint64_t *bytes)
{
    struct pollfd peer = {.fd = fd};
    int left = 0;
    /* In this order: what a client that closes its socket has left in it is thrown away behind its
     * hang-up, and is an error then. */
    if (ioctl(fd, SIOCOUTQ, &left) || poll(&peer, 1, 0) < 0)
        return false;
    *bytes = now->all_bytes > (uint64_t)left ? now->all_bytes - (uint64_t)left : 0;
    bool reset = t->reset || now->reset || peer.revents & POLLERR;
    return !(peer.revents & POLLHUP) || (t->ends && !reset);
}

/* The last look of which all is acknowledged. */
static struct taken acknowledged(const struct taker *t, struct place *p, const struct taken *now)
{
    struct delivery *d = &p->delivery;
    uint64_t bytes;
    if (!p->consumer->is_inline)
        return *now;
    struct taken last = d->told;
    if (!took_bytes(t, p->consumer->sender.fd, now, &bytes))
        return last;
    if (d->sent.number > last.number && d->sent.bytes <= bytes)
        last = d->sent;
    if (now->number > last.number && now->bytes <= bytes)
        last = *now;
    if (d->sent.number <= last.number)
        d->sent = *now;
    return last;
}

/* ---- telling ------------------------------------------------------------------------------- */

/* What the client's program is called; nothing is allowed or refused by it. */
static void read_program(pid_t pid, char name[LEDGER_PROGRAM_SIZE])
{
    char path[32];
    memset(name, 0, LEDGER_PROGRAM_SIZE);
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    int fd = pid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    if (read_full(fd, name, LEDGER_PROGRAM_SIZE - 1) < 0)
        name[0] = 0;
    fd_close(&fd);
    name[strcspn(name, "\n")] = 0;
    err_make_line(name);
}

static bool tell_open(const struct taker *t)
{
    const struct render_plan *plan = t->places[0]->consumer->plan;
    struct ledger_record r = {.type = LEDGER_OPEN,
                              .open = {.session = (uint32_t)t->who.session,
                                       .uid = t->who.uid,
                                       .pid = (uint32_t)t->who.pid,
                                       .at_token = t->who.at_token,
                                       .time_ms = scribe_now_ms(),
                                       .first = t->who.first,
                                       .images = plan->split->count,
                                       .spec = plan->spec}};
    memcpy(r.open.identity, plan->identity, sizeof r.open.identity);
    read_program(t->who.pid, r.open.program);
    return scribe_put(t->all->scribe, &r);
}

static bool tell_run(const struct taker *t, const struct taken *from, const struct taken *to)
{
    struct ledger_record r = {.type = LEDGER_RUN,
                              .run = {.session = (uint32_t)t->who.session,
                                      .count = (uint32_t)(to->number - from->number),
                                      .first = from->number,
                                      .sum = to->sum - from->sum}};
    return scribe_put(t->all->scribe, &r);
}

/* Behind the last batch that the client may have been handed. What it makes another form of it
 * gives back at once; samples that are images already it hands on as they lie in the ring. */
static uint64_t handed(const struct place *p, const struct taken *now)
{
    const struct render_plan *plan = p->consumer->plan;
    uint32_t as_kept = plan->image.form == AUGMENT_FLOATS ? FMNIST_FLOAT32 : FMNIST_UINT8;
    bool holds = plan->spec.dtype == as_kept && !plan->spec.mean_count;
    return holds || p->consumer->is_inline ? now->head : now->number;
}

/* A client that ends may have taken what a worker is about to count: a moment, unless others have
 * the CPU. */
static struct taken take_look(const struct taker *t, const struct place *p, uint64_t least)
{
    struct pool *pool = t->all->services->pool;
    struct taken now = pool_taken(pool, p->consumer, least);
    uint64_t end_ns = t->ends && now.sending ? clock_ns() + SENDING_NS : 0;
    while (now.sending && clock_ns() < end_ns) {
        sched_yield();
        now = pool_taken(pool, p->consumer, least);
    }
    return now;
}

/* Returns how many batches are acknowledged and could not be told; *head: behind what was handed
 * over, if that is more. */
static uint64_t look(struct taker *t, struct place *p, uint64_t least, uint64_t *head)
{
    struct taken *told = &p->delivery.told;
    struct taken now = take_look(t, p, least);
    struct taken to = acknowledged(t, p, &now);
    assert(to.number >= told->number);
    if (*head < handed(p, &now))
        *head = handed(p, &now);
    t->in_ledger = t->in_ledger || tell_open(t);
    if (to.number > told->number && t->in_ledger && tell_run(t, told, &to))
        *told = to;
    return to.number - told->number;
}

static uint64_t look_at_places(struct taker *t, uint64_t *head)
{
    uint64_t left = 0;
    for (int i = 0; i < 2; i++)
        if (t->places[i])
            left += look(t, t->places[i], 0, head);
    return left;
}

static void on_time(uv_timer_t *timer)
{
    const struct deliveries *d = timer->data;
    uint64_t head = 0;
    for (struct taker *t = d->first; t; t = t->next)
        look_at_places(t, &head);
}

/* ---- takers come and go -------------------------------------------------------------------- */

/* Whoever opens what others read may go on where they are now: that is told before. */
static void look_at_same(struct taker *but, const uint8_t identity[16])
{
    uint64_t head = 0;
    for (struct taker *t = but->all->first; t; t = t->next)
        if (t->who.uid == but->who.uid &&
            !memcmp(t->places[0]->consumer->plan->identity, identity, 16))
            look_at_places(t, &head);
}

void deliveries_begin(struct deliveries *d, struct taker *t, struct place *place)
{
    t->all = d;
    if (!d)
        return;
    look_at_same(t, place->consumer->plan->identity);
    deliveries_sit_down(t, place);
    t->in_ledger = tell_open(t);
    if (!d->first)
        uv_timer_start(&d->timer, on_time, DELIVERIES_LOOK_MS, DELIVERIES_LOOK_MS);
    t->next = d->first;
    d->first = t;
}

void deliveries_sit_down(struct taker *t, struct place *place)
{
    if (!t->all)
        return;
    struct pool *pool = t->all->services->pool;
    struct delivery *d = &place->delivery;
    d->told = d->sent = pool_taken(pool, place->consumer, 0);
    d->first = d->told.number;
    assert(!t->places[1]);
    t->places[t->places[0] != NULL] = place;
}

void deliveries_get_up(struct taker *t, struct place *place)
{
    if (!t->all)
        return;
    bool went_over = place == t->places[0]; /* and holds nothing any more of what was before */
    uint64_t least = went_over ? t->places[1]->delivery.first : 0, head = 0;
    uint64_t left = look(t, place, least, &head);
    if (left)
        scribe_lost(t->all->scribe, left);
    if (went_over)
        t->places[0] = t->places[1];
    t->places[1] = NULL;
}

/* Of two places, the one that is behind: what it holds still is in no RUN. */
static uint64_t told_by(const struct taker *t)
{
    uint64_t first = t->places[0]->delivery.told.number;
    uint64_t second = t->places[1] ? t->places[1]->delivery.told.number : first;
    return first < second ? first : second;
}

void deliveries_end(struct taker *t)
{
    struct deliveries *d = t->all;
    if (!d)
        return;
    t->ends = true;
    uint64_t head = 0, left = look_at_places(t, &head);
    struct ledger_record r = {.type = LEDGER_END,
                              .end = {.session = (uint32_t)t->who.session,
                                      .told = told_by(t),
                                      .handed = head,
                                      .time_ms = scribe_now_ms()}};
    if (left || (t->in_ledger && !scribe_put(d->scribe, &r)))
        scribe_lost(d->scribe, left);
    struct taker **at = &d->first;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    t->all = NULL;
    if (!d->first)
        uv_timer_stop(&d->timer);
}

/* ---- start and end ------------------------------------------------------------------------- */

int deliveries_start(struct deliveries *d, const struct services *services,
                     const struct scribe_options *o, struct err *e)
{
    int rc = scribe_start(&d->scribe, o, e);
    if (rc)
        return rc;
    d->services = services;
    uv_timer_init(services->loop, &d->timer);
    d->timer.data = d;
    return 0;
}

void deliveries_close(struct deliveries *d)
{
    if (d->scribe)
        uv_close((uv_handle_t *)&d->timer, NULL);
}

void deliveries_stop(struct deliveries *d)
{
    scribe_stop(d->scribe);
    d->scribe = NULL;
}
