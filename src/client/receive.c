/* SPDX-License-Identifier: MIT */
/* How a batch comes: through a ring, or on the socket. Whichever way, it lies at *p afterwards. */
#include "client/stream.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fault_point.h"
#include "base/io.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#define NAP_MS    100u /* the longest sleep before a look at the socket: well under 250 ms */
#define UNTOLD_MS 1u   /* a wait for neighbours that the daemon need not know of, */
#define SHORT_MS  10u  /* and the sum of such */

uint64_t stream_batch_count(const struct fmnist_stream *s)
{
    if (s->list.lengths)
        return s->list.lengths[s->step];
    uint64_t left = s->opened.sample_count - s->step * s->opened.batch_size;
    return left < s->opened.batch_size ? left : s->opened.batch_size;
}

/* Every batch says what it is; a wrong one ends the stream instead of training a model. */
static int check_batch(struct fmnist_stream *s, const struct slot_header *h)
{
    if (h->number == s->number && h->epoch == s->epoch && h->step == s->step &&
        h->count == stream_batch_count(s))
        return FMNIST_OK;
    int rc =
        fail(FMNIST_EPROTO, "batch (%llu, %llu) of %llu samples came, want (%llu, %llu) of %llu",
             (unsigned long long)h->epoch, (unsigned long long)h->step,
             (unsigned long long)h->count, (unsigned long long)s->epoch,
             (unsigned long long)s->step, (unsigned long long)stream_batch_count(s));
    connection_close(&s->connection);
    return rc;
}

static int take_parts(struct fmnist_stream *s, struct parts *p, const struct slot_header *h,
                      const struct slot_layout *l)
{
    const char *at = (const char *)h;
    p->count = stream_batch_count(s);
    p->samples = at + SLOT_SAMPLES_AT;
    p->labels = at + l->labels_at;
    p->indices = (const uint32_t *)(at + l->indices_at);
    return check_batch(s, h);
}

static int dead(void)
{
    return fail(FMNIST_EDEAD, "the daemon closed the connection");
}

/* ---- going over to another ring ------------------------------------------------------------ */

static int send_leave(struct fmnist_stream *s, enum wire_leave which)
{
    uint8_t body[4];
    put_le32(body, which);
    int rc = connection_send(&s->connection, WIRE_LEAVE, body, sizeof body);
    FAULT_POINT("leave sent");
    return rc;
}

/* Nothing of the ring before is held any more. */
static void leave_ring(struct fmnist_stream *s)
{
    ring_view_close(&s->left);
    /* Half a frame cannot be taken up again. A daemon that is gone is the next call's to tell. */
    if (send_leave(s, WIRE_LEAVE_OLD))
        connection_close(&s->connection);
}

/* Neighbours kept us waiting, so there is a ring of our own from batch `at` on. */
static int take_offer(struct fmnist_stream *s, uint64_t at, const int fds[2])
{
    if (s->left.header)
        return fail(FMNIST_EPROTO, "a ring was offered before the last one was left");
    if (at != s->number)
        return send_leave(s, WIRE_LEAVE_OFFERED);
    struct ring_view offered;
    struct err e;
    FAULT_POINT("offer taken");
    int rc = ring_view_init(&offered, fds[0], fds[1], s->slot_count, s->layout.bytes, &e);
    if (rc)
        return fail_from(rc, &e);
    s->left = s->view;
    s->left_at = at;
    s->view = offered;
    FAULT_POINT("at two rings");
    if (stream_kept(s) == at)
        leave_ring(s);
    return FMNIST_OK;
}

static int receive_offer(struct fmnist_stream *s, const struct wire_head *h, const int *fds,
                         size_t fd_count)
{
    uint8_t body[8];
    if (h->type != WIRE_OFFER || h->body_bytes != sizeof body || fd_count != 2)
        return fail(FMNIST_EPROTO, "frame of type %u with %u bytes is not expected", h->type,
                    h->body_bytes);
    int rc = connection_body(&s->connection, body, sizeof body);
    return rc ? rc : take_offer(s, get_le64(body), fds);
}

/* ---- arriving through shared memory -------------------------------------------------------- */

