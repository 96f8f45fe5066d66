/* SPDX-License-Identifier: MIT */
/* Sessions, whole: up to three clients of two users say whatever they like, in frames and in bytes,
 * send descriptors, write into their pages, hang up in part and whole, while jobs run in a pool.
 * The input is a list of what they do. Whatever that is, the daemon's invariants hold, and
 * afterwards all is given back.
 */
#include "fuzz/daemon.h"

#include "base/bytes.h"
#include "wire/socket.h"

#include <sys/mman.h>

enum { CLIENTS = 3, DEEDS_MAX = 100, RING_BYTES_MAX = 1 << 17 };

static struct peer {
    int fd; /* -1: hung up */
    uid_t uid;
    struct ring_header *ring; /* as the daemon sent it last; NULL: it did not */
    struct ring_seat_page *seat;
} peers[CLIENTS];

static void unmap(struct peer *p)
{
    if (p->ring)
        munmap(p->ring, RING_HEADER_SIZE);
    if (p->seat)
        munmap(p->seat, RING_SEAT_SIZE);
    p->ring = NULL;
    p->seat = NULL;
}

static void hang_up(struct peer *p)
{
    unmap(p);
    fd_close(&p->fd);
}

static void connect_again(struct peer *p, uid_t uid)
{
    hang_up(p);
    p->uid = uid;
    p->fd = here_connect(uid);
}

/* Reads so many bytes at most, and maps the ring and the seat that came with them. */
static void listen_to(struct peer *p, size_t bytes)
{
    static uint8_t heard[1 << 16];
    int fds[4] = {-1, -1, -1, -1};
    size_t count = 4;
    ssize_t n = socket_receive_fds(p->fd, heard, bytes ? bytes : sizeof heard, fds, &count);
    if (n >= 0 && count) {
        ck_assert_uint_eq(count, 2);
        unmap(p);
        void *ring = mmap(NULL, RING_HEADER_SIZE, PROT_READ, MAP_SHARED, fds[0], 0);
        void *seat = mmap(NULL, RING_SEAT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fds[1], 0);
        ck_assert(ring != MAP_FAILED && seat != MAP_FAILED);
        p->ring = ring;
        p->seat = seat;
    }
    for (int i = 0; i < 4; i++)
        fd_close(&fds[i]);
}

/* An open request, right but for some words. */
static void ask_open(struct peer *p, struct input *in)
{
    struct wire_open m = {.at_token = false};
    uint8_t body[WIRE_OPEN_MAX], how = input_u8(in);
    fake_spec(&m.spec);
    m.spec.transport = how & 1 ? FMNIST_INLINE : FMNIST_SHM;
    m.spec.order = how & 2 ? FMNIST_ORDER_SHUFFLE : FMNIST_ORDER_SEQUENTIAL;
    m.spec.epochs = how & 4 ? 1 : 0;
    m.spec.list_count = how & 8 ? 5 : 0;
    if (how & 64) /* any text: cut where it ends */
        input_bytes(in, m.spec.select, input_u8(in));
    size_t size = wire_put_open(body, &m);
    for (uint8_t n = how >> 4 & 3; n > 0; n--)
        put_le32(body + input_u16(in) % (WIRE_OPEN_SIZE / 4) * 4, input_u32(in));
    say(p->fd, WIRE_OPEN, body, size);
}

static void say_any(struct peer *p, struct input *in, bool framed)
{
    uint8_t bytes[256], type = input_u8(in) % 16, size = input_u8(in);
    input_bytes(in, bytes, size);
    if (framed)
        say(p->fd, type, bytes, size);
    else if (size)
        send(p->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void say_list(struct peer *p, struct input *in)
{
    uint32_t numbers[32] = {0}, n = input_u8(in) % 33;
    for (uint32_t i = 0; i < n; i++)
        numbers[i] = input_u8(in);
    say(p->fd, WIRE_LIST, numbers, n * 4);
}

static void send_descriptors(struct peer *p, uint8_t count)
{
    int fds[4] = {p->fd, p->fd, STDERR_FILENO, p->fd};
    uint8_t head[WIRE_HEAD_SIZE];
    wire_put_head(head, WIRE_KICK, 0);
    socket_send_fds(p->fd, head, sizeof head, fds, 1 + count % 4);
}

static void write_page(struct peer *p, struct input *in)
{
    uint8_t how = input_u8(in);
    if (!p->seat)
        return;
    uint64_t head = atomic_load(&p->ring->head), value = input_u64(in);
    _Atomic uint64_t *words = (_Atomic uint64_t *)p->seat;
    atomic_store(&words[how / 4 % 10], how % 4 == 0   ? value
                                       : how % 4 == 1 ? head
                                       : how % 4 == 2 ? head + (int8_t)value
                                                      : 1);
}

static void give_all_back(struct peer *p)
{
    if (p->seat)
        atomic_store(&p->seat->tail, atomic_load(&p->ring->head));
}

static void act(struct input *in)
{
    static const uint16_t plain[] = {WIRE_DATASETS, WIRE_STATUS, WIRE_RELOAD, WIRE_KICK};
    uint8_t what = input_u8(in), more = what / 16;
    struct peer *p = &peers[more % CLIENTS];
    uint8_t body[4];
    if (p->fd < 0 && what % 16 < 12)
        connect_again(p, p->uid);
    switch (what % 16) {
    case 0:
    case 1:
        say_any(p, in, what % 16);
        break;
    case 2:
        say_hello(p->fd);
        break;
    case 3:
    case 4:
        ask_open(p, in);
        break;
    case 5:
        say(p->fd, plain[input_u8(in) % 4], NULL, 0);
        break;
    case 6:
        say(p->fd, WIRE_KICK, NULL, 0);
        break;
    case 7:
        put_le32(body, input_u8(in));
        say(p->fd, WIRE_LEAVE, body, sizeof body);
        break;
    case 8:
        say_list(p, in);
        break;
    case 9:
        write_page(p, in);
        break;
    case 10:
        send_descriptors(p, input_u8(in));
        break;
    case 11:
        shutdown(p->fd, input_u8(in) % 3);
        break;
    case 12:
        hang_up(p);
        break;
    case 13:
        here_settle();
        break;
    case 14:
        here_run();
        if (p->fd >= 0)
            listen_to(p, input_u8(in));
        give_all_back(p);
        break;
    case 15:
        connect_again(p, input_u8(in) % 2);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    here_begin();
    here_limit(input_u8(&in) % 8 ? 10000 : 1);
    for (int i = 0; i < CLIENTS; i++)
        peers[i] = (struct peer){.fd = -1, .uid = (uid_t)i % 2};
    for (int i = 0; i < DEEDS_MAX && in.left; i++)
        act(&in);
    here_run();
    for (int i = 0; i < CLIENTS; i++)
        hang_up(&peers[i]);
    here_clear();
    return 0;
}
