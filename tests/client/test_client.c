/* SPDX-License-Identifier: MIT */
/* The library against a daemon that lies. What it is told is checked before it is used: a wrong
 * number ends in FMNIST_EPROTO, never in a read outside the mapping (that would end the test with
 * a signal). The daemon is a thread of this file that speaks as much of the protocol as it needs.
 */
#include "base/bytes.h"
#include "fmnist.h"
#include "ring/ring.h"
#include "support/support.h"
#include "wire/message.h"
#include "wire/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HEIGHT = 4, WIDTH = 4, BATCH = 8, SLOTS = 4, STEPS = 3 };

/* What the fake daemon says and does; one that changes nothing is an honest one. */
struct lie {
    const char *name;
    void (*opened)(struct wire_opened *m);
    void (*ring)(struct ring *r); /* before it is sent: header, slots, head */
    size_t fd_count;              /* that travel with opened */
    bool swap_fds;
    long ring_size_off; /* bytes that the ring's memory has more or less */
    bool unsealed;      /* the ring's memory can shrink later */
    uint32_t body_off;  /* bytes that opened has more */
    uint16_t type;      /* of the reply; 0: opened */
    int open_rc;        /* what fmnist_open must answer */
    int next_rc;        /* and fmnist_next */
    bool is_inline;
    uint32_t frame_off; /* inline: bytes that the batch's frame has more than it should */
    uint32_t batches;   /* inline: how many come; 0: one */
    size_t piece;       /* inline: bytes sent at a time; 0: all */
    int error_behind;   /* inline: an error frame of this code follows */
    bool fds_behind;    /* inline: a frame with descriptors follows */
    void (*slot)(struct slot_header *h);
    bool restless; /* the batch's count changes until the client goes */
    bool offers;   /* the ring stays empty and another is offered, like this: */
    uint64_t offer_at;
    size_t offer_fd_count;
    uint32_t offer_body_off;
    uint32_t offer_slots_off;
};

static struct fake {
    int listener;
    pthread_t thread;
    const struct lie *lie;
    char path[108];
} fake;

/* ---- the fake daemon ----------------------------------------------------------------------- */

static bool receive_all(int fd, void *data, size_t size)
{
    for (size_t have = 0; have < size;) {
        ssize_t n = socket_receive(fd, (char *)data + have, size - have);
        if (n <= 0)
            return false;
        have += (size_t)n;
    }
    return true;
}

static void send_frame(int fd, uint16_t type, const void *body, uint32_t size, const int *fds,
                       size_t fd_count)
{
    uint8_t *frame = calloc(1, WIRE_HEAD_SIZE + size + 1);
    wire_put_head(frame, type, size);
    memcpy(frame + WIRE_HEAD_SIZE, body, size);
    struct iovec part = {frame, WIRE_HEAD_SIZE + size};
    if (fd_count)
        socket_send_fds(fd, frame, part.iov_len, fds, fd_count);
    else
        socket_send(fd, &part, 1);
    free(frame);
}

static struct wire_opened honest_opened(bool is_inline)
{
    struct wire_opened m = {
        .sample_count = BATCH * STEPS,
        .steps = STEPS,
        .sample_bytes = HEIGHT * WIDTH,
        .batch_size = BATCH,
        .channels = 1,
        .height = HEIGHT,
        .width = WIDTH,
        .in_channels = 1,
        .in_height = HEIGHT,
        .in_width = WIDTH,
        .views = 1,
        .slot_count = is_inline ? 1 : SLOTS,
    };
    return m;
}

static void honest_layout(struct slot_layout *l)
{
    slot_layout_init(l, BATCH, &(struct slot_sample){.bytes = HEIGHT * WIDTH});
}

static void send_pieces(int fd, const uint8_t *data, size_t size, size_t piece)
{
    for (size_t sent = 0; sent < size; sent += piece) {
        struct iovec part = {(void *)(data + sent), size - sent < piece ? size - sent : piece};
        socket_send(fd, &part, 1);
        if (piece < size)
            usleep(20); /* so that the client finds pieces, too */
    }
}

static const char error_text[] = "told behind the batches";

