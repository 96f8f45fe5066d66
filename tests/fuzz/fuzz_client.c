/* SPDX-License-Identifier: MIT */
/* A hostile daemon, seen by the library: its calls end, with a code, and read nothing outside of
 * what they were sent. All that the daemon says is said before the library asks, and then it hangs
 * up: so no thread is needed, and no call waits.
 *
 * The input: how the library is used, then what the daemon sends, piece by piece.
 */
#include "base/bytes.h"
#include "base/io.h"
#include "fmnist.h"
#include "fuzz/fuzz.h"
#include "ring/ring.h"
#include "wire/message.h"
#include "wire/socket.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEIGHT = 4, WIDTH = 4, BATCH = 8, SLOTS = 4, STEPS = 3, LIST = 20, MEMORY_MAX = 1 << 20 };

static struct input said; /* what is left for the next connection */
static bool is_inline;

/* ---- what the daemon sends ----------------------------------------------------------------- */

static void send_bytes(int fd, const void *data, size_t size, const int *fds, size_t fd_count)
{
    struct iovec part = {(void *)data, size};
    if (fd_count)
        socket_send_fds(fd, data, size, fds, fd_count);
    else if (size)
        socket_send(fd, &part, 1);
}

static void send_frame(int fd, uint16_t type, const void *body, uint32_t size, const int *fds,
                       size_t fd_count)
{
    static uint8_t frame[WIRE_HEAD_SIZE + (1 << 16)];
    assert(size <= 1 << 16);
    wire_put_head(frame, type, size);
    memcpy(frame + WIRE_HEAD_SIZE, body, size);
    send_bytes(fd, frame, WIRE_HEAD_SIZE + size, fds, fd_count);
}

/* Overwrites some words; of each the input says the place and the value. */
static void patch(struct input *in, uint8_t *bytes, size_t size)
{
    for (uint8_t n = input_u8(in) % 4; n > 0; n--) {
        size_t at = input_u16(in) % (size / 4) * 4;
        put_le32(bytes + at, input_u32(in));
    }
}

