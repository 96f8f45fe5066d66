/* SPDX-License-Identifier: MIT */
/* Requests out of bytes that come in any pieces, lists among them. */
#include "session/frames.h"

#include "render/caches.h"
#include "session/upload.h"
#include "support/support.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct frames frames;
static int ends[2];

static void setup(void)
{
    support_setup();
    memset(&frames, 0, sizeof frames);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
}

static void teardown(void)
{
    close(ends[0]);
    close(ends[1]);
    support_teardown();
}

static size_t put_frame(uint8_t *at, uint16_t type, uint32_t size)
{
    wire_put_head(at, type, size);
    for (uint32_t i = 0; i < size; i++)
        at[WIRE_HEAD_SIZE + i] = (uint8_t)(type + i);
    return WIRE_HEAD_SIZE + size;
}

/* Takes the next frame if it is whole; returns its type, 0 where it is not. */
static uint16_t take(uint32_t *size)
{
    struct wire_head h;
    struct err e;
    int rc = frames_head(&frames, &h, &e);
    if (rc == 0)
        return 0;
    ck_assert_int_eq(rc, FRAMES_HEAD);
    const uint8_t *body = frames_take(&frames, &h);
    if (!body)
        return 0;
    for (uint32_t i = 0; i < h.body_bytes; i++)
        ck_assert_uint_eq(body[i], (uint8_t)(h.type + i));
    *size = h.body_bytes;
    return h.type;
}

static struct render_caches caches; /* without a budget */

/* In pieces of every size: each frame once, whole and in order. */
START_TEST(frames__pieces_of_any_size__each_frame_once)
{
    static const uint32_t sizes[] = {0, 5, WIRE_REQUEST_MAX, 1, 0, 700, 999, 12};
    enum { COUNT = sizeof sizes / sizeof *sizes };
    uint8_t bytes[COUNT * (WIRE_HEAD_SIZE + WIRE_REQUEST_MAX)];
    size_t total = 0, sent = 0, piece = (size_t)_i + 1;
    uint32_t size;
    for (int i = 0; i < COUNT; i++)
        total += put_frame(bytes + total, (uint16_t)(i + 1), sizes[i]);
    int came = 0;
    while (came < COUNT) {
        size_t n = total - sent < piece ? total - sent : piece;
        if (n)
            ck_assert_int_eq(send(ends[1], bytes + sent, n, 0), (ssize_t)n);
        sent += n;
        while (frames_receive(&frames, ends[0]) > 0) {
            uint16_t type;
            while ((type = take(&size))) {
                ck_assert_uint_eq(type, ++came);
                ck_assert_uint_eq(size, sizes[came - 1]);
            }
            frames_compact(&frames);
        }
    }
    ck_assert_uint_eq(frames_left(&frames), 0);
}
END_TEST

/* A client that never reads its replies fills this buffer and no more. */
START_TEST(frames__nobody_takes_them__no_room)
{
    uint8_t bytes[2 * sizeof frames.bytes] = {0};
    ck_assert_int_gt(send(ends[1], bytes, sizeof bytes, 0), 0);
    ck_assert_int_eq(frames_receive(&frames, ends[0]), (ssize_t)sizeof frames.bytes);
    ck_assert_int_eq(frames_receive(&frames, ends[0]), -ENOBUFS);
}
END_TEST

START_TEST(frames__reserved_field_set__eproto)
{
    static const uint8_t head[WIRE_HEAD_SIZE] = {0, 0, 0, 0, 1, 0, 1, 0};
    struct wire_head h;
    struct err e;
    ck_assert_int_eq(send(ends[1], head, sizeof head, 0), sizeof head);
    ck_assert_int_eq(frames_receive(&frames, ends[0]), sizeof head);
    ck_assert_int_eq(frames_head(&frames, &h, &e), -EPROTO);
}
END_TEST

START_TEST(frames__client_gone__end)
{
    shutdown(ends[1], SHUT_RDWR);
    ck_assert_int_eq(frames_receive(&frames, ends[0]), 0);
}
END_TEST

/* ---- lists --------------------------------------------------------------------------------- */