static void serve_inline(int fd, const struct lie *lie)
{
    struct wire_buffer out = {0};
    struct slot_layout l;
    honest_layout(&l);
    uint32_t bytes = (uint32_t)l.bytes + lie->frame_off;
    for (uint32_t i = 0; i < (lie->batches ? lie->batches : 1); i++) {
        uint8_t head[WIRE_HEAD_SIZE];
        struct slot_header *slot = calloc(1, bytes);
        slot->number = slot->step = i;
        slot->count = BATCH;
        memset((char *)slot + SLOT_SAMPLES_AT, (int)i + 1, HEIGHT * WIDTH * BATCH);
        if (lie->slot)
            lie->slot(slot);
        wire_put_head(head, WIRE_BATCH, bytes);
        wire_add(&out, head, sizeof head);
        wire_add(&out, slot, bytes);
        free(slot);
    }
    if (lie->error_behind) {
        uint8_t head[WIRE_HEAD_SIZE];
        wire_put_head(head, WIRE_ERROR, 4 + 4 + sizeof error_text - 1);
        wire_add(&out, head, sizeof head);
        wire_add_u32(&out, (uint32_t)lie->error_behind);
        wire_add_text(&out, error_text);
    }
    send_pieces(fd, out.bytes, out.size, lie->piece ? lie->piece : out.size);
    if (lie->fds_behind)
        send_frame(fd, WIRE_BATCH, out.bytes, 1, &fd, 1);
    wire_buffer_free(&out);
}

/* Lets go of a seat without taking it away from the reader. */
static void forget_seat(struct seat *seat)
{
    munmap(seat->page, RING_SEAT_SIZE);
    close(seat->fd);
}

/* A ring of the reader's own, with batch 0 in it. */
static void serve_offer(int fd, const struct lie *lie)
{
    struct slot_layout l;
    struct ring ring;
    struct seat seat;
    struct err e;
    honest_layout(&l);
    if (ring_init(&ring, SLOTS + lie->offer_slots_off, l.bytes, 0, &e) || seat_init(&seat, 0, &e))
        abort();
    ring_slot(&ring, 0)->count = BATCH;
    if (lie->slot)
        lie->slot(ring_slot(&ring, 0));
    ring_publish(&ring, 1);
    int fds[3] = {ring.fd, seat.fd, seat.fd};
    uint8_t body[64] = {0};
    put_le64(body, lie->offer_at);
    send_frame(fd, WIRE_OFFER, body, 8 + lie->offer_body_off, fds, lie->offer_fd_count);
    ring_close(&ring);
    forget_seat(&seat);
}

static void change_count(int fd, struct slot_header *h)
{
    _Atomic uint64_t *count = (_Atomic uint64_t *)&h->count;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (poll(&p, 1, 0) == 0)
        for (int i = 0; i < 1000; i++)
            atomic_store_explicit(count, BATCH + i % 2, memory_order_relaxed);
}

