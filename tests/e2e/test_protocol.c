/* SPDX-License-Identifier: MIT */
/* Peers that do not keep to the protocol: each loses its own connection and nothing else. */
#include "e2e/peer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>

static struct daemon d;
static struct images all;
static struct fmnist_client *client;
static struct fmnist_stream *witness; /* has to go on, whatever others do */
static unsigned descriptors;

static void serve(const char *more)
{
    serve_tiny(&d, more);
    client = connect_to(&d);
    struct fmnist_spec spec = spec_of("tiny");
    spec.dtype = FMNIST_UINT8;
    witness = open_stream(client, &spec);
    wait_for_clients(client, 2);
    descriptors = daemon_descriptors(&d);
}

static void setup(void)
{
    support_setup();
    images_make(&all, 100, 5, 4, 1);
    serve("");
}

static void setup_limits(void)
{
    support_setup();
    images_make(&all, 100, 28, 28, 1);
    serve("ring: 2MiB\n"
          "limits: {clients: 6, clients_per_user: 4, ring_bytes: 4MiB, "
          "ring_bytes_per_user: 6MiB, handshake_ms: 100}\n");
}

static bool has_descriptors(void *data)
{
    (void)data;
    return daemon_descriptors(&d) == descriptors;
}

/* The daemon lives, serves, and has let go of everything. */
static void teardown(void)
{
    struct fmnist_batch b;
    wait_for_clients(client, 2);
    ck_assert_msg(daemon_wait_until(has_descriptors, NULL), "descriptors: %u before, %u after",
                  descriptors, daemon_descriptors(&d));
    must(fmnist_next(witness, &b));
    check_bytes(&all, &b);
    fmnist_close(witness);
    fmnist_disconnect(client);
    daemon_stop(&d);
    images_free(&all);
    support_teardown();
}

START_TEST(hello__another_version_or_too_short__refused)
{
    static const uint8_t version[4] = {3}; /* of before there were rows of labels */
    int fd = dial(&d);
    say(fd, HELLO, version, 4);
    hear_error(fd, FMNIST_EPROTO, "protocol version 3: this daemon (" FMNIST_VERSION ") speaks 4");
    fd = dial(&d);
    say(fd, HELLO, version, 3);
    hear_error(fd, FMNIST_EPROTO, "version");
}
END_TEST

/* Every message that does not belong where it comes. */
START_TEST(frame__out_of_turn__refused)
{
    static const uint8_t zeros[1024] = {0};
    for (uint16_t type = 0; type < 120; type++) {
        if (type != HELLO) {
            int fd = dial(&d);
            say(fd, type, zeros, 4);
            hear_error(fd, FMNIST_EPROTO, "before hello");
        }
        int fd = dial_and_greet(&d);
        say(fd, type, zeros, type == OPEN ? 1024 : 4);
        hear_error(fd, FMNIST_EPROTO, type == OPEN ? "1024 bytes" : "without a stream");
    }
}
END_TEST

/* A length that no request has must be refused before a byte of it is waited for. */
START_TEST(frame__too_long_or_reserved_bits__refused)
{
    static const uint8_t head[][8] = {
        {1, 8, 0, 0, HELLO}, {255, 255, 255, 255, HELLO}, {4, 0, 0, 0, HELLO, 0, 1}};
    static const char *const words[] = {"2049", "4294967295", "byte 6"};
    for (size_t i = 0; i < 3; i++) {
        int fd = dial(&d);
        ck_assert_int_eq(send(fd, head[i], 8, 0), 8);
        hear_error(fd, FMNIST_EPROTO, words[i]);
    }
}
END_TEST

/* Frames may come byte by byte, and many in one piece. */
START_TEST(frame__in_pieces_or_together__understood)
{
    static const uint8_t hello[12] = {4, 0, 0, 0, HELLO, 0, 0, 0, PROTOCOL};
    static const uint8_t both[20] = {4, 0, 0, 0, HELLO, 0, 0, 0,     PROTOCOL,
                                     0, 0, 0, 0, 0,     0, 0, STATUS};
    int fd = dial(&d);
    for (size_t i = 0; i < sizeof hello; i++)
        ck_assert_int_eq(send(fd, hello + i, 1, 0), 1);
    hear_welcome(fd);
    close(fd);
    fd = dial(&d);
    ck_assert_int_eq(send(fd, both, sizeof both, 0), sizeof both);
    hear_welcome(fd);
    uint8_t head[8];
    ck_assert_int_eq(recv(fd, head, 8, MSG_WAITALL), 8);
    ck_assert_uint_eq(head[4], 103);
    close(fd);
}
END_TEST

