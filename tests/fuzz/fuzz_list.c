/* SPDX-License-Identifier: MIT */
/* A list on its way: any numbers, lengths and draws, in frames that are cut anywhere, with a digest
 * that is theirs or not. It is refused, or the stream's batches have exactly its indices. */
#include "fuzz/daemon.h"

#include "base/bytes.h"
#include "ring/slot.h"
#include "spec/list.h"
#include "wire/socket.h"

enum { NUMBERS_MAX = 64, BATCHES_MAX = 8 };

static struct upload_of {
    uint32_t numbers[NUMBERS_MAX + BATCHES_MAX];
    uint32_t count, batch_count;
    bool is_as_said; /* the stream is of this list from its begin */
} list;

/* The input's: numbers that the split has, mostly; lengths that add up, or do not. */
static void make_list(struct input *in)
{
    uint8_t how = input_u8(in);
    list.count = 1 + input_u8(in) % NUMBERS_MAX;
    list.batch_count = how & 1 ? 1 + input_u8(in) % BATCHES_MAX : 0;
    for (uint32_t i = 0; i < list.count; i++)
        list.numbers[i] = how & 2 ? input_u16(in) : input_u8(in);
    uint32_t left = list.count, *lengths = list.numbers + list.count;
    for (uint32_t i = 0; i < list.batch_count; i++) {
        bool last = i + 1 == list.batch_count && how & 4;
        lengths[i] = last ? left : 1u + input_u8(in) % 16;
        left -= lengths[i];
    }
}

static void ask(int fd, struct input *in)
{
    struct wire_open m = {.at_token = false};
    uint8_t body[WIRE_OPEN_MAX], how = input_u8(in);
    struct list all = {list.numbers, list.count, NULL, list.batch_count, NULL, 0};
    if (list.batch_count)
        all.lengths = list.numbers + list.count;
    fake_spec(&m.spec);
    m.spec.transport = FMNIST_INLINE;
    m.spec.epochs = 1;
    m.spec.list_count = list.count;
    m.spec.list_batch_count = list.batch_count;
    if (list.batch_count)
        m.spec.batch_size = 1 + input_u8(in) % 16;
    list_digest(&all, m.spec.list_digest);
    m.spec.list_digest[0] ^= how % 4 == 3;
    size_t size = wire_put_open(body, &m);
    list.is_as_said = !(how & 4);
    if (!list.is_as_said) /* more or fewer than will come, say */
        put_le32(body + input_u16(in) % (WIRE_OPEN_SIZE / 4) * 4, input_u8(in));
    say(fd, WIRE_OPEN, body, size);
}

/* The list's bytes as frames of lengths that the input says, sent in pieces that it says. */
static void send_list(int fd, struct input *in)
{
    static uint8_t bytes[(NUMBERS_MAX + BATCHES_MAX) * (4 + WIRE_HEAD_SIZE) + 4096];
    size_t total = (list.count + list.batch_count) * 4, used = 0;
    const uint8_t *from = (const uint8_t *)list.numbers;
    for (size_t at = 0; at < total;) {
        uint8_t how = input_u8(in);
        size_t n = how % 8 ? how / 8 * 4 + 4 : how; /* 0 or 8, 16, ...: often no frame of a list */
        n = n < total - at ? n : total - at;
        wire_put_head(bytes + used, WIRE_LIST, (uint32_t)n + (how == 1));
        memcpy(bytes + used + WIRE_HEAD_SIZE, from + at, n);
        used += WIRE_HEAD_SIZE + n;
        at += n ? n : total;
    }
    for (size_t sent = 0; sent < used;) {
        size_t n = in->left ? 1u + input_u8(in) : used;
        n = n < used - sent ? n : used - sent;
        if (send(fd, bytes + sent, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
            break;
        sent += n;
        here_run();
    }
}

static bool take(int fd, void *data, size_t size)
{
    for (size_t have = 0, idle = 0; have < size && idle < 20000;) {
        ssize_t n = recv(fd, (char *)data + have, size - have, MSG_DONTWAIT);
        if (n == 0)
            return false;
        if (n < 0) {
            here_run();
            usleep(50);
            idle++;
        } else {
            have += (size_t)n;
        }
        if (have == size)
            return true;
    }
    return size == 0;
}

/* The first batch has the list's first indices, and their labels. */
static void check_batch(const uint8_t *body)
{
    struct slot_header h;
    struct slot_layout l;
    memcpy(&h, body, sizeof h);
    ck_assert(h.count >= 1 && h.count <= list.count && h.number == 0);
    slot_layout_init(&l, h.count, &(struct slot_sample){.bytes = FAKE_SIDE * FAKE_SIDE});
    for (uint64_t i = 0; i < h.count; i++) {
        uint32_t index;
        memcpy(&index, body + l.indices_at + 4 * i, sizeof index);
        ck_assert_uint_eq(index, list.numbers[i]);
    }
}

/* Reads what the daemon says until the first batch, the list's request, or its end. */
static uint16_t hear(int fd)
{
    static uint8_t body[1 << 16];
    uint8_t head[WIRE_HEAD_SIZE];
    struct wire_head h;
    while (take(fd, head, sizeof head)) {
        ck_assert_int_eq(wire_get_head(&h, head, NULL), 0);
        ck_assert(h.body_bytes <= sizeof body);
        if (!take(fd, body, h.body_bytes))
            return 0;
        if (h.type == WIRE_BATCH && list.is_as_said)
            check_batch(body);
        if (h.type == WIRE_BATCH || h.type == WIRE_WANT_LIST || h.type == WIRE_ERROR)
            return h.type;
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    here_begin();
    here_limit(10000);
    make_list(&in);
    int fd = here_connect(1);
    say_hello(fd);
    ask(fd, &in);
    here_settle();
    uint16_t heard = hear(fd);
    if (heard == WIRE_WANT_LIST) {
        send_list(fd, &in);
        here_settle();
        if (here.sessions.first && here.sessions.first->state != SESSION_UPLOADING)
            hear(fd);
    }
    close(fd);
    here_clear();
    return 0;
}