static void serve_open(int fd, const struct lie *lie)
{
    struct wire_opened m = honest_opened(lie->is_inline);
    struct slot_layout l;
    struct ring ring;
    struct seat seat;
    struct err e;
    honest_layout(&l);
    if (ring_init(&ring, SLOTS, l.bytes, 0, &e) || seat_init(&seat, 0, &e))
        abort();
    struct slot_header *first = ring_slot(&ring, 0);
    first->count = BATCH;
    if (!lie->offers)
        ring_publish(&ring, 1);
    if (lie->ring)
        lie->ring(&ring);
    if (lie->slot)
        lie->slot(first);
    if (lie->opened)
        lie->opened(&m);
    int other = -1;
    int fds[3] = {ring.fd, seat.fd, seat.fd};
    if (lie->ring_size_off || lie->unsealed) {
        other = memfd_create("other", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (ftruncate(other, (off_t)ring.map_bytes + lie->ring_size_off) < 0 ||
            pwrite(other, ring.header, RING_HEADER_SIZE, 0) < 0)
            abort();
        if (!lie->unsealed && fcntl(other, F_ADD_SEALS, F_SEAL_SHRINK) < 0)
            abort();
        fds[0] = other;
    }
    if (lie->swap_fds) {
        fds[0] = seat.fd;
        fds[1] = ring.fd;
    }
    uint8_t body[WIRE_OPENED_SIZE + 64] = {0};
    wire_put_opened(body, &m);
    send_frame(fd, lie->type ? lie->type : WIRE_OPENED, body, WIRE_OPENED_SIZE + lie->body_off, fds,
               lie->fd_count);
    if (lie->is_inline)
        serve_inline(fd, lie);
    if (lie->offers)
        serve_offer(fd, lie);
    if (lie->restless)
        change_count(fd, first);
    if (other >= 0)
        close(other);
    ring_close(&ring);
    forget_seat(&seat);
}

/* One connection: greets, opens, and stays until the client goes. */
static void serve_one(int fd, const struct lie *lie)
{
    uint8_t head[WIRE_HEAD_SIZE], body[WIRE_REQUEST_MAX];
    struct wire_head h;
    while (receive_all(fd, head, sizeof head) && !wire_get_head(&h, head, NULL) &&
           h.body_bytes <= sizeof body && receive_all(fd, body, h.body_bytes)) {
        static const uint8_t welcome[9] = {WIRE_VERSION, 0, 0, 0, 1, 0, 0, 0, '0'};
        if (h.type == WIRE_HELLO)
            send_frame(fd, WIRE_WELCOME, welcome, sizeof welcome, NULL, 0);
        else if (h.type == WIRE_OPEN)
            serve_open(fd, lie);
    }
    close(fd);
}

/* The one connection that a client has, which its stream takes over. */
static void *serve(void *unused)
{
    int fd = accept4(fake.listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        serve_one(fd, fake.lie);
    return unused;
}

/* In the environment from the start: setenv(3) allocates. */
static char socket_variable[256] = "FMNIST_SOCKET=/nonexistent/s";

static struct fmnist_client *connect_to(const char *path)
{
    struct fmnist_connect_options o = {
        .size = sizeof o, .socket = path, .timeout_ms = 5000, .reconnect_ms = -1};
    struct fmnist_client *client;
    ck_assert_msg(fmnist_connect(&o, &client) == FMNIST_OK, "%s", fmnist_error());
    return client;
}

static void listen_fake(const struct lie *lie)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(fake.path, sizeof fake.path, "%s/s", support_dir());
    snprintf(a.sun_path, sizeof a.sun_path, "%s", fake.path);
    unlink(fake.path);
    fake.lie = lie;
    fake.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fake.listener, (struct sockaddr *)&a, sizeof a), 0);
    ck_assert_int_eq(listen(fake.listener, 4), 0);
    ck_assert_int_eq(pthread_create(&fake.thread, NULL, serve, NULL), 0);
}

static struct fmnist_client *start_fake(const struct lie *lie)
{
    listen_fake(lie);
    return connect_to(fake.path);
}

static void stop_fake(struct fmnist_client *client)
{
    fmnist_disconnect(client);
    pthread_join(fake.thread, NULL);
    close(fake.listener);
}

static struct fmnist_spec fake_spec(const struct lie *lie)
{
    struct fmnist_spec spec;
    fmnist_spec_init(&spec);
    spec.batch_size = BATCH;
    spec.dtype = FMNIST_UINT8;
    spec.transport = lie->is_inline ? FMNIST_INLINE : FMNIST_SHM;
    return spec;
}

/* ---- lies ---------------------------------------------------------------------------------- */

#define FACT(name, change)                  \
    static void name(struct wire_opened *m) \
    {                                       \
        change;                             \
    }
FACT(no_height, m->height = 0)
FACT(huge_height, m->height = UINT32_MAX)
FACT(other_width, m->width = WIDTH + 1)
FACT(no_channels, m->channels = 0)
FACT(many_channels, m->channels = m->in_channels = 5)
FACT(other_channels, m->in_channels = 2)
FACT(wrong_sample_bytes, m->sample_bytes++)
FACT(huge_sample_bytes, m->sample_bytes = UINT64_MAX)
FACT(no_batch, m->batch_size = 0)
FACT(huge_batch, m->batch_size = UINT32_MAX)
FACT(other_batch, m->batch_size = BATCH * 2; m->sample_count *= 2)
FACT(no_steps, m->steps = 0)
FACT(many_steps, m->steps = UINT64_MAX)
FACT(step_too_many, m->steps = STEPS + 1)
FACT(no_samples, m->sample_count = 0)
FACT(huge_samples, m->sample_count = UINT64_MAX)
FACT(step_behind, m->step = STEPS)
FACT(epoch_behind, m->epoch = UINT64_MAX)
FACT(no_slots, m->slot_count = 0)
FACT(one_slot_more, m->slot_count = SLOTS + 1)
FACT(many_slots, m->slot_count = UINT32_MAX)
FACT(floats_as_bytes, m->float_samples = 1)
FACT(float_flag, m->float_samples = 2)
FACT(rows_unasked, m->label_count = 4)
FACT(huge_rows, m->label_count = FMNIST_LABELS_MAX + 1)
FACT(endless_rows, m->label_count = UINT32_MAX)