/* What comes before the answer to the frame before it is answered after it. */
START_TEST(frame__behind_one_that_takes_time__answered_too)
{
    uint8_t open[8 + OPEN_SIZE + 8] = {OPEN_SIZE & 255, OPEN_SIZE >> 8, 0, 0, OPEN};
    make_open(open + 8, FMNIST_ORDER_SHUFFLE, FMNIST_SHM);
    open[8 + OPEN_SIZE + 4] = STATUS;
    int fd = dial_and_greet(&d);
    ck_assert_int_eq(send(fd, open, sizeof open, 0), sizeof open);
    uint8_t frame[256];
    ck_assert_int_eq(recv(fd, frame, 8, MSG_WAITALL), 8);
    ck_assert_uint_eq(frame[4], OPENED);
    ck_assert_int_eq(recv(fd, frame + 8, little(frame), MSG_WAITALL), (ssize_t)little(frame));
    hear_error(fd, FMNIST_EPROTO, "with a stream");

    static const uint8_t both[16] = {0, 0, 0, 0, RELOAD, 0, 0, 0, 0, 0, 0, 0, STATUS};
    fd = dial_and_greet(&d);
    ck_assert_int_eq(send(fd, both, sizeof both, 0), sizeof both);
    ck_assert_int_eq(recv(fd, frame, 8, MSG_WAITALL), 8);
    ck_assert_uint_eq(frame[4], RELOADED);
    ck_assert_uint_lt(little(frame), sizeof frame - 8);
    ck_assert_int_eq(recv(fd, frame + 8, little(frame), MSG_WAITALL), (ssize_t)little(frame));
    ck_assert_int_eq(recv(fd, frame, 8, MSG_WAITALL), 8);
    ck_assert_uint_eq(frame[4], STATUS_REPLY);
    close(fd);
}
END_TEST

/* Batches on the socket are kept back by the socket: there is nothing to kick. */
START_TEST(kick__for_batches_on_the_socket__ends_its_own_connection)
{
    uint8_t body[OPEN_SIZE];
    make_open(body, FMNIST_ORDER_SHUFFLE, FMNIST_INLINE);
    int fd = dial_and_greet(&d);
    say(fd, OPEN, body, sizeof body);
    uint8_t head[8];
    ck_assert_int_eq(recv(fd, head, 8, MSG_WAITALL), 8);
    ck_assert_uint_eq(head[4], OPENED);
    say(fd, KICK, NULL, 0);
    static uint8_t batches[1 << 16];
    while (recv(fd, batches, sizeof batches, 0) > 0)
        ;
    close(fd);
}
END_TEST

/* Whatever bytes come, and wherever they break off. */
START_TEST(garbage__any__ends_its_own_connection)
{
    uint64_t random = 99;
    for (int i = 0; i < 1000; i++) {
        uint8_t bytes[600];
        for (size_t k = 0; k < sizeof bytes; k++)
            bytes[k] = (uint8_t)(next_random(&random) >> 40);
        int fd = i % 2 ? dial(&d) : dial_and_greet(&d);
        if (i % 4 == 0) { /* a plausible open */
            memcpy(bytes, (uint8_t[]){0x48, 1, 0, 0, OPEN, 0, 0, 0}, 8);
            memcpy(bytes + 8, "tiny", 5);
        }
        send(fd, bytes, next_random(&random) % sizeof bytes, MSG_NOSIGNAL);
        close(fd);
    }
}
END_TEST

/* Descriptors that are sent to the daemon must not pile up in it. */
START_TEST(descriptors__sent_to_the_daemon__closed_and_refused)
{
    for (int i = 0; i < 20; i++) {
        int fd = dial_and_greet(&d), fds[8];
        for (int k = 0; k < 8; k++)
            fds[k] = STDIN_FILENO;
        char byte = 0, control[CMSG_SPACE(sizeof fds)];
        struct iovec part = {&byte, 1};
        struct msghdr m = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof control};
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof fds);
        memcpy(CMSG_DATA(c), fds, sizeof fds);
        ck_assert_int_eq(sendmsg(fd, &m, 0), 1);
        hear_error(fd, FMNIST_EPROTO, "descriptors");
    }
}
END_TEST

