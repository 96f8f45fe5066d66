/* SPDX-License-Identifier: MIT */
/* When questions are answered, and the list of datasets. What a status says is status.c's. */
#include "requests/inquiries.h"

#include "base/clock.h"
#include "fmnist.h"
#include "requests/status.h"
#include "session/catalog.h"

#include <stdlib.h>
#include <string.h>

/* ---- answers ------------------------------------------------------------------------------- */

static void add_splits(struct wire_buffer *body, const struct dataset *d)
{
    for (int k = 0; k < DATASET_SPLITS; k++) {
        const struct dataset_split *split = &d->splits[k];
        struct wire_dataset m = {
            .name = d->name,
            .split = split->name,
            .count = split->count,
            .height = split->height,
            .width = split->width,
            .channels = split->channels,
            .label_count = split->label_count,
            .class_count = split->relabelled ? 0 : d->class_count,
            .class_names = d->classes,
        };
        memcpy(m.digest, split->digest, sizeof m.digest);
        if (split->count)
            wire_add_dataset(body, &m);
    }
}

static void add_datasets(struct wire_buffer *body, const struct request_context *context)
{
    const struct catalog *catalog = context->services->catalog;
    uint32_t count = 0;
    for (uint32_t i = 0; i < catalog->count; i++)
        for (int k = 0; k < DATASET_SPLITS; k++)
            count += catalog->datasets[i]->splits[k].count > 0;
    wire_add_u32(body, count);
    for (uint32_t i = 0; i < catalog->count; i++)
        add_splits(body, catalog->datasets[i]);
}

static void add_status(struct wire_buffer *body, const struct request_context *context)
{
    char *json = status_text(context);
    if (json)
        wire_add_text(body, json);
    else
        body->failed = true;
    free(json);
}

static const struct question {
    uint16_t type, reply;
    void (*add)(struct wire_buffer *body, const struct request_context *context);
} questions[] = {
    {WIRE_DATASETS, WIRE_DATASETS_REPLY, add_datasets},
    {WIRE_STATUS, WIRE_STATUS_REPLY, add_status},
};

/* ---- who asks ------------------------------------------------------------------------------ */

static bool asks(const struct session *s, const struct question *question)
{
    return s->state == SESSION_ASKING && s->question == question->type;
}

/* What it sent behind its question is taken up. `current` does so by itself. */
static void answer(struct session *s, const struct question *question, struct reply_body *body,
                   const struct session *current)
{
    session_enter(s, SESSION_IDLE);
    if (!body) {
        session_close(s, FMNIST_ENOMEM, "out of memory");
        return;
    }
    session_reply_with(s, question->reply, body);
    if (s != current)
        session_go_on(s);
}

/* Sessions that end meanwhile stay in memory, and in their place, until the loop goes on. */
static void answer_all(const struct request_context *context, const struct question *question,
                       const struct session *current)
{
    struct session *s = context->sessions->first;
    while (s && !asks(s, question))
        s = s->next;
    if (!s)
        return;
    struct wire_buffer made = {0};
    question->add(&made, context);
    struct reply_body *body = reply_body_new(&made);
    for (struct session *next; s; s = next) {
        next = s->next;
        if (asks(s, question))
            answer(s, question, body, current);
    }
    reply_body_put(body);
}

static void on_time(uv_timer_t *timer);

/* Those who wait are answered when the loop may answer again. */
static void await_next(struct request_context *context, uint64_t now)
{
    uint64_t ms = (context->inquiries.next_ns - now + 999999) / 1000000;
    uv_timer_start(&context->inquiries.timer, on_time, ms, 0);
}

static void answer_round(struct request_context *context, const struct session *current)
{
    uint64_t begun = clock_ns();
    context->inquiries.next_ns = UINT64_MAX; /* whoever asks again meanwhile is of the next round */
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
        answer_all(context, &questions[i], current);
    uint64_t now = clock_ns(), pause = (now - begun) * INQUIRIES_SHARE;
    context->inquiries.next_ns = now + (pause < INQUIRIES_PAUSE_NS ? pause : INQUIRIES_PAUSE_NS);
    if (uv_is_active((uv_handle_t *)&context->inquiries.timer))
        await_next(context, now);
}

static void on_time(uv_timer_t *timer)
{
    struct request_context *context = timer->data;
    uint64_t now = clock_ns();
    if (now < context->inquiries.next_ns) /* libuv counts from when this turn of the loop began */
        await_next(context, now);
    else
        answer_round(context, NULL);
}

static bool ask(struct session *s, uint16_t type)
{
    struct request_context *context = request_context(s);
    uint64_t now = clock_ns();
    s->question = type;
    session_enter(s, SESSION_ASKING);
    if (now >= context->inquiries.next_ns)
        answer_round(context, s);
    else if (!uv_is_active((uv_handle_t *)&context->inquiries.timer))
        await_next(context, now);
    return true;
}

bool inquiries_datasets(struct session *s, const uint8_t *body, size_t size)
{
    return ask(s, WIRE_DATASETS);
}

bool inquiries_status(struct session *s, const uint8_t *body, size_t size)
{
    return ask(s, WIRE_STATUS);
}

void inquiries_init(struct request_context *context, uv_loop_t *loop)
{
    context->inquiries.next_ns = 0;
    uv_timer_init(loop, &context->inquiries.timer);
    context->inquiries.timer.data = context;
}

void inquiries_close(struct request_context *context)
{
    uv_close((uv_handle_t *)&context->inquiries.timer, NULL);
}