#define RING(name, change)           \
    static void name(struct ring *r) \
    {                                \
        change;                      \
    }
RING(wrong_magic, r->header->magic++)
RING(header_slot_count, r->header->slot_count++)
RING(header_slot_bytes, r->header->slot_bytes += 64)
RING(head_far_beyond, ring_slot(r, 0)->number = 1 << 20; ring_publish(r, (1 << 20) + 1))
RING(head_at_the_end, ring_slot(r, 0)->number = 4; ring_publish(r, UINT64_MAX))

#define SLOT(name, change)                  \
    static void name(struct slot_header *h) \
    {                                       \
        change;                             \
    }
SLOT(wrong_number, h->number = 1)
SLOT(wrong_epoch, h->epoch = 1)
SLOT(wrong_step, h->step = 1)
SLOT(count_less, h->count = BATCH - 1)
SLOT(count_more, h->count = BATCH + 1)
SLOT(count_huge, h->count = UINT64_MAX)

#define P FMNIST_EPROTO
static const struct lie lies[] = {
    {.name = "none", .fd_count = 2},
    {.name = "none, inline", .is_inline = true},
    /* descriptors */
    {.name = "no descriptors", .fd_count = 0, .open_rc = P},
    {.name = "one descriptor", .fd_count = 1, .open_rc = P},
    {.name = "three descriptors", .fd_count = 3, .open_rc = P},
    {.name = "descriptors inline", .fd_count = 2, .is_inline = true, .open_rc = P},
    {.name = "swapped", .fd_count = 2, .swap_fds = true, .open_rc = P},
    {.name = "ring one byte short", .fd_count = 2, .ring_size_off = -1, .open_rc = P},
    {.name = "ring one page short", .fd_count = 2, .ring_size_off = -4096, .open_rc = P},
    {.name = "ring one page long", .fd_count = 2, .ring_size_off = 4096, .open_rc = P},
    {.name = "ring that can shrink", .fd_count = 2, .unsealed = true, .open_rc = P},
    /* the ring's header */
    {.name = "magic", .fd_count = 2, .ring = wrong_magic, .open_rc = P},
    {.name = "header's slot count", .fd_count = 2, .ring = header_slot_count, .open_rc = P},
    {.name = "header's slot bytes", .fd_count = 2, .ring = header_slot_bytes, .open_rc = P},
    /* the reply */
    {.name = "opened too long", .fd_count = 2, .body_off = 8, .open_rc = P},
    {.name = "another reply", .fd_count = 2, .type = WIRE_STATUS_REPLY, .open_rc = P},
    {.name = "unknown reply", .fd_count = 2, .type = 9999, .open_rc = P},
    {.name = "error that cannot be read", .type = WIRE_ERROR, .open_rc = P},
    {.name = "no height", .fd_count = 2, .opened = no_height, .open_rc = P},
    {.name = "huge height", .fd_count = 2, .opened = huge_height, .open_rc = P},
    {.name = "other width", .fd_count = 2, .opened = other_width, .open_rc = P},
    {.name = "no channels", .fd_count = 2, .opened = no_channels, .open_rc = P},
    {.name = "5 channels", .fd_count = 2, .opened = many_channels, .open_rc = P},
    {.name = "2 channels to 1", .fd_count = 2, .opened = other_channels, .open_rc = P},
    {.name = "sample bytes", .fd_count = 2, .opened = wrong_sample_bytes, .open_rc = P},
    {.name = "huge sample bytes", .fd_count = 2, .opened = huge_sample_bytes, .open_rc = P},
    {.name = "no batch", .fd_count = 2, .opened = no_batch, .open_rc = P},
    {.name = "huge batch", .fd_count = 2, .opened = huge_batch, .open_rc = P},
    {.name = "larger batches", .fd_count = 2, .opened = other_batch, .open_rc = P},
    {.name = "no steps", .fd_count = 2, .opened = no_steps, .open_rc = P},
    {.name = "2^64 - 1 steps", .fd_count = 2, .opened = many_steps, .open_rc = P},
    {.name = "one step more", .fd_count = 2, .opened = step_too_many, .open_rc = P},
    {.name = "no samples", .fd_count = 2, .opened = no_samples, .open_rc = P},
    {.name = "2^64 - 1 samples", .fd_count = 2, .opened = huge_samples, .open_rc = P},
    {.name = "step behind the last", .fd_count = 2, .opened = step_behind, .open_rc = P},
    {.name = "epoch behind the last", .fd_count = 2, .opened = epoch_behind, .open_rc = P},
    {.name = "no slots", .fd_count = 2, .opened = no_slots, .open_rc = P},
    {.name = "one slot more", .fd_count = 2, .opened = one_slot_more, .open_rc = P},
    {.name = "2^32 - 1 slots", .fd_count = 2, .opened = many_slots, .open_rc = P},
    {.name = "floats in bytes", .is_inline = true, .opened = floats_as_bytes, .open_rc = P},
    {.name = "float flag 2", .is_inline = true, .opened = float_flag, .open_rc = P},
    {.name = "rows unasked", .fd_count = 2, .opened = rows_unasked, .open_rc = FMNIST_EINVAL},
    {.name = "rows of 4,097", .fd_count = 2, .opened = huge_rows, .open_rc = P},
    {.name = "inline: endless rows", .is_inline = true, .opened = endless_rows, .open_rc = P},
    {.name = "inline: huge height", .is_inline = true, .opened = huge_height, .open_rc = P},
    {.name = "inline: huge batch", .is_inline = true, .opened = huge_batch, .open_rc = P},
    {.name = "inline: no batch", .is_inline = true, .opened = no_batch, .open_rc = P},
    /* batches */
    {.name = "head beyond the ring", .fd_count = 2, .ring = head_far_beyond, .next_rc = P},
    {.name = "head at the end", .fd_count = 2, .ring = head_at_the_end, .next_rc = P},
    {.name = "batch's number", .fd_count = 2, .slot = wrong_number, .next_rc = P},
    {.name = "batch's epoch", .fd_count = 2, .slot = wrong_epoch, .next_rc = P},
    {.name = "batch's step", .fd_count = 2, .slot = wrong_step, .next_rc = P},
    {.name = "batch one short", .fd_count = 2, .slot = count_less, .next_rc = P},
    {.name = "batch one long", .fd_count = 2, .slot = count_more, .next_rc = P},
    {.name = "batch of 2^64 - 1", .fd_count = 2, .slot = count_huge, .next_rc = P},
    {.name = "inline: batch's number", .is_inline = true, .slot = wrong_number, .next_rc = P},
    {.name = "inline: batch's step", .is_inline = true, .slot = wrong_step, .next_rc = P},
    {.name = "inline: batch one long", .is_inline = true, .slot = count_more, .next_rc = P},
    {.name = "inline: batch of 2^64 - 1", .is_inline = true, .slot = count_huge, .next_rc = P},
    /* offers */
    {.name = "offer", .fd_count = 2, .offers = true, .offer_fd_count = 2},
    {.name = "offer: none", .fd_count = 2, .offers = true, .offer_fd_count = 0, .next_rc = P},
    {.name = "offer: one", .fd_count = 2, .offers = true, .offer_fd_count = 1, .next_rc = P},
    {.name = "offer: three", .fd_count = 2, .offers = true, .offer_fd_count = 3, .next_rc = P},
    {.name = "offer: longer body",
     .fd_count = 2,
     .offers = true,
     .offer_fd_count = 2,
     .offer_body_off = 8,
     .next_rc = P},
    {.name = "offer: larger ring",
     .fd_count = 2,
     .offers = true,
     .offer_fd_count = 2,
     .offer_slots_off = 1,
     .next_rc = P},
    {.name = "offer: another batch",
     .fd_count = 2,
     .offers = true,
     .offer_fd_count = 2,
     .slot = wrong_number,
     .next_rc = P},
    {.name = "inline: offer", .is_inline = true, .offers = true, .frame_off = 64, .next_rc = P},
    {.name = "inline: frame too long", .is_inline = true, .frame_off = 64, .next_rc = P},
};
#undef P