static struct wire_opened honest_opened(void)
{
    return (struct wire_opened){
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
}

/* A ring for what the daemon says of it: two batches are published, but for what the input changes
 * of the header and the slots. Its size is right, or a byte too many; it is sealed, or not. */
static int make_ring(struct input *in, const struct wire_opened *m)
{
    const struct slot_sample sample = {m->sample_bytes, m->label_count};
    struct slot_layout l;
    uint8_t how = input_u8(in);
    if (!slot_layout_init(&l, m->batch_size, &sample) || l.bytes > MEMORY_MAX ||
        m->slot_count == 0 || m->slot_count > SLOTS * 2)
        return -1;
    size_t size = RING_HEADER_SIZE + l.bytes * m->slot_count;
    uint8_t *bytes = calloc(1, size + 4);
    assert(bytes);
    struct ring_header *h = (struct ring_header *)bytes;
    h->magic = RING_MAGIC;
    h->slot_count = m->slot_count;
    h->slot_bytes = l.bytes;
    h->readers = how >> 2 & 3;
    h->head = 2;
    for (uint16_t i = 0; i < m->slot_count; i++) {
        struct slot_header *slot = (struct slot_header *)(bytes + RING_HEADER_SIZE + i * l.bytes);
        h->slot_of[i] = i;
        slot->number = slot->step = i;
        slot->count = m->batch_size;
    }
    patch(in, bytes, size);
    int fd = memfd_create("ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ssize_t n = write(fd, bytes, size + (how & 1));
    assert(n == (ssize_t)(size + (how & 1)));
    if (!(how & 2))
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK);
    free(bytes);
    return fd;
}

static int make_seat(struct input *in)
{
    uint8_t bytes[RING_SEAT_SIZE] = {0};
    put_le64(bytes + offsetof(struct ring_seat_page, wake_at), UINT64_MAX);
    patch(in, bytes, 128);
    int fd = memfd_create("seat", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ssize_t n = write(fd, bytes, sizeof bytes);
    assert(n == sizeof bytes);
    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK);
    return fd;
}

/* A frame with a ring and a seat, or with another number of descriptors. */
static void send_memory(int fd, struct input *in, const struct wire_opened *m, uint16_t type,
                        const void *body, uint32_t size)
{
    static const uint8_t counts[] = {2, 2, 2, 2, 0, 1, 3, 4};
    uint8_t how = input_u8(in);
    int fds[4] = {make_ring(in, m), make_seat(in), -1, -1};
    if (fds[0] < 0)
        fds[0] = fcntl(fds[1], F_DUPFD_CLOEXEC, 0);
    fds[2] = fcntl(fds[0], F_DUPFD_CLOEXEC, 0);
    fds[3] = fcntl(fds[1], F_DUPFD_CLOEXEC, 0);
    size_t count = is_inline ? 0 : counts[how % 8];
    if (how & 128)
        count = 2 - count % 3;
    send_frame(fd, type, body, size, fds + (how >> 6 & 1), count < 3 ? count : 3);
    for (int i = 0; i < 4; i++)
        fd_close(&fds[i]);
}

static struct wire_opened opened; /* what the daemon said last */

static void send_opened(int fd, struct input *in)
{
    uint8_t body[WIRE_OPENED_SIZE];
    opened = honest_opened();
    wire_put_opened(body, &opened);
    patch(in, body, sizeof body);
    wire_get_opened(&opened, body, sizeof body, NULL);
    /* Batches of gigabytes are asked of the system as they are said: nothing is wrong with that. */
    const struct slot_sample sample = {opened.sample_bytes, opened.label_count};
    struct slot_layout l;
    uint64_t image = (uint64_t)opened.height * opened.width;
    if (slot_layout_init(&l, opened.batch_size, &sample) &&
        (l.bytes > MEMORY_MAX || image > MEMORY_MAX))
        return;
    send_memory(fd, in, &opened, WIRE_OPENED, body, sizeof body);
}

static void send_batch(int fd, struct input *in)
{
    uint8_t body[1024] = {0};
    struct slot_layout l;
    struct slot_header *h = (struct slot_header *)body;
    uint8_t n = input_u8(in);
    slot_layout_init(&l, BATCH, &(struct slot_sample){HEIGHT * WIDTH, opened.label_count});
    h->number = h->step = n % STEPS;
    h->count = BATCH;
    patch(in, body, 256);
    send_frame(fd, WIRE_BATCH, body, (uint32_t)l.bytes + (n >= 128), NULL, 0);
}

static void send_any(int fd, struct input *in, bool framed)
{
    uint8_t bytes[256], type = input_u8(in), size = input_u8(in);
    input_bytes(in, bytes, size);
    if (framed)
        send_frame(fd, type, bytes, size, NULL, 0);
    else
        send_bytes(fd, bytes, size, NULL, 0);
}

/* Returns whether the daemon says more on this connection. */
static bool send_piece(int fd, struct input *in)
{
    static const uint8_t welcome[9] = {WIRE_VERSION, 0, 0, 0, 1, 0, 0, 0, '0'};
    uint8_t body[8];
    switch (input_u8(in) % 9) {
    case 0:
        return false;
    case 1:
        send_any(fd, in, false);
        break;
    case 2:
        send_any(fd, in, true);
        break;
    case 3:
        send_frame(fd, WIRE_WELCOME, welcome, sizeof welcome, NULL, 0);
        break;
    case 4:
        send_opened(fd, in);
        break;
    case 5:
        send_batch(fd, in);
        break;
    case 6:
        input_bytes(in, body, sizeof body);
        send_memory(fd, in, &opened, WIRE_OFFER, body, sizeof body);
        break;
    case 7:
        send_frame(fd, WIRE_WANT_LIST, body, 0, NULL, 0);
        break;
    case 8:
        send_any(fd, in, true);
        send_any(fd, in, false);
        break;
    }
    return in->left > 0;
}

/* In the place of libc's: the other end of every connection is the input. */
int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t size)
{
    int ends[2];
    if (!said.left) {
        errno = ECONNREFUSED;
        return -1;
    }
    int rc = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends);
    assert(rc == 0);
    rc = dup3(ends[0], fd, O_CLOEXEC);
    assert(rc == fd);
    close(ends[0]);
    while (send_piece(ends[1], &said))
        ;
    shutdown(ends[1], SHUT_WR);
    close(ends[1]);
    return 0;
}

