/* SPDX-License-Identifier: MIT */
/* Who finds a place, and who gives his. */
#include "session/admission.h"

#include "session/rig.h"

#include <errno.h>
#include <string.h>

static void on_frame(struct session *from, uint16_t type, const uint8_t *body, size_t size)
{
}

static struct session_protocol protocol = {.frame = on_frame};
static uid_t administrator;
static struct err e;

/* The rig's session, of uid 7, is there already. */
static void setup(void)
{
    session_setup(&protocol);
    administrator = geteuid();
    config.limits.clients = 6;
    config.limits.clients_per_user = 4;
    config.limits.handshake_ms = 60000;
}

/* Takes a place as the acceptor does. NULL: there is none, and e says why. */
static struct session *come(uid_t uid)
{
    struct session *newcomer;
    struct session_peer peer = {.uid = uid};
    int ends[2];
    if (admission_find(&sessions, uid, &peer.reserved, &e))
        return NULL;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    close(ends[1]);
    peer.fd = ends[0];
    ck_assert_int_eq(session_new(&newcomer, &sessions, &peer, &e), 0);
    session_enter(newcomer, SESSION_IDLE);
    newcomer->asked_ns = sessions.last_id;
    return newcomer;
}

static void come_often(uid_t uid, int times)
{
    for (int i = 0; i < times; i++)
        ck_assert_ptr_nonnull(come(uid));
}

static unsigned clients(uid_t uid)
{
    const struct account *a = accounts_find(&accounts, uid);
    return a ? a->clients : 0;
}

static void ignore(struct session_task *t)
{
}

static struct session_task task = {.abandon = ignore};

/* Its request is being worked on. */
static void make_busy(struct session *one)
{
    one->task = &task;
    session_enter(one, SESSION_RELOADING);
}

static void make_all_busy(void)
{
    for (struct session *one = sessions.first; one; one = one->next) {
        if (one->state == SESSION_HELLO)
            session_enter(one, SESSION_IDLE);
        if (one->state == SESSION_IDLE)
            make_busy(one);
    }
}

START_TEST(admission_find__user_has_all_its_places__its_longest_idle_one_ends)
{
    struct session *first = come(8);
    uint64_t id = first->id;
    come_often(8, 3);
    first->asked_ns = 0; /* it has asked for nothing since */
    ck_assert_ptr_nonnull(come(8));
    ck_assert_uint_eq(clients(8), 4);
    ck_assert_uint_eq(clients(7), 1);
    for (struct session *one = sessions.first; one; one = one->next)
        ck_assert_uint_ne(one->id, id);
}
END_TEST

START_TEST(admission_find__user_has_all_its_places_in_use__refused_by_name)
{
    come_often(8, 4);
    make_all_busy();
    ck_assert_ptr_null(come(8));
    ck_assert_ptr_nonnull(strstr(e.text, "limits.clients_per_user: 4 of uid 8"));
    ck_assert_ptr_nonnull(come(9));
}
END_TEST

/* All places are taken: he who has the most gives one, and goes on giving until all have as many.
 */
START_TEST(admission_find__all_places_taken__of_the_user_with_the_most)
{
    come_often(8, 4);
    come_often(9, 1);
    ck_assert_ptr_nonnull(come(10));
    ck_assert_uint_eq(clients(8), 3);
    ck_assert_ptr_nonnull(come(10));
    ck_assert_uint_eq(clients(8), 2);
    ck_assert_uint_eq(clients(10), 2);
    ck_assert_uint_eq(sessions.count, 6);
    /* Nobody has two more than he: it is his own that ends. */
    ck_assert_ptr_nonnull(come(10));
    ck_assert_uint_eq(clients(10), 2);
    ck_assert_uint_eq(clients(8), 2);
    ck_assert_uint_eq(clients(7) + clients(9), 2);
}
END_TEST