START_TEST(open_and_next__daemon_lies__eproto)
{
    const struct lie *lie = &lies[_i];
    struct fmnist_client *client = start_fake(lie);
    struct fmnist_spec spec = fake_spec(lie);
    struct fmnist_stream *stream;
    int rc = fmnist_open(client, &spec, NULL, &stream);
    ck_assert_msg(rc == lie->open_rc, "%s: open gives %d: %s", lie->name, rc, fmnist_error());
    if (rc == FMNIST_OK) {
        struct fmnist_batch b;
        rc = fmnist_next(stream, &b);
        ck_assert_msg(rc == lie->next_rc, "%s: next gives %d: %s", lie->name, rc, fmnist_error());
        if (rc == FMNIST_OK) {
            ck_assert_uint_eq(b.count, BATCH);
            ck_assert_int_eq(fmnist_release(stream, &b), FMNIST_OK);
        } else {
            ck_assert_ptr_null(b.images);
            /* A stream that broke its word does not go on. */
            ck_assert_int_ne(fmnist_next(stream, &b), FMNIST_OK);
        }
        fmnist_close(stream);
    } else {
        ck_assert_ptr_null(stream);
        ck_assert(fmnist_error()[0]);
    }
    stop_fake(client);
}
END_TEST

static struct fmnist_stream *open_fake(const struct lie *lie, uint32_t epochs,
                                       struct fmnist_client **client)
{
    *client = start_fake(lie);
    struct fmnist_spec spec = fake_spec(lie);
    spec.epochs = epochs;
    struct fmnist_stream *stream;
    ck_assert_msg(fmnist_open(*client, &spec, NULL, &stream) == FMNIST_OK, "%s", fmnist_error());
    return stream;
}

