/* SPDX-License-Identifier: MIT */
/* A consumer's own bookkeeping. Does not know who else sits at the ring: that is stream.c's. */
#include "feed/consumer.h"

#include "render/render_plan.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* Nobody else has it yet. */
int consumer_new(struct consumer **out, const struct consumer_options *options,
                 struct err *e) UNGUARDED
{
    assert(options->first <= options->limit);
    struct consumer *r = calloc(1, sizeof *r);
    if (!r)
        return err_set(e, -ENOMEM, "out of memory");
    r->plan = render_plan_share(options->plan);
    r->user = options->user;
    r->is_inline = options->is_inline;
    r->tail = options->first;
    r->limit = options->limit;
    r->joined_ns = options->since_ns;
    r->stalled_ns = options->lost_ns;
    r->seat.fd = -1;
    r->sender.fd = -1;
    int rc = r->is_inline ? 0 : seat_init(&r->seat, r->tail, e);
    if (rc)
        goto free_consumer;
    *out = r;
    return 0;

free_consumer:
    render_plan_free(r->plan);
    free(r);
    return rc;
}

/* Nobody else has it any more. */
void consumer_free(struct consumer *r) UNGUARDED
{
    if (!r)
        return;
    assert(!r->stream && !r->has_event);
    seat_close(&r->seat);
    inline_sender_close(&r->sender);
    render_plan_free(r->plan);
    free(r);
}

/* What the seat says that was waited since the last look; never more than the time since. */
static uint64_t take_statement(struct consumer *r, uint64_t now_ns) REQUIRES(feed_lock)
{
    struct seat_waited w = {0};
    assert(now_ns >= r->looked_ns && !r->is_inline);
    seat_waited_add(&w, &r->seat);
    uint64_t waited = w.waited_ns - r->stated_ns, elapsed = now_ns - r->looked_ns;
    r->stated_ns = w.waited_ns;
    r->looked_ns = now_ns;
    return waited < elapsed ? waited : elapsed;
}

void consumer_stall_begin(struct consumer *r, uint64_t now_ns)
{
    uint64_t looked_ns = r->looked_ns, waited = take_statement(r, now_ns);
    /* A wait that goes on has cost all of the time since the last look, stated or not. */
    r->stalled_ns += r->stalled_since_ns ? now_ns - looked_ns : waited;
    if (!r->stalled_since_ns)
        r->stalled_since_ns = now_ns;
}

void consumer_stall_clear(struct consumer *r, uint64_t now_ns)
{
    take_statement(r, now_ns);
    r->stalled_since_ns = 0;
}

void consumer_stall_end(struct consumer *r)
{
    r->stalled_since_ns = 0;
}

uint64_t consumer_lost_ns(const struct consumer *r, uint64_t now_ns)
{
    return r->stalled_ns + (r->stalled_since_ns ? now_ns - r->looked_ns : 0);
}

static uint64_t difference(uint64_t allowed, uint64_t used)
{
    return used < allowed ? allowed - used : 0;
}

/* What it may lose in all. */
static uint64_t allowance(const struct consumer *r, uint64_t share, uint64_t now_ns)
    REQUIRES(feed_lock)
{
    return CONSUMER_GRACE_NS + (now_ns - r->joined_ns) / share;
}

uint64_t consumer_stall_budget_ns(const struct consumer *r, uint64_t now_ns)
{
    if (!r->stalled_since_ns)
        return CONSUMER_NOT_STALLED;
    uint64_t now = difference(CONSUMER_STALL_NS, now_ns - r->stalled_since_ns);
    uint64_t in_all = difference(allowance(r, CONSUMER_SHARE, now_ns), consumer_lost_ns(r, now_ns));
    return now < in_all ? now : in_all;
}

uint64_t consumer_busy_stall_budget_ns(const struct consumer *r, uint64_t least_ns, uint64_t now_ns)
{
    if (!r->stalled_since_ns)
        return CONSUMER_NOT_STALLED;
    uint64_t now = difference(CONSUMER_BUSY_STALL_NS, now_ns - r->stalled_since_ns);
    uint64_t allowed = allowance(r, CONSUMER_BUSY_SHARE, now_ns) + least_ns;
    uint64_t in_all = difference(allowed, consumer_lost_ns(r, now_ns));
    return now < in_all ? now : in_all;
}
