/* SPDX-License-Identifier: MIT */
/* Opening a stream again whose daemon ended, in steps that a call may leave and the next one goes
 * on with: callers that hear signals come back every so often.
 *
 *     DIAL ──► WELCOME ──► ANSWER ──► (opened)
 *      ▲          │         │  ▲
 *      │          │       LIST ┘  where the daemon wants the list
 *      └──────────┴─────────┘     the connection failed
 */
#include "client/stream.h"

#include "base/clock.h"
#include "base/fault_point.h"
#include "base/io.h"

#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAP_MS 20u /* between attempts to connect */

/* ---- the rings before ---------------------------------------------------------------------- */

/* Keeps a ring of which batches before `until` are held; *node is used up then. */
static void keep(struct fmnist_stream *s, struct ring_view *view, uint64_t until,
                 struct kept_ring **node)
{
    if (!view->header || stream_kept(s) >= until) {
        ring_view_close(view);
        return;
    }
    assert(*node);
    struct kept_ring **end = &s->kept;
    while (*end)
        end = &(*end)->next;
    **node = (struct kept_ring){.view = *view, .until = until};
    *end = *node;
    *node = NULL;
    memset(view, 0, sizeof *view);
}

void stream_drop_kept(struct fmnist_stream *s, uint64_t tail)
{
    while (s->kept && s->kept->until <= tail) {
        struct kept_ring *oldest = s->kept;
        s->kept = oldest->next;
        ring_view_close(&oldest->view);
        free(oldest);
    }
}

/* What is held stays so in an array that another ring's slots fit in. */
static void **rearrange_held(const struct fmnist_stream *s, uint32_t size)
{
    void **held = calloc(size, sizeof *held);
    for (uint64_t n = s->tail; held && n < s->number; n++)
        held[n % size] = s->held[n % s->held_size];
    return held;
}

static int change_rings(struct fmnist_stream *s, uint32_t slot_count, const int fds[2])
{
    uint32_t held_size = slot_count > s->held_size ? slot_count : s->held_size;
    void **held = rearrange_held(s, held_size), **idle = calloc(held_size, sizeof *idle);
    struct kept_ring *nodes[] = {malloc(sizeof *nodes[0]), malloc(sizeof *nodes[1])};
    struct ring_view view = {0};
    struct err e;
    int rc = FMNIST_OK;
    if (!held || !idle || !nodes[0] || !nodes[1]) {
        rc = fail(FMNIST_ENOMEM, "out of memory");
        goto free_all;
    }
    rc = ring_view_init(&view, fds[0], fds[1], slot_count, s->layout.bytes, &e);
    if (rc) {
        rc = fail_from(rc, &e);
        goto free_all;
    }
    keep(s, &s->left, s->left_at, &nodes[0]);
    keep(s, &s->view, s->number, &nodes[1]);
    FAULT_POINT("ring kept, no other");
    s->view = view;
    s->slot_count = s->opened.slot_count = slot_count;
    memcpy(idle, s->idle, s->idle_count * sizeof *idle);
    void **old_held = s->held, **old_idle = s->idle;
    s->held = held;
    s->idle = idle;
    s->held_size = held_size;
    held = old_held;
    idle = old_idle;
free_all:
    free(held);
    free(idle);
    free(nodes[0]);
    free(nodes[1]);
    return rc;
}

/* ---- the steps ----------------------------------------------------------------------------- */

/* The daemon says: the same stream, as far as it can be told apart. */
static bool is_same(const struct wire_opened *a, const struct wire_opened *b)
{
    return a->sample_count == b->sample_count && a->steps == b->steps &&
           a->sample_bytes == b->sample_bytes && a->batch_size == b->batch_size &&
           a->channels == b->channels && a->height == b->height && a->width == b->width &&
           a->in_channels == b->in_channels && a->in_height == b->in_height &&
           a->in_width == b->in_width && a->views == b->views &&
           a->float_samples == b->float_samples && a->label_count == b->label_count &&
           !memcmp(a->digest, b->digest, sizeof a->digest) &&
           !memcmp(a->identity, b->identity, sizeof a->identity);
}

static int refuse(const struct fmnist_stream *s)
{
    return fail(FMNIST_ETOKEN,
                "the daemon at %s came back with other data under %s/%s, so batch (%llu, %llu) of "
                "this stream cannot follow: serve the files that it had before, or open a new "
                "stream",
                s->path, s->spec.dataset, s->spec.split, (unsigned long long)s->epoch,
                (unsigned long long)s->step);
}

static int settle(struct fmnist_stream *s, const struct reply *reply)
{
    struct wire_opened opened;
    int rc = upload_opened(reply, &opened);
    if (!rc)
        rc = stream_check_opened(s, &opened, reply->fd_count);
    if (!rc && !is_same(&s->opened, &opened))
        rc = refuse(s);
    if (!rc && !stream_is_inline(s))
        rc = change_rings(s, opened.slot_count, reply->fds);
    if (rc)
        return rc;
    s->began = s->number;
    FAULT_POINT("reopened, two connections");
    s->waits_since_ns = s->untold_ns = 0;
    s->connection = s->reopening.connection;
    s->connection.timeout_ms = s->timeout_ms;
    s->reopening.connection.fd = -1;
    s->reopening.stage = REOPEN_DIAL;
    return FMNIST_OK;
}