/* A batch has the length that it was checked to have, whatever its header says by then. */
START_TEST(next__count_changes_under_us__never_another)
{
    static const struct lie lie = {.fd_count = 2, .restless = true};
    for (int i = 0; i < 300; i++) {
        struct fmnist_client *client;
        struct fmnist_stream *stream = open_fake(&lie, 1, &client);
        struct fmnist_batch b;
        int rc = fmnist_next(stream, &b);
        ck_assert(rc == FMNIST_OK || rc == FMNIST_EPROTO);
        ck_assert_uint_eq(b.count, rc ? 0 : BATCH);
        fmnist_close(stream);
        stop_fake(client);
    }
}
END_TEST

static void check_inline_batch(struct fmnist_stream *stream, uint32_t number)
{
    struct fmnist_batch b;
    ck_assert_msg(fmnist_next(stream, &b) == FMNIST_OK, "%s", fmnist_error());
    ck_assert_uint_eq(b.step, number);
    ck_assert_uint_eq(b.count, BATCH);
    const uint8_t *images = b.images;
    for (int i = 0; i < BATCH * HEIGHT * WIDTH; i++)
        ck_assert_uint_eq(images[i], number + 1);
    ck_assert_int_eq(fmnist_release(stream, &b), FMNIST_OK);
}

/* One system call takes a batch and what is there of the next head. Wherever the bytes break, the
 * batches are the same, and what follows them is heard when its turn comes. */
START_TEST(next__inline_in_pieces__every_batch_and_what_follows)
{
    const struct lie lie = {.name = "pieces",
                            .is_inline = true,
                            .batches = 3,
                            .piece = (size_t)_i / 2 * 3 + 1,
                            .error_behind = _i % 2 ? FMNIST_EIO : 0};
    struct fmnist_client *client;
    struct fmnist_stream *stream = open_fake(&lie, 1, &client);
    for (uint32_t i = 0; i < lie.batches; i++)
        check_inline_batch(stream, i);
    struct fmnist_batch b;
    ck_assert_int_eq(fmnist_next(stream, &b), FMNIST_END_OF_EPOCH);
    ck_assert_int_eq(fmnist_next(stream, &b), FMNIST_END_OF_STREAM);
    fmnist_close(stream);
    stop_fake(client);
}
END_TEST

/* Of a later daemon: the text stays, and the program sees a code that it knows. */
#define UNKNOWN_CODE (FMNIST_EPERM - 1)