/* What came with the head, the rest straight from the socket; a request behind it stays. */
START_TEST(upload__piece_behind_its_head_and_in_the_socket__all_of_it)
{
    enum { NUMBERS = 600 };
    uint32_t numbers[NUMBERS];
    uint8_t bytes[WIRE_HEAD_SIZE + sizeof numbers + WIRE_HEAD_SIZE];
    struct upload *u;
    struct wire_head h;
    struct err e;
    for (uint32_t i = 0; i < NUMBERS; i++)
        numbers[i] = i * 2654435761u;
    wire_put_head(bytes, WIRE_LIST, sizeof numbers);
    memcpy(bytes + WIRE_HEAD_SIZE, numbers, sizeof numbers);
    wire_put_head(bytes + sizeof bytes - WIRE_HEAD_SIZE, WIRE_STATUS, 0);
    ck_assert_int_eq(send(ends[1], bytes, sizeof bytes, 0), sizeof bytes);

    ck_assert_int_eq(upload_new(&u, &caches, sizeof numbers, &e), 0);
    ck_assert_int_gt(frames_receive(&frames, ends[0]), 0);
    ck_assert_int_eq(frames_head(&frames, &h, &e), FRAMES_HEAD);
    const uint8_t *body;
    size_t there = frames_take_head(&frames, &body);
    ck_assert_int_eq(upload_begin(u, h.body_bytes, &e), 0);
    frames_skip(&frames, upload_put(u, body, there));
    frames_compact(&frames);
    ck_assert(!upload_is_whole(u));
    while (u->frame_left)
        ck_assert_int_gt(upload_receive(u, ends[0]), 0);
    ck_assert(upload_is_whole(u));
    ck_assert_mem_eq(u->numbers, numbers, sizeof numbers);
    ck_assert_int_gt(frames_receive(&frames, ends[0]), 0);
    ck_assert_int_eq(frames_head(&frames, &h, &e), FRAMES_HEAD);
    ck_assert_uint_eq(h.type, WIRE_STATUS);
    upload_free(u);
}
END_TEST

/* No half numbers, nothing empty, and no more than was announced. */
START_TEST(upload_begin__wrong_sizes__eproto)
{
    struct upload *u;
    struct err e;
    ck_assert_int_eq(upload_new(&u, &caches, 40, &e), 0);
    ck_assert_int_eq(upload_begin(u, 0, &e), -EPROTO);
    ck_assert_int_eq(upload_begin(u, 7, &e), -EPROTO);
    ck_assert_int_eq(upload_begin(u, 44, &e), -EPROTO);
    ck_assert_int_eq(upload_begin(u, 8, &e), 0);
    ck_assert_uint_eq(upload_put(u, "abcdefghi", 9), 8);
    ck_assert_int_eq(upload_begin(u, 36, &e), -EPROTO);
    ck_assert_int_eq(upload_begin(u, 32, &e), 0);
    upload_free(u);
    upload_free(NULL);
}
END_TEST

/* A list that does not fit is refused with the numbers; one that is given up gives its memory back.
 */
START_TEST(upload_new__budget__taken_and_given_back)
{
    static struct budget budget;
    struct render_caches limited;
    struct upload *u, *more;
    struct err e;
    caches_init(&limited, 0);
    budget_set(&budget, 100, 150, "its cgroup");
    render_caches_share(&limited, &budget);
    ck_assert_int_eq(upload_new(&u, &limited, 60, &e), 0);
    ck_assert_int_eq(upload_new(&more, &limited, 60, &e), -E2BIG);
    ck_assert_str_eq(e.text, "a list of 60 bytes: the memory limit of its cgroup is 150 bytes, of "
                             "which 60 are in use and 50 kept free");
    upload_free(u);
    ck_assert_uint_eq(budget_left(&budget), 100);
    caches_free(&limited);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session/frames");
    TCase *tc = tcase_create("frames");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, frames__pieces_of_any_size__each_frame_once, 0, 40);
    tcase_add_test(tc, frames__nobody_takes_them__no_room);
    tcase_add_test(tc, frames__reserved_field_set__eproto);
    tcase_add_test(tc, frames__client_gone__end);
    tcase_add_test(tc, upload__piece_behind_its_head_and_in_the_socket__all_of_it);
    tcase_add_test(tc, upload_begin__wrong_sizes__eproto);
    tcase_add_test(tc, upload_new__budget__taken_and_given_back);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
