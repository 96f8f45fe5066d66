/* SPDX-License-Identifier: MIT */
/* Batches on a socket: whole frames in order, whatever the socket takes at a time. */
#include "feed/inline_sender.h"

#include "feed/stream.h"
#include "fmnist.h"
#include "render/caches.h"
#include "support/support.h"
#include "wire/message.h"
#include "wire/socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The last batch is short. */
enum { COUNT = 100, SIDE = 20, BATCH = 16, STEPS = 7, EPOCHS = 3, SLOTS = STEPS * EPOCHS };

static uint8_t images[COUNT * SIDE * SIDE];
static int32_t labels[COUNT];
static struct dataset dataset;
static struct render_caches caches;
static struct stream *s;
static struct consumer *r;
static struct render_scratch *scratch;
static int client;

static void setup(void)
{
    struct spec spec;
    struct err e;
    support_setup();
    for (size_t i = 0; i < sizeof images; i++)
        images[i] = (uint8_t)(i * 2654435761u >> 11);
    dataset = (struct dataset){.name = "set", .users = 1};
    dataset.splits[DATASET_TRAIN] = (struct dataset_split){.name = "train",
                                                           .count = COUNT,
                                                           .height = SIDE,
                                                           .width = SIDE,
                                                           .channels = 1,
                                                           .images = images,
                                                           .labels = labels};
    caches_init(&caches, 0);
    scratch = render_scratch_new();
    spec_init(&spec);
    strcpy(spec.dataset, "set");
    spec.batch_size = BATCH;
    spec.epochs = EPOCHS;
    spec.transport = FMNIST_INLINE;
    struct stream_options o = {.spec = &spec, .dataset = &dataset, .caches = &caches};
    uint64_t limit;
    ck_assert_msg(stream_new(&s, &o, &limit, &e) == 0, "%s", e.text);
    ck_assert_uint_eq(limit, SLOTS);
    ck_assert_int_eq(stream_make_ring(s, SLOTS, &e), 0);
    struct consumer_options wish = {.is_inline = true, .limit = limit};
    ck_assert_int_eq(consumer_new(&r, &wish, &e), 0);
    stream_seat(s, r, 1);
    int ends[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    ck_assert_int_eq(inline_sender_init(&r->sender, ends[0], &e), 0);
    close(ends[0]); /* the session's: a duplicate does */
    client = ends[1];
}

static void teardown(void)
{
    stream_unseat(s, r);
    consumer_free(r);
    stream_free(s);
    render_scratch_free(scratch);
    caches_free(&caches);
    close(client);
    support_teardown();
}

/* Renders and publishes batches until there are `head`. */
static void render_until(uint64_t head)
{
    while (s->head < head) {
        uint64_t room = stream_room(s);
        struct chunk *c = stream_claim(s, room < head - s->head ? room : head - s->head);
        ck_assert_int_eq(stream_render(s, c, scratch, UINT64_MAX), 1);
        ck_assert(stream_finish(s, c));
    }
}

static uint64_t body_bytes(uint64_t number)
{
    struct slot_layout l;
    slot_layout_init(&l, number % STEPS == STEPS - 1 ? COUNT % BATCH : BATCH,
                     &(struct slot_sample){.bytes = SIDE * SIDE});
    return l.bytes;
}

/* What a client has to get: all frames of `count` batches. Returns the bytes; malloc'd. */
static uint8_t *frames_of(uint64_t count, size_t *size)
{
    *size = 0;
    for (uint64_t i = 0; i < count; i++)
        *size += WIRE_HEAD_SIZE + body_bytes(i);
    uint8_t *frames = malloc(*size), *at = frames;
    for (uint64_t i = 0; i < count; i++) {
        wire_put_head(at, WIRE_BATCH, (uint32_t)body_bytes(i));
        memcpy(at + WIRE_HEAD_SIZE, ring_slot(&s->ring, i), body_bytes(i));
        at += WIRE_HEAD_SIZE + body_bytes(i);
    }
    return frames;
}

static struct inline_run run_of(void)
{
    return (struct inline_run){
        .ring = &s->ring,
        .sample = {.bytes = s->plan->sample_bytes},
        .tail = r->tail,
        .head = s->head,
        .skip_bytes = r->sender.sent_bytes,
    };
}

/* As a worker does it. Returns what inline_sender_send does. */
static ssize_t send_once(void)
{
    bool all;
    struct inline_run run = run_of();
    ssize_t n = inline_sender_send(r->sender.fd, &run, &all);
    if (n > 0)
        inline_sender_advance(&r->sender, &run, (uint64_t)n);
    r->tail = run.tail;
    r->sender.state = all ? SENDER_OPEN : SENDER_FULL;
    return n;
}

START_TEST(inline_sender_is_ready__life__only_open_and_alone)
{
    ck_assert_msg(!inline_sender_is_ready(&r->sender), "a reply has to be sent first");
    r->sender.state = SENDER_FULL;
    ck_assert(!inline_sender_is_ready(&r->sender));
    r->sender.state = SENDER_OPEN;
    ck_assert(inline_sender_is_ready(&r->sender));
    r->sender.sending = true;
    ck_assert_msg(!inline_sender_is_ready(&r->sender), "another worker sends");
    r->sender.sending = false;
    render_until(2);
    ck_assert_int_gt(send_once(), 0);
    ck_assert_uint_eq(r->tail, 2);
}
END_TEST

/* For every pace of the client, and sockets that break frames anywhere, heads included. */
START_TEST(inline_sender_send__any_pieces__every_frame_in_order)
{
    int buffer = 2048 << _i;
    setsockopt(r->sender.fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    r->sender.state = SENDER_OPEN;
    render_until(SLOTS);
    size_t size, have = 0;
    uint8_t *want = frames_of(SLOTS, &size), *got = malloc(size);
    uint64_t random = 7 + (uint64_t)_i, breaks = 0;
    while (have < size) {
        if (r->tail < SLOTS) {
            ssize_t n = send_once();
            ck_assert_msg(n > 0 || n == -EAGAIN, "%zd", n);
            breaks += r->sender.sent_bytes != 0;
        }
        random = random * 6364136223846793005u + 1442695040888963407u;
        size_t piece = 1 + (random >> 33) % 9000, left = size - have;
        ssize_t n = socket_receive(client, got + have, piece < left ? piece : left);
        ck_assert_int_gt(n, 0);
        have += (size_t)n;
    }
    ck_assert_uint_eq(r->tail, SLOTS);
    ck_assert_uint_eq(r->sender.sent_bytes, 0);
    ck_assert_mem_eq(got, want, size);
    ck_assert_msg(breaks > 0 || _i > 4, "no frame was broken");
    char byte;
    ck_assert_int_eq(socket_receive(client, &byte, 1), -EAGAIN);
    free(want);
    free(got);
}
END_TEST

START_TEST(inline_sender_send__client_gone__epipe)
{
    r->sender.state = SENDER_OPEN;
    render_until(1);
    shutdown(client, SHUT_RDWR);
    ck_assert_int_eq(send_once(), -EPIPE);
    ck_assert_uint_eq(r->tail, 0);
}
END_TEST

static void begin(uint64_t now_ns)
{
    bool drained = inline_sender_is_drained(r->sender.fd);
    r->sender.sending = true;
    inline_sender_begin(&r->sender, drained, now_ns);
}

static void end(uint64_t now_ns)
{
    r->sender.sending = false;
    inline_sender_end(&r->sender, r->tail < r->limit, now_ns);
}

static struct seat_waited waited(uint64_t now_ns)
{
    return inline_sender_waited(&r->sender, inline_sender_is_drained(r->sender.fd), now_ns);
}

/* What has come so far. */
static void take_all(void)
{
    static uint8_t sink[1 << 20];
    while (socket_receive(client, sink, sizeof sink) > 0)
        ;
}

/* The client waits while nobody sends, whether or not there is something to be sent, unless it has
 * yet to take what was sent before. */
START_TEST(inline_sender_waited__nobody_sends__counts_where_the_client_took_everything)
{
    end(500);
    ck_assert_msg(waited(900).waited_ns == 0, "shut");
    r->sender.state = SENDER_OPEN;
    end(1000);
    ck_assert_uint_eq(waited(1500).waited_ns, 500);
    render_until(3);
    begin(2000);
    ck_assert_uint_eq(waited(9000).waited_ns, 1000);
    ck_assert_uint_eq(r->sender.waited.waits, 1);

    ck_assert_int_gt(send_once(), 0);
    end(10000);
    ck_assert_uint_eq(waited(11000).waited_ns, 1000);
    begin(11000);
    ck_assert_msg(r->sender.waited.waited_ns == 1000, "there was something left to read");

    render_until(4);
    ck_assert_int_gt(send_once(), 0);
    end(20000);
    take_all();
    render_until(5); /* and no worker comes to send it */
    ck_assert_uint_eq(waited(20700).waited_ns, 1700);
    ck_assert_uint_eq(waited(20700).waits, 2);
}
END_TEST

/* Neither a full socket nor a stream that is over keeps a client waiting. */
START_TEST(inline_sender_waited__full_or_over__does_not_count)
{
    int buffer = 4096;
    setsockopt(r->sender.fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    r->sender.state = SENDER_OPEN;
    render_until(SLOTS);
    while (r->sender.state == SENDER_OPEN)
        send_once();
    end(1000);
    take_all();
    ck_assert_uint_eq(waited(9000).waited_ns, 0);
    while (r->tail < SLOTS) {
        send_once();
        take_all();
    }
    end(10000);
    ck_assert_uint_eq(waited(90000).waited_ns, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("feed/inline_sender");
    TCase *tc = tcase_create("inline_sender");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, inline_sender_is_ready__life__only_open_and_alone);
    tcase_add_loop_test(tc, inline_sender_send__any_pieces__every_frame_in_order, 0, 9);
    tcase_add_test(tc, inline_sender_send__client_gone__epipe);
    tcase_add_test(tc, inline_sender_waited__nobody_sends__counts_where_the_client_took_everything);
    tcase_add_test(tc, inline_sender_waited__full_or_over__does_not_count);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