START_TEST(next__error_behind_a_batch__the_batch_and_then_the_error)
{
    const struct lie lie = {.name = "error behind",
                            .is_inline = true,
                            .batches = 2,
                            .piece = (size_t)_i,
                            .error_behind = _i % 2 ? FMNIST_EPERM : UNKNOWN_CODE};
    struct fmnist_client *client;
    struct fmnist_stream *stream = open_fake(&lie, 0, &client);
    for (uint32_t i = 0; i < lie.batches; i++)
        check_inline_batch(stream, i);
    struct fmnist_batch b;
    ck_assert_int_eq(fmnist_next(stream, &b), _i % 2 ? FMNIST_EPERM : FMNIST_EIO);
    ck_assert_str_eq(fmnist_error(), error_text);
    ck_assert_int_eq(fmnist_next(stream, &b), FMNIST_EDEAD);
    fmnist_close(stream);
    stop_fake(client);
}
END_TEST

/* Nothing that the daemon sends inline brings descriptors: none may stay open (the fixture counts).
 */
START_TEST(next__descriptors_behind_a_batch__eproto_and_closed)
{
    const struct lie lie = {.name = "fds behind", .is_inline = true, .fds_behind = true};
    struct fmnist_client *client;
    struct fmnist_stream *stream = open_fake(&lie, 0, &client);
    struct fmnist_batch b;
    int rc = fmnist_next(stream, &b); /* together with the batch, or behind it */
    if (rc == FMNIST_OK) {
        ck_assert_int_eq(fmnist_release(stream, &b), FMNIST_OK);
        rc = fmnist_next(stream, &b);
    }
    ck_assert_int_eq(rc, FMNIST_EPROTO);
    fmnist_close(stream);
    stop_fake(client);
}
END_TEST

/* ---- without a daemon's help --------------------------------------------------------------- */