/* The ring gave nothing: does the daemon live, has it something to say? */
static int look_at_socket(struct fmnist_stream *s)
{
    if (s->connection.fd < 0)
        return dead();
    struct pollfd p = {.fd = s->connection.fd, .events = POLLIN};
    bool closed = ring_view_closed(&s->view);
    if (poll(&p, 1, closed ? (int)NAP_MS : 0) <= 0)
        return FMNIST_OK;
    if (!closed && ring_view_ready(&s->view, s->number))
        return FMNIST_OK; /* published before the end: that is delivered first */
    struct wire_head h;
    int fds[2] = {-1, -1};
    size_t fd_count = 2;
    int rc = connection_head(&s->connection, NAP_MS, &h, fds, &fd_count);
    if (!rc)
        rc = receive_offer(s, &h, fds, fd_count);
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    if (rc)
        connection_close(&s->connection);
    return rc;
}

static bool is_there(const struct fmnist_stream *s)
{
    return ring_view_ready(&s->view, s->number) && !ring_view_closed(&s->view);
}

/* Batches that we or our neighbours hold may keep the daemon from going on, and it learns that from
 * a message. For short waits for neighbours there is none, but for their sum. */
static bool has_to_tell(const struct fmnist_stream *s, bool shared, uint64_t waited_ns)
{
    return stream_kept(s) != s->number || (shared && waited_ns >= UNTOLD_MS * UINT64_C(1000000)) ||
           s->untold_ns >= SHORT_MS * UINT64_C(1000000);
}

/* Sleeps a while; the wait has lasted `waited_ns` so far. */
static void doze(struct fmnist_stream *s, uint32_t nap_ms, uint64_t waited_ns)
{
    uint64_t start = clock_ns();
    ring_view_begin_wait(&s->view, start);
    ring_view_announce(&s->view);
    bool shared = ring_view_shared(&s->view), tell = has_to_tell(s, shared, waited_ns);
    if (tell) {
        s->owes_kick = true;
        s->untold_ns = 0;
    }
    stream_pay_kick(s); /* also one that did not go before */
    ring_view_wait(&s->view, s->number, shared && !tell && UNTOLD_MS < nap_ms ? UNTOLD_MS : nap_ms);
    uint64_t waited = clock_ns() - start;
    ring_view_note_wait(&s->view, waited);
    if (shared)
        s->untold_ns += waited;
}

static int wait_for_batch(struct fmnist_stream *s, uint32_t timeout_ms)
{
    if (s->connection.fd < 0)
        return dead();
    uint64_t now = clock_ns(), deadline = now + timeout_ms * UINT64_C(1000000);
    if (!s->waits_since_ns)
        s->waits_since_ns = now; /* and not since this call: it may be one of many looks */
    for (;;) {
        doze(s, timeout_ms < NAP_MS ? timeout_ms : NAP_MS, clock_ns() - s->waits_since_ns);
        if (is_there(s))
            return FMNIST_OK;
        int rc = look_at_socket(s);
        if (rc)
            return rc;
        if (clock_ns() >= deadline && !is_there(s))
            return fail(FMNIST_ETIMEDOUT, "no batch within %u ms", timeout_ms);
    }
}

static int await_shm(struct fmnist_stream *s, uint32_t timeout_ms)
{
    stream_pay_kick(s); /* who takes one view behind the other releases none */
    bool there = is_there(s) || (ring_view_spin(&s->view, s->number) && is_there(s));
    int rc = there ? FMNIST_OK : wait_for_batch(s, timeout_ms);
    if (!rc)
        s->waits_since_ns = 0;
    return rc;
}

static int receive_shm(struct fmnist_stream *s, struct parts *p)
{
    int rc = await_shm(s, s->timeout_ms);
    if (rc)
        return rc;
    FAULT_POINT("slot found");
    return take_parts(s, p, ring_view_slot(&s->view, s->number), &s->layout);
}

/* ---- arriving on the socket ---------------------------------------------------------------- */

static int receive_inline(struct fmnist_stream *s, void *frame, struct parts *p)
{
    struct wire_head h;
    size_t none = 0;
    int rc = connection_head(&s->connection, s->timeout_ms, &h, NULL, &none);
    if (rc == FMNIST_ETIMEDOUT)
        return rc;
    FAULT_POINT("batch's head taken");
    const struct slot_sample sample = stream_slot_sample(s);
    struct slot_layout layout;
    slot_layout_init(&layout, stream_batch_count(s), &sample);
    if (!rc && (h.type != WIRE_BATCH || h.body_bytes != layout.bytes))
        rc = fail(FMNIST_EPROTO, "frame of type %u with %u bytes came, want a batch of %llu",
                  h.type, h.body_bytes, (unsigned long long)layout.bytes);
    if (!rc)
        rc = connection_batch(&s->connection, frame, layout.bytes);
    if (rc) {
        connection_close(&s->connection);
        return rc;
    }
    return take_parts(s, p, frame, &layout);
}

