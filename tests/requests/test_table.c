/* SPDX-License-Identifier: MIT */
/* Which frame has a place in which state, and what becomes of a session whose frame has none. */
#include "requests/table.h"

#include "fmnist.h"
#include "requests/context.h"
#include "requests/open.h"
#include "session/catalog.h"
#include "session/rig.h"

#include <string.h>

enum { TYPES = 14 }; /* some more than there are */

static struct request_context context;
static struct catalog catalog; /* of nothing */

static void setup(void)
{
    context =
        (struct request_context){.protocol = {.frame = table_handle, .list_came = open_list_came},
                                 .services = &services,
                                 .sessions = &sessions};
    session_setup(&context.protocol);
    services.catalog = &catalog;
}

static void check_ended(const char *why)
{
    uint8_t frame[512] = {0};
    ck_assert_int_gt(recv(client, frame, sizeof frame - 1, 0), WIRE_HEAD_SIZE);
    ck_assert_uint_eq(frame[4], WIRE_ERROR);
    ck_assert_msg(strstr((char *)frame + 16, why), "%s", frame + 16);
    ck_assert_ptr_null(sessions.first);
}

static void handle(uint16_t type, size_t size)
{
    static const uint8_t body[64] = {WIRE_VERSION};
    table_handle(s, type, body, size);
}

/* Nothing is heard from anybody who has not said what it speaks. */
START_TEST(table__before_hello__only_hello)
{
    handle((uint16_t)_i, 4);
    if (_i == WIRE_HELLO) {
        ck_assert_uint_eq(reply_type(), WIRE_WELCOME);
        ck_assert_int_eq(s->state, SESSION_IDLE);
    } else {
        check_ended("is not expected before hello");
    }
}
END_TEST

START_TEST(table__hello_of_another_version__told_which)
{
    static const uint8_t body[4] = {99};
    table_handle(s, WIRE_HELLO, body, sizeof body);
    check_ended("protocol version 99");
}
END_TEST

/* Requests without a body have none. */
START_TEST(table__idle_with_a_byte_too_many__ended)
{
    session_enter(s, SESSION_IDLE);
    if (_i == WIRE_OPEN)
        return; /* whose body has a length of its own */
    handle((uint16_t)_i, 1);
    check_ended("is not expected without a stream");
}
END_TEST

START_TEST(table__idle__what_needs_no_stream)
{
    static const bool answered[TYPES] = {[WIRE_DATASETS] = true, [WIRE_RELOAD] = true};
    session_enter(s, SESSION_IDLE);
    if (_i == WIRE_STATUS || _i == WIRE_OPEN)
        return; /* need a daemon */
    handle((uint16_t)_i, 0);
    if (!answered[_i]) {
        check_ended("is not expected without a stream");
        return;
    }
    ck_assert_uint_eq(reply_type(), _i == WIRE_RELOAD ? WIRE_REFUSED : WIRE_DATASETS_REPLY);
    ck_assert_int_eq(s->state, SESSION_IDLE);
}
END_TEST

START_TEST(table__type_beyond_all__ended)
{
    session_enter(s, SESSION_IDLE);
    handle(UINT16_MAX, 0);
    check_ended("frame of type 65535 with 0 bytes");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("requests/table");
    TCase *tc = tcase_create("table");
    tcase_add_checked_fixture(tc, setup, session_teardown);
    tcase_add_loop_test(tc, table__before_hello__only_hello, 0, TYPES);
    tcase_add_test(tc, table__hello_of_another_version__told_which);
    tcase_add_loop_test(tc, table__idle_with_a_byte_too_many__ended, 0, TYPES);
    tcase_add_loop_test(tc, table__idle__what_needs_no_stream, 0, TYPES);
    tcase_add_test(tc, table__type_beyond_all__ended);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