/* A child that uses the parent's handles would take batches away from it. */
START_TEST(handles__in_a_forked_child__efork)
{
    struct fmnist_client *client = start_fake(&lies[0]);
    struct fmnist_spec spec = fake_spec(&lies[0]);
    struct fmnist_stream *stream;
    ck_assert_int_eq(fmnist_open(client, &spec, NULL, &stream), FMNIST_OK);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct fmnist_batch b;
        struct fmnist_stream *another;
        struct fmnist_datasets *list;
        struct fmnist_token token;
        char *json;
        bool ok = fmnist_next(stream, &b) == FMNIST_EFORK &&
                  strstr(fmnist_error(), "before fork()") &&
                  fmnist_stream_token(stream, &token) == FMNIST_EFORK &&
                  fmnist_open(client, &spec, NULL, &another) == FMNIST_EFORK &&
                  fmnist_datasets(client, &list) == FMNIST_EFORK &&
                  fmnist_status(client, &json) == FMNIST_EFORK;
        fmnist_close(stream);
        fmnist_disconnect(client);
        _exit(ok ? 0 : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    struct fmnist_batch b;
    ck_assert_msg(fmnist_next(stream, &b) == FMNIST_OK, "%s", fmnist_error());
    fmnist_close(stream);
    stop_fake(client);
}
END_TEST

START_TEST(spec_set__public__as_the_fields_say)
{
    struct fmnist_spec spec;
    fmnist_spec_init(&spec);
    char name[] = "mnist";
    ck_assert_int_eq(fmnist_spec_set(&spec, "dataset", name), FMNIST_OK);
    ck_assert_ptr_eq(spec.dataset, name);
    ck_assert_int_eq(fmnist_spec_set(&spec, "split", "test"), FMNIST_OK);
    ck_assert_str_eq(spec.split, "test");
    ck_assert_int_eq(fmnist_spec_set(&spec, "batch_size", "7"), FMNIST_OK);
    ck_assert_uint_eq(spec.batch_size, 7);
    ck_assert_int_eq(fmnist_spec_set(&spec, "std", "0.25,0.5"), FMNIST_OK);
    ck_assert_uint_eq(spec.std_count, 2);
    ck_assert(spec.std[1] == 0.5f);
    const char *chain = "random-horizontal-flip";
    ck_assert_int_eq(fmnist_spec_set(&spec, "augment", chain), FMNIST_OK);
    ck_assert_ptr_eq(spec.augment, chain);
    ck_assert_int_eq(fmnist_spec_set(&spec, "draws", "caller"), FMNIST_OK);
    ck_assert_uint_eq(spec.draws, FMNIST_DRAWS_CALLER);

    struct fmnist_spec before = spec;
    ck_assert_int_eq(fmnist_spec_set(&spec, "order", "random"), FMNIST_EINVAL);
    ck_assert_ptr_nonnull(strstr(fmnist_error(), "torch-loader"));
    ck_assert_int_eq(fmnist_spec_set(&spec, "colour", "red"), FMNIST_EINVAL);
    ck_assert_int_eq(fmnist_spec_set(&spec, "seed", NULL), FMNIST_EINVAL);
    ck_assert_int_eq(fmnist_spec_set(&spec, NULL, "1"), FMNIST_EINVAL);
    ck_assert_int_eq(fmnist_spec_set(NULL, "seed", "1"), FMNIST_EINVAL);
    ck_assert_mem_eq(&spec, &before, sizeof spec);
    spec.size = offsetof(struct fmnist_spec, list_batch_count); /* less than any header had */
    ck_assert_int_eq(fmnist_spec_set(&spec, "seed", "1"), FMNIST_EINVAL);
    ck_assert_ptr_nonnull(strstr(fmnist_error(), "fmnist_spec_init"));
}
END_TEST

/* Where there is no daemon, the text says which path was tried and what to do. */
START_TEST(connect__wrong_socket_variable__said_with_the_path)
{
    char long_path[200];
    memset(long_path, 'x', sizeof long_path);
    long_path[0] = '/';
    long_path[sizeof long_path - 1] = 0;
    const struct {
        const char *value;
        int rc;
        const char *says;
    } values[] = {
        {"/nonexistent/s", FMNIST_ECONNECT, "/nonexistent/s"},
        {"/dev/null", FMNIST_ECONNECT, "/dev/null"},
        {"/", FMNIST_ECONNECT, "no daemon at /"},
        {"not a path\n \x01\xff", FMNIST_ECONNECT, "no daemon at"},
        {long_path, FMNIST_EINVAL, "at most 107"},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        snprintf(socket_variable, sizeof socket_variable, "FMNIST_SOCKET=%s", values[i].value);
        struct fmnist_client *client;
        int rc = fmnist_connect(NULL, &client);
        ck_assert_msg(rc == values[i].rc, "%s: %d %s", values[i].value, rc, fmnist_error());
        ck_assert_msg(strstr(fmnist_error(), values[i].says) != NULL, "%s", fmnist_error());
        ck_assert(!strpbrk(fmnist_error(), "\n\r\x01\x1b"));
    }
}
END_TEST

/* A program that tells others where it found its daemon need not know where the library looks. */
START_TEST(client_socket__said_or_found__where_it_is_connected)
{
    struct fmnist_client *client = start_fake(&lies[0]);
    ck_assert_str_eq(fmnist_client_socket(client), fake.path);
    stop_fake(client);
    listen_fake(&lies[0]);
    snprintf(socket_variable, sizeof socket_variable, "FMNIST_SOCKET=%s", fake.path);
    client = connect_to(NULL);
    ck_assert_str_eq(fmnist_client_socket(client), fake.path);
    stop_fake(client);
}
END_TEST

int main(void)
{
    putenv(socket_variable);
    Suite *suite = suite_create("client/client");
    TCase *tc = tcase_create("client");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, open_and_next__daemon_lies__eproto, 0,
                        (int)(sizeof lies / sizeof *lies));
    tcase_add_test(tc, next__count_changes_under_us__never_another);
    tcase_add_loop_test(tc, next__inline_in_pieces__every_batch_and_what_follows, 0, 300);
    tcase_add_loop_test(tc, next__error_behind_a_batch__the_batch_and_then_the_error, 0, 12);
    tcase_add_test(tc, next__descriptors_behind_a_batch__eproto_and_closed);
    tcase_add_test(tc, handles__in_a_forked_child__efork);
    tcase_add_test(tc, spec_set__public__as_the_fields_say);
    tcase_add_test(tc, connect__wrong_socket_variable__said_with_the_path);
    tcase_add_test(tc, client_socket__said_or_found__where_it_is_connected);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
