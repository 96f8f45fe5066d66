/* A reader's own bookkeeping. Does not know who else sits at the ring: that is stream.c's. */
#include "server/reader.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int reader_new(struct reader **out, bool is_inline, uint64_t first, uint64_t limit, struct err *e)
{
    struct reader *r = calloc(1, sizeof *r);
    if (!r)
        return err_set(e, -ENOMEM, "out of memory");
    r->is_inline = is_inline;
    r->tail = first;
    r->limit = limit;
    r->seat.fd = -1;
    r->outlet.fd = -1;
    int rc = is_inline ? 0 : seat_init(&r->seat, first, e);
    if (rc) {
        free(r);
        return rc;
    }
    *out = r;
    return 0;
}

void reader_free(struct reader *r)
{
    if (!r)
        return;
    assert(!r->stream && !r->notified);
    seat_close(&r->seat);
    outlet_close(&r->outlet);
    free(r);
}

/* What the seat says that was waited since the last look; never more than the time since. */
static uint64_t take_statement(struct reader *r, uint64_t now_ns)
{
    struct seat_waited w = {0};
    seat_waited_add(&w, &r->seat);
    uint64_t waited = w.waited_ns - r->stated_ns, elapsed = now_ns - r->looked_ns;
    r->stated_ns = w.waited_ns;
    r->looked_ns = now_ns;
    return waited < elapsed ? waited : elapsed;
}

void reader_block(struct reader *r, uint64_t now_ns)
{
    uint64_t looked_ns = r->looked_ns, waited = take_statement(r, now_ns);
    /* A wait that goes on has cost all of the time since the last look, stated or not. */
    r->blocked_ns += r->blocked_since_ns ? now_ns - looked_ns : waited;
    if (!r->blocked_since_ns)
        r->blocked_since_ns = now_ns;
}

void reader_acquit(struct reader *r, uint64_t now_ns)
{
    take_statement(r, now_ns);
    r->blocked_since_ns = 0;
}

void reader_unblock(struct reader *r)
{
    r->blocked_since_ns = 0;
}

uint64_t reader_lost_ns(const struct reader *r, uint64_t now_ns)
{
    return r->blocked_ns + (r->blocked_since_ns ? now_ns - r->looked_ns : 0);
}

static uint64_t difference(uint64_t allowed, uint64_t used)
{
    return used < allowed ? allowed - used : 0;
}

/* What it may lose in all. */
static uint64_t allowance(const struct reader *r, uint64_t share, uint64_t now_ns)
{
    return READER_GRACE_NS + (now_ns - r->joined_ns) / share;
}

uint64_t reader_patience_ns(const struct reader *r, uint64_t now_ns)
{
    if (!r->blocked_since_ns)
        return READER_PATIENT;
    uint64_t now = difference(READER_WAIT_NS, now_ns - r->blocked_since_ns);
    uint64_t in_all = difference(allowance(r, READER_SHARE, now_ns), reader_lost_ns(r, now_ns));
    return now < in_all ? now : in_all;
}

uint64_t reader_busy_patience_ns(const struct reader *r, uint64_t least_ns, uint64_t now_ns)
{
    if (!r->blocked_since_ns)
        return READER_PATIENT;
    uint64_t now = difference(READER_BUSY_NS, now_ns - r->blocked_since_ns);
    uint64_t allowed = allowance(r, READER_BUSY_SHARE, now_ns) + least_ns;
    uint64_t in_all = difference(allowed, reader_lost_ns(r, now_ns));
    return now < in_all ? now : in_all;
}