/* The page that a client may write, as this process has mapped it for its newest stream. */
static uint64_t *seat_of_newest(const uint64_t * not )
{
    FILE *f = fopen("/proc/self/maps", "re");
    char line[512], rights[8];
    unsigned long from, to;
    uint64_t *page = NULL;
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) == 3 && to - from == 4096 &&
            !strcmp(rights, "rw-s") && strstr(line, "/memfd:") && (uint64_t *)from != not )
            page = (uint64_t *)from;
    fclose(f);
    return page;
}

/* A tail ahead of what was published, far ahead, or gone back is this client's end alone. */
START_TEST(seat__wild_tail__loses_only_that_stream)
{
    static const uint64_t wild[] = {UINT64_MAX, UINT64_MAX / 2, 1u << 20};
    uint64_t *mine = seat_of_newest(NULL);
    ck_assert_ptr_nonnull(mine);
    for (size_t i = 0; i < sizeof wild / sizeof *wild; i++) {
        struct fmnist_spec spec = spec_of("tiny");
        struct fmnist_stream *stream = open_stream(client, &spec);
        uint64_t *tail = seat_of_newest(mine);
        ck_assert_ptr_nonnull(tail);
        struct fmnist_batch b;
        int rc;
        do {
            rc = fmnist_next(stream, &b);
            if (rc == FMNIST_OK)
                fmnist_release(stream, &b);
            *(volatile uint64_t *)tail = wild[i];
        } while (rc >= 0);
        ck_assert_msg(rc == FMNIST_EPROTO || rc == FMNIST_EDEAD, "%d: %s", rc, fmnist_error());
        fmnist_close(stream);
    }
}
END_TEST

static void must_limit(int rc, const char *name)
{
    ck_assert_msg(rc == FMNIST_ELIMIT && strstr(fmnist_error(), name), "%d, \"%s\": want %s", rc,
                  fmnist_error(), name);
}

START_TEST(limits__rings__refused_by_name)
{
    struct fmnist_spec spec = spec_of("tiny");
    struct fmnist_stream *first, *second;
    spec.height = spec.width = 300; /* 64 images take 6 MB */
    must_limit(fmnist_open(client, &spec, NULL, &first), "limits.ring_bytes allows");
    spec.height = spec.width = 160; /* 1.6 MB, twice */
    must(fmnist_open(client, &spec, NULL, &first));
    spec.order = FMNIST_ORDER_SHUFFLE; /* other batches: a second ring */
    must_limit(fmnist_open(client, &spec, NULL, &second), "limits.ring_bytes_per_user");
    fmnist_close(first);
}
END_TEST

/* All places are taken, but not all used: the longest idle of the user's own goes, first
 * `client`'s, and its library connects again. What is used stays. */
START_TEST(limits__clients__idle_ones_give_way_then_refused_by_name)
{
    struct fmnist_spec spec = spec_of("tiny");
    int fds[2] = {dial_and_greet(&d), dial_and_greet(&d)};
    struct fmnist_client *more;
    struct fmnist_stream *streams[3], *none;
    for (int i = 0; i < 3; i++) {
        more = connect_to(&d);
        streams[i] = open_stream(more, &spec);
        fmnist_disconnect(more);
        if (i)
            hear_error(fds[i - 1], FMNIST_ELIMIT, "limits.clients_per_user: 4 of uid");
    }
    more = connect_to(&d); /* this user may look still, being the daemon's own */
    must_limit(fmnist_open(more, &spec, NULL, &none), "limits.clients_per_user: 4 of uid");
    fmnist_disconnect(more);
    for (int i = 0; i < 3; i++)
        fmnist_close(streams[i]);
}
END_TEST

/* What was closed may not be freed yet: an open that needs its memory waits, and is not refused. */
START_TEST(limits__ring_closed_and_another_opened__waits_for_its_memory)
{
    struct fmnist_spec spec = spec_of("tiny");
    spec.dtype = FMNIST_UINT8;
    spec.batch_size = 64;
    spec.height = spec.width = 160; /* 1.6 MB, twice: more than half of what a user may have */
    for (int i = 0; i < 50; i++) {
        struct fmnist_stream *stream;
        spec.order = i % 2 ? FMNIST_ORDER_SHUFFLE : FMNIST_ORDER_SEQUENTIAL;
        must(fmnist_open(client, &spec, NULL, &stream));
        fmnist_close(stream);
    }
}
END_TEST

/* A peer that says nothing, or half a hello, does not keep its place. */
START_TEST(limits__no_hello__ended_in_time)
{
    int64_t start = milliseconds();
    int silent = dial(&d), half = dial(&d);
    ck_assert_int_eq(send(half, "\4\0\0", 3, 0), 3);
    hear_error(silent, FMNIST_ETIMEDOUT, "limits.handshake_ms");
    hear_error(half, FMNIST_ETIMEDOUT, "limits.handshake_ms");
    ck_assert_int_ge(milliseconds() - start, 90);
}
END_TEST