/* The daemon's end ends no call before it had its time to come back. */
static int receive(struct fmnist_stream *s, void *frame, struct parts *p)
{
    int rc;
    do
        rc = stream_is_inline(s) ? receive_inline(s, frame, p) : receive_shm(s, p);
    while (rc == FMNIST_EDEAD && (rc = stream_revive(s, UINT64_MAX)) == FMNIST_OK);
    if (!rc)
        s->reopening.since_ns = 0;
    return rc;
}

int stream_receive(struct fmnist_stream *s, void *frame, struct parts *p)
{
    int rc = guard_check(&s->guard);
    if (rc)
        return rc;
    if (s->step == s->opened.steps) {
        s->epoch++;
        s->step = 0;
        return FMNIST_END_OF_EPOCH;
    }
    if (s->epoch >= s->end_epoch)
        return FMNIST_END_OF_STREAM;
    if (s->number - s->tail >= s->slot_count)
        return fail(FMNIST_EBUSY, "all %u slots are held: release a batch first", s->slot_count);
    return receive(s, frame, p);
}

#if defined(__has_feature)
#define HAS_TSAN __has_feature(thread_sanitizer)
#elif defined(__SANITIZE_THREAD__)
#define HAS_TSAN 1
#else
#define HAS_TSAN 0
#endif

bool stream_was_taken(const struct fmnist_stream *s)
{
#if !HAS_TSAN /* it knows no fences, and nothing of other processes' writes */
    /* What was read of the slot was read before the look: CPUs such as Arm's could turn that round.
     */
    atomic_thread_fence(memory_order_acquire);
#endif
    return !stream_is_inline(s) && ring_view_closed(&s->view);
}

/* The end of the connection, and nothing before it. */
static bool hung_up(const struct connection *c, const struct pollfd *p)
{
    char byte;
    return p->revents & POLLHUP && recv(c->fd, &byte, 1, MSG_PEEK) <= 0;
}

static int await_inline(struct fmnist_stream *s, uint32_t timeout_ms)
{
    struct connection *c = &s->connection;
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    if (p.fd < 0)
        return dead();
    if (poll(&p, 1, (int)timeout_ms) <= 0)
        return fail(FMNIST_ETIMEDOUT, "no batch within %u ms", timeout_ms);
    if (!hung_up(c, &p))
        return FMNIST_OK;
    connection_close(c);
    return dead();
}

static int await(struct fmnist_stream *s, uint32_t timeout_ms)
{
    return stream_is_inline(s) ? await_inline(s, timeout_ms) : await_shm(s, timeout_ms);
}

int fmnist_wait(struct fmnist_stream *s, uint32_t timeout_ms)
{
    if (!s)
        return fail(FMNIST_EINVAL, "stream: want no NULL");
    int rc = guard_check(&s->guard);
    bool comes =
        s->step < s->opened.steps && s->epoch < s->end_epoch && s->number - s->tail < s->slot_count;
    if (rc || !comes)
        return rc;
    uint64_t until = timeout_ms ? clock_ns() + timeout_ms * UINT64_C(1000000) : 0;
    rc = await(s, timeout_ms);
    while (rc == FMNIST_EDEAD && (rc = stream_revive(s, until)) == FMNIST_OK)
        rc = await(s, clock_ms_until(until));
    return rc;
}

void stream_give_back(struct fmnist_stream *s)
{
    if (stream_is_inline(s))
        return;
    uint64_t tail = stream_kept(s);
    stream_drop_kept(s, tail);
    if (tail < s->began)
        return; /* one of a ring that is kept is still held */
    bool old = s->left.header && tail < s->left_at;
    if (s->left.header && !old)
        leave_ring(s);
    if (ring_view_release(old ? &s->left : &s->view, tail))
        s->owes_kick = true;
}

void stream_pay_kick(struct fmnist_stream *s)
{
    if (!s->owes_kick)
        return;
    s->owes_kick = !connection_kick(&s->connection);
}