static int hear_answer(struct fmnist_stream *s)
{
    struct connection *c = &s->reopening.connection;
    int fds[2] = {-1, -1};
    struct reply reply = {.fds = fds, .fd_room = 2};
    int rc = connection_reply(c, FMNIST_OK, &reply);
    if (!rc && reply.type == WIRE_WANT_LIST && s->list.index_count)
        s->reopening.stage = REOPEN_LIST;
    else if (!rc)
        rc = settle(s, &reply);
    else if (rc == FMNIST_ETOKEN)
        rc = refuse(s);
    else if (rc == FMNIST_ETIMEDOUT && c->head_bytes)
        connection_close(c); /* its descriptors came with the half of it that is lost here */
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    free(reply.body);
    return rc;
}

static int ask(struct fmnist_stream *s)
{
    struct wire_open request = {
        .spec = s->spec, .at_token = true, .token = {.epoch = s->epoch, .step = s->step}};
    memcpy(request.token.identity, s->opened.identity, sizeof request.token.identity);
    uint8_t body[WIRE_OPEN_MAX];
    size_t size = wire_put_open(body, &request);
    s->reopening.stage = REOPEN_ANSWER;
    FAULT_POINT("open again");
    return connection_send(&s->reopening.connection, WIRE_OPEN, body, size);
}

static int step(struct fmnist_stream *s, uint32_t timeout_ms)
{
    struct reopening *r = &s->reopening;
    struct connection *c = &r->connection;
    int rc;
    c->timeout_ms = timeout_ms;
    switch (r->stage) {
    case REOPEN_DIAL:
        rc = connection_greet(c, s->path, 0);
        r->stage = rc ? REOPEN_DIAL : REOPEN_WELCOME;
        return rc;
    case REOPEN_WELCOME:
        rc = connection_welcome(c);
        return rc ? rc : ask(s);
    case REOPEN_LIST:
        rc = upload_list(c, &s->list, &r->upload, timeout_ms);
        if (!rc || rc == FMNIST_EDEAD) { /* why it hung up is there to be received */
            r->stage = REOPEN_ANSWER;
            rc = FMNIST_OK;
        }
        return rc;
    case REOPEN_ANSWER:
        return hear_answer(s);
    }
    return FMNIST_EINVAL;
}

void stream_reopen_close(struct fmnist_stream *s)
{
    connection_hang_up(&s->reopening.connection, &s->guard);
    s->reopening.stage = REOPEN_DIAL;
    s->reopening.upload = (struct upload){0};
}

/* What may be otherwise at the next attempt. */
static bool may_pass(int failure)
{
    return failure == FMNIST_ECONNECT || failure == FMNIST_EDEAD || failure == FMNIST_ETIMEDOUT ||
           failure == FMNIST_ELIMIT || failure == FMNIST_ENOMEM;
}

/* Until the stream is open, or refused, or `until_ns`: FMNIST_ETIMEDOUT, and *failure says why. */
static int reopen(struct fmnist_stream *s, uint64_t until_ns, int *failure)
{
    struct reopening *r = &s->reopening;
    while (s->connection.fd < 0) {
        int rc = step(s, clock_ms_until(until_ns));
        if (!rc)
            continue;
        bool under_way = rc == FMNIST_ETIMEDOUT && r->connection.fd >= 0;
        if (!under_way)
            stream_reopen_close(s);
        if (!may_pass(rc))
            return rc;
        *failure = rc;
        uint32_t left = clock_ms_until(until_ns);
        if (!left)
            return FMNIST_ETIMEDOUT;
        if (!under_way)
            poll(NULL, 0, (int)(left < NAP_MS ? left : NAP_MS));
    }
    return FMNIST_OK;
}

int stream_revive(struct fmnist_stream *s, uint64_t until_ns)
{
    struct reopening *r = &s->reopening;
    if (s->reconnect_ms < 0)
        return FMNIST_EDEAD;
    if (!r->since_ns)
        r->since_ns = clock_ns();
    uint64_t end = r->since_ns + (uint64_t)s->reconnect_ms * 1000000;
    int failure, rc = reopen(s, until_ns < end ? until_ns : end, &failure);
    if (rc != FMNIST_ETIMEDOUT || clock_ns() < end)
        return rc;
    r->since_ns = 0;
    stream_reopen_close(s);
    if (failure == FMNIST_ELIMIT || failure == FMNIST_ENOMEM)
        return failure; /* in its own words */
    char why[ERR_TEXT_SIZE];
    snprintf(why, sizeof why, "%s", fmnist_error());
    return fail(FMNIST_EDEAD,
                "the daemon ended, and none went on with this stream within %lld ms: %s",
                (long long)s->reconnect_ms, why);
}

int fmnist_reopen(struct fmnist_stream *s, uint32_t timeout_ms)
{
    if (!s)
        return fail(FMNIST_EINVAL, "stream: want no NULL");
    int failure, rc = guard_check(&s->guard);
    return rc ? rc : reopen(s, clock_ns() + timeout_ms * UINT64_C(1000000), &failure);
}
