/* SPDX-License-Identifier: MIT */
/* A session's life without a daemon: what it reads, answers and holds, on a loop of the test's. */
#include "session/rig.h"

#include "fmnist.h"

#include <signal.h>
#include <string.h>

/* What the protocol was asked, one letter a frame. */
static char asked[64];

static void note(char what)
{
    size_t n = strlen(asked);
    asked[n] = what;
    asked[n + 1] = 0;
}

static void on_frame(struct session *from, uint16_t type, const uint8_t *body, size_t size)
{
    note((char)('a' + type));
    if (type == WIRE_HELLO) {
        session_enter(from, SESSION_IDLE);
        return;
    }
    wire_add_u32(session_begin_reply(from, WIRE_STATUS_REPLY), type);
    session_finish_reply(from);
}

static void on_list(struct session *from)
{
    note('L');
}

static struct session_protocol protocol = {.frame = on_frame, .list_came = on_list};

static void setup(void)
{
    asked[0] = 0;
    session_setup(&protocol);
}

START_TEST(session_new__limits__counted_by_user)
{
    ck_assert_uint_eq(sessions.count, 1);
    ck_assert_uint_eq(accounts_find(&accounts, 7)->clients, 1);
    ck_assert_int_eq(s->state, SESSION_HELLO);
    session_end(s);
    ck_assert_uint_eq(sessions.count, 0);
    ck_assert_ptr_null(accounts_find(&accounts, 7));
}
END_TEST

/* Frames that came together are answered one after another, each once its reply before is gone. */
START_TEST(session__frames_in_one_piece__answered_in_turn)
{
    send_frame(WIRE_HELLO);
    send_frame(WIRE_STATUS);
    send_frame(WIRE_DATASETS);
    while (strlen(asked) < 3)
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert_str_eq(asked, "bdc");
}
END_TEST

START_TEST(session__no_hello__told_and_ended)
{
    while (sessions.first)
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert_uint_eq(reply_type(), WIRE_ERROR);
    ck_assert_int_eq(recv(client, asked, 1, 0), 0);
}
END_TEST

START_TEST(session__client_hangs_up__ends)
{
    shutdown(client, SHUT_RDWR);
    while (sessions.first)
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert_str_eq(asked, "");
}
END_TEST

/* A refusal is an answer, an error the end. */
START_TEST(session_refuse__then_close__both_are_said)
{
    session_enter(s, SESSION_IDLE);
    session_refuse(s, FMNIST_EPERM, "no");
    ck_assert_uint_eq(reply_type(), WIRE_REFUSED);
    ck_assert_int_eq(s->state, SESSION_IDLE);
    session_close(s, FMNIST_EPROTO, "end");
    ck_assert_uint_eq(reply_type(), WIRE_ERROR);
    ck_assert_ptr_null(sessions.first);
}
END_TEST

static struct session *abandoned;

static void on_abandon(struct session_task *t)
{
    abandoned = t->session;
    t->session = NULL;
}

/* A job that outlives its session must not look at it. */
START_TEST(session_end__with_a_task__abandons_it)
{
    struct session_task task = {.session = s, .abandon = on_abandon};
    session_enter(s, SESSION_IDLE);
    s->task = &task;
    session_enter(s, SESSION_RELOADING);
    session_end(s);
    ck_assert_ptr_eq(abandoned, s);
    ck_assert_ptr_null(task.session);
}
END_TEST

/* Nothing is read while a request is worked on; what came meanwhile is, afterwards. */
START_TEST(session_go_on__frames_came_meanwhile__answered)
{
    struct session_task task = {.session = s, .abandon = on_abandon};
    session_enter(s, SESSION_IDLE);
    s->task = &task;
    session_enter(s, SESSION_RELOADING);
    send_frame(WIRE_STATUS);
    for (int i = 0; i < 3; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    ck_assert_str_eq(asked, "");
    s->task = NULL;
    session_enter(s, SESSION_IDLE);
    session_go_on(s);
    wire_add_text(session_begin_reply(s, WIRE_RELOADED), "");
    session_finish_reply(s);
    while (!asked[0])
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert_str_eq(asked, "d");
}
END_TEST

/* The states have arrows, and no others. */
START_TEST(session_enter__no_such_arrow__aborts)
{
    session_enter(s, SESSION_STREAMING);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session/session");
    TCase *tc = tcase_create("session");
    tcase_add_checked_fixture(tc, setup, session_teardown);
    tcase_add_test(tc, session_new__limits__counted_by_user);
    tcase_add_test(tc, session__frames_in_one_piece__answered_in_turn);
    tcase_add_test(tc, session__no_hello__told_and_ended);
    tcase_add_test(tc, session__client_hangs_up__ends);
    tcase_add_test(tc, session_refuse__then_close__both_are_said);
    tcase_add_test(tc, session_end__with_a_task__abandons_it);
    tcase_add_test(tc, session_go_on__frames_came_meanwhile__answered);
    tcase_add_test_raise_signal(tc, session_enter__no_such_arrow__aborts, SIGABRT);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
