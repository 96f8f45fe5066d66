/* SPDX-License-Identifier: MIT */
/* Questions: when they are answered, and that all who ask have one answer. */
#include "requests/inquiries.h"

#include "base/clock.h"
#include "fmnist.h"
#include "requests/context.h"
#include "requests/table.h"
#include "session/catalog.h"
#include "session/rig.h"

#include <string.h>

/* So long that a test is at its next line before it, on a busy machine too. */
#define AWHILE_NS 200000000

static struct request_context context;
static struct catalog catalog; /* of nothing */

static void list_came(struct session *from)
{
}

static void setup(void)
{
    context = (struct request_context){.protocol = {.frame = table_handle, .list_came = list_came}};
    session_setup(&context.protocol);
    context.services = &services;
    context.sessions = &sessions;
    services.catalog = &catalog;
    inquiries_init(&context, &loop);
    session_enter(s, SESSION_IDLE);
    uv_timer_stop(&s->timer);
}

static void teardown(void)
{
    inquiries_close(&context);
    session_teardown();
}

static void run_until_answered(int fd)
{
    char byte;
    while (recv(fd, &byte, 1, MSG_PEEK) < 0)
        uv_run(&loop, UV_RUN_ONCE);
}

START_TEST(inquiries__first_question__answered_at_once)
{
    table_handle(s, WIRE_DATASETS, NULL, 0);
    ck_assert_uint_eq(reply_type(), WIRE_DATASETS_REPLY);
    ck_assert_int_eq(s->state, SESSION_IDLE);
    ck_assert_uint_gt(context.inquiries.next_ns, clock_ns() - 1000000000);
}
END_TEST

/* Who asks meanwhile waits, and nothing is read from him; then all are answered at once. */
START_TEST(inquiries__asked_too_soon__all_answered_together)
{
    struct session *other;
    struct err e;
    int ends[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    struct session_peer peer = {.fd = ends[0], .uid = 8};
    ck_assert_int_eq(session_new(&other, &sessions, &peer, &e), 0);
    session_enter(other, SESSION_IDLE);
    uv_timer_stop(&other->timer);

    uint64_t due = context.inquiries.next_ns = clock_ns() + AWHILE_NS;
    table_handle(s, WIRE_DATASETS, NULL, 0);
    table_handle(other, WIRE_DATASETS, NULL, 0);
    ck_assert_int_eq(s->state, SESSION_ASKING);
    send_frame(WIRE_KICK); /* wrong, but behind the question */
    ck_assert_uint_eq(reply_type(), 0);

    run_until_answered(ends[1]);
    ck_assert_uint_ge(clock_ns(), due);
    ck_assert_int_eq(other->state, SESSION_IDLE);
    uint8_t replies[2][12];
    ck_assert_int_eq(recv(ends[1], replies[1], 12, 0), 12);
    ck_assert_int_eq(recv(client, replies[0], 12, 0), 12);
    ck_assert_mem_eq(replies[0], replies[1], 12);
    while (sessions.count == 2)
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert_uint_eq(reply_type(), WIRE_ERROR);
    close(ends[1]);
}
END_TEST

/* Each question behind another one was a round of its own, within the first: as many at once as
 * there are clients. */
START_TEST(inquiries__one_behind_another__answered_in_the_next_round)
{
    uint8_t head[WIRE_HEAD_SIZE], two[2 * WIRE_HEAD_SIZE], reply[12];
    wire_put_head(head, WIRE_DATASETS, 0);
    memcpy(two, head, sizeof head);
    memcpy(two + sizeof head, head, sizeof head);
    context.inquiries.next_ns = clock_ns() + AWHILE_NS;
    ck_assert_int_eq(send(client, two, sizeof two, 0), sizeof two);
    while (s->state != SESSION_ASKING)
        uv_run(&loop, UV_RUN_NOWAIT);
    context.inquiries.next_ns = clock_ns(); /* the timer is a little late */
    while (recv(client, reply, 12, MSG_DONTWAIT) < 0)
        uv_run(&loop, UV_RUN_NOWAIT);
    ck_assert_int_eq(s->state, SESSION_ASKING);
    ck_assert_uint_lt(context.inquiries.next_ns, clock_ns() + INQUIRIES_PAUSE_NS);
    run_until_answered(client);
    ck_assert_uint_eq(reply_type(), WIRE_DATASETS_REPLY);
    ck_assert_int_eq(s->state, SESSION_IDLE);
}
END_TEST

START_TEST(inquiries__client_gone_meanwhile__nothing)
{
    context.inquiries.next_ns = clock_ns() + AWHILE_NS;
    table_handle(s, WIRE_DATASETS, NULL, 0);
    session_end(s);
    while (uv_is_active((uv_handle_t *)&context.inquiries.timer))
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert_ptr_null(sessions.first);
}
END_TEST

/* The loop has twenty times as long for others. */
START_TEST(inquiries__an_answer_that_took_long__a_longer_pause)
{
    bool pauses = false;
    for (int i = 0; i < 1000 && !pauses; i++) { /* this program may wait for a CPU in between */
        context.inquiries.next_ns = 0;
        uint64_t before = clock_ns();
        table_handle(s, WIRE_DATASETS, NULL, 0);
        uint64_t now = clock_ns(), took = now - before;
        ck_assert_uint_eq(reply_type(), WIRE_DATASETS_REPLY);
        ck_assert_uint_le(context.inquiries.next_ns, now + took * INQUIRIES_SHARE);
        pauses = context.inquiries.next_ns > now + took;
    }
    ck_assert(pauses);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("requests/inquiries");
    TCase *tc = tcase_create("inquiries");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, inquiries__first_question__answered_at_once);
    tcase_add_test(tc, inquiries__asked_too_soon__all_answered_together);
    tcase_add_test(tc, inquiries__one_behind_another__answered_in_the_next_round);
    tcase_add_test(tc, inquiries__client_gone_meanwhile__nothing);
    tcase_add_test(tc, inquiries__an_answer_that_took_long__a_longer_pause);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