START_TEST(admission_find__all_places_in_use__refused_by_name)
{
    come_often(8, 4);
    come_often(9, 1);
    make_all_busy();
    ck_assert_ptr_null(come(10));
    ck_assert_ptr_nonnull(strstr(e.text, "limits.clients: 6 are connected"));
    ck_assert_uint_eq(sessions.count, 6);
}
END_TEST

/* One that says nothing has no better right than one that greeted. */
START_TEST(admission_find__silent_connections__give_way)
{
    come_often(9, 4);
    come_often(8, 1);
    make_all_busy();
    struct session *silent = sessions.first; /* the last that came: 8's */
    ck_assert_uint_eq(silent->uid, 8);
    silent->task = NULL;
    session_enter(silent, SESSION_IDLE);
    ck_assert_ptr_nonnull(come(8));
    ck_assert_uint_eq(clients(8), 1);
}
END_TEST

/* Whatever others do, and the administrator's own trainers. */
START_TEST(admission_find__administrator__always_a_place)
{
    come_often(8, 4);
    come_often(administrator, 1);
    make_all_busy();
    for (unsigned i = 0; i < 3 * ADMISSION_RESERVED; i++) {
        struct session *one = come(administrator);
        ck_assert_msg(one && one->reserved, "%u: %s", i, e.text);
        ck_assert_uint_le(sessions.reserved, ADMISSION_RESERVED);
    }
    ck_assert_uint_eq(sessions.reserved, ADMISSION_RESERVED);
    ck_assert_uint_eq(sessions.count, 6 + ADMISSION_RESERVED);
    ck_assert_uint_eq(clients(8), 4);
}
END_TEST

/* The reserve is for looking, not for streams: those take the place of others', or none. */
START_TEST(admission_find_for_stream__reserved__an_ordinary_place_or_none)
{
    come_often(8, 4);
    come_often(9, 1);
    make_all_busy();
    struct session *one = come(administrator);
    ck_assert(one && one->reserved);
    ck_assert_int_eq(admission_find_for_stream(one, &e), -E2BIG);
    ck_assert_ptr_nonnull(strstr(e.text, "limits.clients"));
    ck_assert(one->reserved);
    for (struct session *other = sessions.first; other; other = other->next)
        if (other->uid == 8) {
            other->task = NULL;
            session_enter(other, SESSION_IDLE);
            break;
        }
    ck_assert_int_eq(admission_find_for_stream(one, &e), 0);
    ck_assert(!one->reserved);
    ck_assert_uint_eq(sessions.reserved, 0);
    ck_assert_uint_eq(clients(8), 3);
    ck_assert_int_eq(admission_find_for_stream(one, &e), 0);
}
END_TEST

/* Descriptors are short, say. */
START_TEST(admission_make_room__idle_ones__in_the_same_order)
{
    come_often(8, 3);
    ck_assert(admission_make_room(&sessions, 10, "too few"));
    ck_assert(admission_make_room(&sessions, 10, "too few"));
    ck_assert_uint_eq(clients(8), 1);
    ck_assert(!admission_make_room(&sessions, 10, "too few"));
    ck_assert(admission_make_room(&sessions, administrator, "too few"));
    ck_assert_uint_eq(sessions.count, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session/admission");
    TCase *tc = tcase_create("admission");
    tcase_add_checked_fixture(tc, setup, session_teardown);
    tcase_add_test(tc, admission_find__user_has_all_its_places__its_longest_idle_one_ends);
    tcase_add_test(tc, admission_find__user_has_all_its_places_in_use__refused_by_name);
    tcase_add_test(tc, admission_find__all_places_taken__of_the_user_with_the_most);
    tcase_add_test(tc, admission_find__all_places_in_use__refused_by_name);
    tcase_add_test(tc, admission_find__silent_connections__give_way);
    tcase_add_test(tc, admission_find__administrator__always_a_place);
    tcase_add_test(tc, admission_find_for_stream__reserved__an_ordinary_place_or_none);
    tcase_add_test(tc, admission_make_room__idle_ones__in_the_same_order);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
