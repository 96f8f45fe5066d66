/* SPDX-License-Identifier: MIT */
/* Steps. Decides nothing: what is done is turn.c's, and what follows too. */
#include "feed/step.h"

#include "base/clock.h"

#include <assert.h>
#include <poll.h>

/* A client that reads as fast as we render gives the next slot back within this time; parking
 * would cost both sides a trip through the kernel. */
#define WATCH_NS 30000u

/* The same for a full socket, asleep: its client takes the most of it before the kernel tells. The
 * loop would have to be woken and to wake us. */
#define WATCH_SOCKET_NS 200000u

/* Looks at a consumer's tail until it is enough. */
static bool look_at_tail(const struct consumer *r, uint64_t enough)
{
    const _Atomic uint64_t *tail = &r->seat.page->tail;
    uint64_t end = clock_ns() + WATCH_NS;
    bool room = false;
    while (!room && clock_ns() < end)
        for (int i = 0; i < 64 && !room; i++)
            /* Not trusted: stream_room checks what it says before anything follows from it. */
            room = atomic_load_explicit(tail, memory_order_acquire) >= enough;
    return room;
}

/* Sleeps until the socket takes more. */
static bool look_at_socket(int fd)
{
    struct pollfd poll = {.fd = fd, .events = POLLOUT};
    struct timespec longest = {.tv_nsec = WATCH_SOCKET_NS};
    return ppoll(&poll, 1, &longest, NULL) > 0;
}

void step_run(const struct step *step, struct render_scratch *scratch, struct outcome *o)
{
    *o = (struct outcome){0};
    if (step->ask_drained)
        o->drained = inline_sender_is_drained(step->consumer->sender.fd);
    o->start_ns = clock_ns();
    switch (step->kind) {
    case STEP_RENDER:
        o->chunk = step->chunk;
        o->rc = stream_render(step->stream, &o->chunk, scratch, o->start_ns + STREAM_PART_NS);
        break;
    case STEP_ORDER:
        o->rc = stream_make_order(step->stream, step->epoch, step->wait);
        break;
    case STEP_WAKE:
        ring_wake(&step->stream->ring);
        break;
    case STEP_SEND:
        o->sent = inline_sender_send(step->consumer->sender.fd, &step->run, &o->all);
        break;
    case STEP_WATCH_TAIL:
        o->room = look_at_tail(step->consumer, step->enough);
        break;
    case STEP_WATCH_SOCKET:
        o->room = look_at_socket(step->consumer->sender.fd);
        break;
    case STEP_NONE:
    case STEP_END:
        assert(!"nothing is not done");
    }
    o->end_ns = clock_ns();
}