/* Reads as fast as batches come beside a neighbour that does not, until it is offered a ring. */
static int peer_with_offer(void)
{
    uint8_t body[OPEN_SIZE], head[8], rest[256];
    make_open(body, FMNIST_ORDER_SHUFFLE, FMNIST_SHM);
    int fd = dial_and_greet(&d), fds[2];
    say(fd, OPEN, body, sizeof body);
    ck_assert(hear_head(fd, head, fds));
    ck_assert_uint_eq(head[4], OPENED);
    ck_assert_int_eq(recv(fd, rest, little(head), MSG_WAITALL), (ssize_t)little(head));
    const volatile uint64_t *ring = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fds[0], 0);
    volatile uint64_t *seat = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fds[1], 0);
    ck_assert((const void *)ring != MAP_FAILED && (void *)seat != MAP_FAILED);
    close(fds[0]);
    close(fds[1]);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    do {
        seat[0] = ring[8];                    /* tail = head */
        *(volatile uint32_t *)(seat + 1) = 1; /* waiting */
        say(fd, KICK, NULL, 0);
    } while (poll(&p, 1, 1) == 0);
    munmap((void *)ring, 4096);
    munmap((void *)seat, 4096);
    ck_assert(hear_head(fd, head, fds));
    ck_assert_uint_eq(head[4], OFFER);
    ck_assert(fds[0] >= 0 && fds[1] >= 0);
    ck_assert_int_eq(recv(fd, rest, 8, MSG_WAITALL), 8);
    close(fds[0]);
    close(fds[1]);
    return fd;
}

/* An offer is answered once, and by one of two words. */
START_TEST(leave__twice_or_unknown__ends_its_own_connection)
{
    static const uint8_t answers[4][4] = {{0}, {1}, {2}, {255, 255, 255, 255}};
    struct fmnist_spec spec = spec_of("tiny");
    spec.dtype = FMNIST_UINT8;
    spec.order = FMNIST_ORDER_SHUFFLE;
    spec.epochs = 0;
    struct fmnist_stream *sleeper = open_stream(client, &spec);
    for (int i = 0; i < 4; i++) {
        int fd = peer_with_offer();
        say(fd, LEAVE, answers[i], 4);
        if (i < 2)
            say(fd, LEAVE, answers[i], 4);
        hear_error(fd, FMNIST_EPROTO, "frame of type 6 with 4 bytes");
    }
    for (int i = 0; i < 4; i++) {
        int fd = peer_with_offer();
        for (int k = 0; k < 500; k++)
            say(fd, k == 400 ? LEAVE : KICK, answers[i % 2], k == 400 ? 4 : 0);
        close(fd);
    }
    close(peer_with_offer()); /* or not at all */
    fmnist_close(sleeper);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("protocol");
    TCase *tc = tcase_create("protocol"), *limits = tcase_create("limits");
    suite_add_tcase(suite, tc);
    suite_add_tcase(suite, limits);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_checked_fixture(limits, setup_limits, teardown);
    tcase_set_timeout(tc, 120);
    tcase_set_timeout(limits, 120);
    tcase_add_test(tc, hello__another_version_or_too_short__refused);
    tcase_add_test(tc, frame__out_of_turn__refused);
    tcase_add_test(tc, frame__too_long_or_reserved_bits__refused);
    tcase_add_test(tc, frame__in_pieces_or_together__understood);
    tcase_add_test(tc, frame__behind_one_that_takes_time__answered_too);
    tcase_add_test(tc, kick__for_batches_on_the_socket__ends_its_own_connection);
    tcase_add_test(tc, garbage__any__ends_its_own_connection);
    tcase_add_test(tc, descriptors__sent_to_the_daemon__closed_and_refused);
    tcase_add_test(tc, seat__wild_tail__loses_only_that_stream);
    tcase_add_test(tc, leave__twice_or_unknown__ends_its_own_connection);
    tcase_add_test(limits, limits__rings__refused_by_name);
    tcase_add_test(limits, limits__clients__idle_ones_give_way_then_refused_by_name);
    tcase_add_test(limits, limits__ring_closed_and_another_opened__waits_for_its_memory);
    tcase_add_test(limits, limits__no_hello__ended_in_time);
    return support_run(suite);
}