/* ---- how the library is used --------------------------------------------------------------- */

static void take_batches(struct fmnist_stream *stream, uint8_t how)
{
    struct fmnist_batch b[2];
    struct fmnist_stream_info info = {.size = sizeof info};
    struct fmnist_token token;
    uint8_t into_images[4096];
    struct fmnist_into into = {
        .size = sizeof into, .images = into_images, .images_bytes = sizeof into_images};
    int rc = fmnist_stream_info(stream, &info);
    assert(rc == FMNIST_OK);
    volatile uint8_t sum = 0;
    for (int i = 0; i < 6; i++) {
        bool own = how & 1 && i % 2;
        rc = own ? fmnist_next_into(stream, &into, &b[i % 2]) : fmnist_next(stream, &b[i % 2]);
        if (rc < 0)
            return;
        if (rc != FMNIST_OK || own)
            continue;
        for (size_t k = 0; k < b[i % 2].count * info.image_bytes; k++)
            sum = (uint8_t)(sum + ((const uint8_t *)b[i % 2].images)[k]);
        for (size_t k = 0; k < b[i % 2].count * info.label_bytes; k++)
            sum = (uint8_t)(sum + ((const uint8_t *)b[i % 2].labels)[k]);
        if (i % 2 || how & 2)
            fmnist_release(stream, &b[i % 2]);
    }
    fmnist_stream_token(stream, &token);
    fmnist_wait(stream, 0);
}

static void use_stream(struct fmnist_client *client, uint8_t how)
{
    static const uint32_t list[LIST] = {3, 1, 4, 1, 5};
    static const uint32_t lengths[STEPS] = {8, 8, 4};
    struct fmnist_spec spec;
    struct fmnist_stream *stream;
    fmnist_spec_init(&spec);
    spec.batch_size = BATCH;
    spec.dtype = how & 4 ? FMNIST_FLOAT32 : FMNIST_UINT8;
    spec.transport = is_inline ? FMNIST_INLINE : FMNIST_SHM;
    spec.label_count = FMNIST_LABELS_ANY;
    if (how & 8) {
        spec.list = list;
        spec.list_count = LIST;
    }
    if (how & 16) {
        spec.list_batches = lengths;
        spec.list_batch_count = STEPS;
    }
    if (how & 32)
        spec.augment = "random-horizontal-flip";
    if (fmnist_open(client, &spec, NULL, &stream))
        return;
    take_batches(stream, how);
    fmnist_close(stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fmnist_client *client;
    struct fmnist_datasets *datasets;
    char *text;
    said = (struct input){data, size};
    uint8_t what = input_u8(&said), how = input_u8(&said);
    is_inline = what & 1;
    opened = honest_opened();
    struct fmnist_connect_options o = {
        .size = sizeof o, .socket = "/nowhere", .timeout_ms = 2, .reconnect_ms = what & 2 ? 1 : -1};
    if (fmnist_connect(&o, &client))
        return 0;
    if (what & 4 && fmnist_datasets(client, &datasets) == FMNIST_OK)
        fmnist_datasets_free(datasets);
    if (what & 8 && fmnist_status(client, &text) == FMNIST_OK)
        free(text);
    if (what & 16 && fmnist_reload(client, &text) == FMNIST_OK)
        free(text);
    use_stream(client, how);
    fmnist_disconnect(client);
    return 0;
}
