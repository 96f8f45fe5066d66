/* Reading a stream: positions, held batches, delivery. What differs between the transports is
 * behind arrive(): batch `number` lies at s->parts afterwards, as it travelled.
 *
 * Invariant: tail <= number <= tail + slot_count; batches tail .. number - 1 are handed out, those
 * with held[n % slot_count] still held. tail moves over the released ones, in order. */
#include "client/client.h"
#include "client/spec_public.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/io.h"
#include "pixels/convert.h"
#include "ring/ring.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define NAP_MS       100u /* the longest sleep before a look at the socket: well under 250 ms */
#define INLINE_SLOTS 2u
#define SLOTS_MAX    65536u

/* One batch as it arrived, and the memory of an inline one. */
struct parts {
    const struct slot_header *header;
    const void *images, *labels;
    const int64_t *indices;
};

struct inline_slot {
    void *arrived;   /* owned: the frame's body */
    void *converted; /* owned: images in final form */
};

struct fmnist_stream {
    struct connection connection;
    struct fork_guard guard;
    struct spec spec;
    struct wire_opened facts;
    uint64_t image_bytes; /* delivered */
    uint32_t label_bytes;
    uint64_t end_epoch; /* the first epoch that is not delivered */
    /* position */
    uint64_t number; /* of the next batch, in the ring's counting */
    uint64_t epoch, step;
    /* held batches */
    uint64_t tail;
    uint32_t slot_count;
    bool *held; /* [slot_count] */
    /* transport */
    struct ring_view view;            /* shm: the ring that batches come from */
    struct ring_view left;            /* shm: the one before, while batches of it are held */
    uint64_t left_at;                 /* they are those before this number */
    struct slot_layout layout;        /* shm */
    struct convert_plan *convert;     /* inline */
    struct inline_slot *inline_slots; /* inline: [slot_count] */
};

/* ---- opening ------------------------------------------------------------------------------- */

/* Everything that sizes are computed from later is checked here, once. */
static int check_facts(const struct fmnist_stream *s)
{
    const struct wire_opened *f = &s->facts;
    bool is_inline = s->spec.transport == FMNIST_INLINE;
    uint64_t pixels = (uint64_t)f->height * f->width;
    uint64_t want = is_inline ? pixels * f->in_channels * (f->float_samples ? 4 : 1)
                              : pixels * f->channels * dtype_bytes(s->spec.dtype);
    bool ok = f->height && f->width && f->height <= SPEC_SIDE_MAX * 16 &&
              f->width <= SPEC_SIDE_MAX * 16 && f->channels && f->in_channels &&
              f->channels <= FMNIST_CHANNELS_MAX && f->in_channels <= FMNIST_CHANNELS_MAX &&
              (f->channels == f->in_channels || f->in_channels == 1) && f->float_samples <= 1 &&
              f->image_bytes == want && f->batch_size && f->batch_size <= SPEC_BATCH_MAX &&
              f->steps && f->sample_count && f->sample_count <= UINT32_MAX &&
              f->steps <= f->sample_count && (f->steps - 1) * f->batch_size < f->sample_count &&
              f->epoch <= SPEC_EPOCH_MAX + 1 && f->step < f->steps && f->slot_count &&
              f->slot_count <= SLOTS_MAX && !(f->float_samples && s->spec.dtype == FMNIST_UINT8);
    return ok ? FMNIST_OK : fail(FMNIST_EPROTO, "the daemon's description of the stream is wrong");
}

static int prepare_shm(struct fmnist_stream *s, const int fds[2])
{
    struct err e;
    int rc = ring_view_init(&s->view, fds[0], fds[1], s->slot_count, s->layout.bytes, &e);
    return rc ? fail_from(rc, &e) : FMNIST_OK;
}

/* The same conversion that the daemon's workers do for shared memory. */
static int prepare_inline(struct fmnist_stream *s)
{
    const struct wire_opened *f = &s->facts;
    const struct spec *spec = &s->spec;
    struct convert_shape shape = {
        .height = f->height,
        .width = f->width,
        .in_channels = f->in_channels,
        .channels = f->channels,
        .float_samples = f->float_samples,
        .dtype = spec->dtype,
        .layout = spec->layout,
        .normalise = spec->mean_count || spec->std_count,
    };
    for (uint32_t c = 0; c < f->channels; c++) {
        shape.mean[c] = spec->mean_count ? spec->mean[spec->mean_count == 1 ? 0 : c] : 0;
        shape.std[c] = spec->std_count ? spec->std[spec->std_count == 1 ? 0 : c] : 1;
    }
    s->convert = convert_plan_new(&shape);
    s->inline_slots = calloc(s->slot_count, sizeof *s->inline_slots);
    return s->convert && s->inline_slots ? FMNIST_OK : fail(FMNIST_ENOMEM, "out of memory");
}

static int prepare(struct fmnist_stream *s, const int *fds, size_t fd_count)
{
    bool is_inline = s->spec.transport == FMNIST_INLINE;
    if (fd_count != (is_inline ? 0 : 2))
        return fail(FMNIST_EPROTO,
                    "the daemon sent %zu descriptors, want %d (is RLIMIT_NOFILE "
                    "reached?)",
                    fd_count, is_inline ? 0 : 2);
    int rc = check_facts(s);
    if (rc)
        return rc;
    const struct wire_opened *f = &s->facts;
    s->label_bytes = dtype_bytes(s->spec.label_dtype);
    s->image_bytes = (uint64_t)f->height * f->width * f->channels * dtype_bytes(s->spec.dtype);
    s->slot_count = is_inline ? INLINE_SLOTS : f->slot_count;
    if (!slot_layout_init(&s->layout, f->batch_size, f->image_bytes, s->label_bytes))
        return fail(FMNIST_EPROTO, "the daemon announced batches of more than 4 GiB");
    s->held = calloc(s->slot_count, sizeof *s->held);
    if (!s->held)
        return fail(FMNIST_ENOMEM, "out of memory");
    return is_inline ? prepare_inline(s) : prepare_shm(s, fds);
}

static int ask(struct fmnist_stream *s, const struct wire_open *request)
{
    uint8_t body[WIRE_OPEN_SIZE], *reply;
    size_t size;
    int fds[2] = {-1, -1};
    size_t fd_count = 2;
    wire_put_open(body, request);
    int rc = connection_ask(&s->connection, WIRE_OPEN, body, sizeof body, WIRE_OPENED, &reply,
                            &size, fds, &fd_count);
    if (!rc) {
        struct err e;
        rc = wire_get_opened(&s->facts, reply, size, &e);
        free(reply);
        rc = rc ? fail_from(rc, &e) : prepare(s, fds, fd_count);
    }
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    return rc;
}

int fmnist_open(struct fmnist_client *client, const struct fmnist_spec *spec,
                const struct fmnist_token *token, struct fmnist_stream **stream)
{
    if (!client || !spec || !stream)
        return fail(FMNIST_EINVAL, "client, spec and stream: want no NULL");
    *stream = NULL;
    int rc = guard_check(&client->guard);
    struct wire_open request = {.at_token = token != NULL};
    struct err e;
    if (!rc)
        rc = spec_from_public(&request.spec, spec);
    if (rc)
        return rc;
    if (spec_check(&request.spec, &e))
        return fail(FMNIST_EINVAL, "%s", e.text);
    if (token && token_decode(&request.token, token, &e))
        return fail(FMNIST_ETOKEN, "%s", e.text);

    struct fmnist_stream *s = calloc(1, sizeof *s);
    if (!s)
        return fail(FMNIST_ENOMEM, "out of memory");
    s->connection.fd = -1;
    s->spec = request.spec;
    rc = fork_guard_init(&s->guard);
    if (!rc)
        rc = connection_open(&s->connection, client->path, client->connection.timeout_ms);
    if (!rc)
        rc = ask(s, &request);
    if (rc) {
        fmnist_close(s);
        return rc;
    }
    s->epoch = token ? request.token.epoch : s->facts.epoch;
    s->step = token ? request.token.step : s->facts.step;
    s->number = s->tail = s->epoch * s->facts.steps + s->step;
    s->end_epoch = s->spec.epochs ? s->spec.epoch + s->spec.epochs : SPEC_EPOCH_MAX + 1;
    *stream = s;
    return FMNIST_OK;
}

void fmnist_close(struct fmnist_stream *s)
{
    if (!s)
        return;
    ring_view_close(&s->view);
    ring_view_close(&s->left);
    connection_hang_up(&s->connection, &s->guard);
    fork_guard_close(&s->guard);
    convert_plan_free(s->convert);
    for (uint32_t i = 0; s->inline_slots && i < s->slot_count; i++) {
        free(s->inline_slots[i].arrived);
        free(s->inline_slots[i].converted);
    }
    free(s->inline_slots);
    free(s->held);
    free(s);
}

/* ---- arriving ------------------------------------------------------------------------------ */

static uint64_t batch_count(const struct fmnist_stream *s)
{
    uint64_t left = s->facts.sample_count - s->step * s->facts.batch_size;
    return left < s->facts.batch_size ? left : s->facts.batch_size;
}

/* Every batch says what it is; a wrong one ends the stream instead of training a model. */
static int check_batch(struct fmnist_stream *s, const struct slot_header *h)
{
    if (h->number == s->number && h->epoch == s->epoch && h->step == s->step &&
        h->count == batch_count(s))
        return FMNIST_OK;
    int rc =
        fail(FMNIST_EPROTO, "batch (%llu, %llu) of %llu samples came, want (%llu, %llu) of %llu",
             (unsigned long long)h->epoch, (unsigned long long)h->step,
             (unsigned long long)h->count, (unsigned long long)s->epoch,
             (unsigned long long)s->step, (unsigned long long)batch_count(s));
    connection_close(&s->connection);
    return rc;
}

static void set_parts(struct parts *p, const struct slot_header *h, const struct slot_layout *l)
{
    const char *at = (const char *)h;
    p->header = h;
    p->images = at + SLOT_IMAGES_AT;
    p->labels = at + l->labels_at;
    p->indices = (const int64_t *)(at + l->indices_at);
}

/* ---- going over to another ring ------------------------------------------------------------ */

static int send_leave(struct fmnist_stream *s, enum wire_leave which)
{
    uint8_t body[4];
    put_le32(body, which);
    return connection_send(&s->connection, WIRE_LEAVE, body, sizeof body);
}

/* Nothing of the ring before is held any more. */
static void leave_ring(struct fmnist_stream *s)
{
    ring_view_close(&s->left);
    send_leave(s, WIRE_LEAVE_OLD); /* a daemon that is gone is the next call's to tell */
}

/* Neighbours kept us waiting, so there is a ring of our own from batch `at` on. */
static int take_offer(struct fmnist_stream *s, uint64_t at, const int fds[2])
{
    if (s->left.header)
        return fail(FMNIST_EPROTO, "a ring was offered before the last one was left");
    if (at != s->number)
        return send_leave(s, WIRE_LEAVE_OFFERED);
    struct ring_view offered;
    struct err e;
    int rc = ring_view_init(&offered, fds[0], fds[1], s->slot_count, s->layout.bytes, &e);
    if (rc)
        return fail_from(rc, &e);
    s->left = s->view;
    s->left_at = at;
    s->view = offered;
    if (s->tail == at)
        leave_ring(s);
    return FMNIST_OK;
}

static int receive_offer(struct fmnist_stream *s, const struct wire_head *h, const int *fds,
                         size_t fd_count)
{
    uint8_t body[8];
    if (h->type != WIRE_OFFER || h->body_bytes != sizeof body || fd_count != 2)
        return fail(FMNIST_EPROTO, "frame of type %u with %u bytes is not expected", h->type,
                    h->body_bytes);
    int rc = connection_body(&s->connection, body, sizeof body);
    return rc ? rc : take_offer(s, get_le64(body), fds);
}

/* ---- arriving through shared memory -------------------------------------------------------- */

/* The ring gave nothing: does the daemon live, has it something to say? */
static int look_at_socket(struct fmnist_stream *s)
{
    if (s->connection.fd < 0)
        return fail(FMNIST_EDEAD, "the daemon closed the connection");
    struct pollfd p = {.fd = s->connection.fd, .events = POLLIN};
    bool closed = ring_view_closed(&s->view);
    if (poll(&p, 1, closed ? (int)NAP_MS : 0) <= 0)
        return FMNIST_OK;
    if (!closed && ring_view_ready(&s->view, s->number))
        return FMNIST_OK; /* published before the end: that is delivered first */
    struct wire_head h;
    int fds[2] = {-1, -1};
    size_t fd_count = 2;
    int rc = connection_head(&s->connection, NAP_MS, &h, fds, &fd_count);
    if (!rc)
        rc = receive_offer(s, &h, fds, fd_count);
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    if (rc)
        connection_close(&s->connection);
    return rc;
}

static bool is_there(const struct fmnist_stream *s)
{
    return ring_view_ready(&s->view, s->number) && !ring_view_closed(&s->view);
}

static int wait_for_batch(struct fmnist_stream *s)
{
    uint64_t deadline = clock_ns() + s->connection.timeout_ms * UINT64_C(1000000);
    while (!is_there(s)) {
        ring_view_announce(&s->view);
        /* Batches that we or our neighbours hold may keep the daemon from going on. */
        if (s->tail != s->number || ring_view_shared(&s->view))
            connection_send(&s->connection, WIRE_KICK, NULL, 0);
        ring_view_wait(&s->view, s->number, NAP_MS);
        if (is_there(s))
            break;
        int rc = look_at_socket(s);
        if (rc)
            return rc;
        if (clock_ns() >= deadline && !is_there(s))
            return fail(FMNIST_ETIMEDOUT, "no batch within %u ms", s->connection.timeout_ms);
    }
    return FMNIST_OK;
}

static int arrive_shm(struct fmnist_stream *s, struct parts *p)
{
    if (!is_there(s) && !(ring_view_spin(&s->view, s->number) && is_there(s))) {
        int rc = wait_for_batch(s);
        if (rc)
            return rc;
    }
    const struct slot_header *h = ring_view_slot(&s->view, s->number);
    set_parts(p, h, &s->layout);
    return check_batch(s, h);
}

/* ---- arriving on the socket ---------------------------------------------------------------- */

static int arrive_inline(struct fmnist_stream *s, struct parts *p)
{
    struct wire_head h;
    size_t none = 0;
    int rc = connection_head(&s->connection, s->connection.timeout_ms, &h, NULL, &none);
    if (rc == FMNIST_ETIMEDOUT)
        return rc;
    struct slot_layout layout;
    slot_layout_init(&layout, batch_count(s), s->facts.image_bytes, s->label_bytes);
    struct inline_slot *slot = &s->inline_slots[s->number % s->slot_count];
    if (!rc && (h.type != WIRE_BATCH || h.body_bytes != layout.bytes))
        rc = fail(FMNIST_EPROTO, "frame of type %u with %u bytes came, want a batch of %llu",
                  h.type, h.body_bytes, (unsigned long long)layout.bytes);
    if (!rc && !slot->arrived) {
        slot->arrived = aligned_alloc(64, s->layout.bytes);
        if (!slot->arrived)
            rc = fail(FMNIST_ENOMEM, "out of memory");
    }
    if (!rc)
        rc = connection_body(&s->connection, slot->arrived, layout.bytes);
    if (rc) {
        connection_close(&s->connection);
        return rc;
    }
    set_parts(p, slot->arrived, &layout);
    return check_batch(s, slot->arrived);
}

/* Waits for the next batch, or says what stands in its place. */
static int arrive(struct fmnist_stream *s, struct parts *p)
{
    int rc = guard_check(&s->guard);
    if (rc)
        return rc;
    if (s->step == s->facts.steps) {
        s->epoch++;
        s->step = 0;
        return FMNIST_END_OF_EPOCH;
    }
    if (s->epoch >= s->end_epoch)
        return FMNIST_END_OF_STREAM;
    if (s->number - s->tail == s->slot_count)
        return fail(FMNIST_EBUSY, "all %u slots are held: release a batch first", s->slot_count);
    return s->convert ? arrive_inline(s, p) : arrive_shm(s, p);
}

/* ---- handing out --------------------------------------------------------------------------- */

static void describe(const struct fmnist_stream *s, const struct parts *p, struct fmnist_batch *b)
{
    *b = (struct fmnist_batch){
        .epoch = s->epoch,
        .step = s->step,
        .count = p->header->count,
        .images = p->images,
        .labels = p->labels,
        .indices = p->indices,
        .slot = s->number,
    };
}

static void step_forward(struct fmnist_stream *s)
{
    s->held[s->number % s->slot_count] = true;
    s->number++;
    s->step++;
}

/* Samples lie one behind the other in a frame. */
static void convert_images(const struct fmnist_stream *s, const struct parts *p, void *images)
{
    const void *samples[64];
    const char *from = p->images;
    for (uint64_t first = 0; first < p->header->count;) {
        size_t n = 0;
        for (; n < 64 && first + n < p->header->count; n++)
            samples[n] = from + (first + n) * s->facts.image_bytes;
        convert_gather(s->convert, samples, n, (char *)images + first * s->image_bytes);
        first += n;
    }
}

static int view_inline(struct fmnist_stream *s, struct parts *p)
{
    if (convert_is_copy(s->convert))
        return FMNIST_OK;
    struct inline_slot *slot = &s->inline_slots[s->number % s->slot_count];
    if (!slot->converted) {
        slot->converted = aligned_alloc(64, align_up(s->facts.batch_size * s->image_bytes, 64));
        if (!slot->converted) {
            connection_close(&s->connection); /* the batch is off the socket and would be lost */
            return fail(FMNIST_ENOMEM, "out of memory");
        }
    }
    convert_images(s, p, slot->converted);
    p->images = slot->converted;
    return FMNIST_OK;
}

int fmnist_next(struct fmnist_stream *s, struct fmnist_batch *batch)
{
    if (!s || !batch)
        return fail(FMNIST_EINVAL, "stream and batch: want no NULL");
    struct parts p;
    int rc = arrive(s, &p);
    if (!rc && s->convert)
        rc = view_inline(s, &p);
    if (rc) {
        *batch = (struct fmnist_batch){0};
        return rc;
    }
    describe(s, &p, batch);
    step_forward(s);
    return FMNIST_OK;
}

/* Tells the rings how far the tail has come. */
static void give_back(struct fmnist_stream *s)
{
    bool old = s->left.header && s->tail < s->left_at;
    if (s->left.header && !old)
        leave_ring(s);
    /* A daemon that is gone is the next call's to tell. */
    if (ring_view_release(old ? &s->left : &s->view, s->tail))
        connection_send(&s->connection, WIRE_KICK, NULL, 0);
}

int fmnist_release(struct fmnist_stream *s, const struct fmnist_batch *batch)
{
    if (!s || !batch)
        return fail(FMNIST_EINVAL, "stream and batch: want no NULL");
    int rc = guard_check(&s->guard);
    if (rc)
        return rc;
    uint64_t n = batch->slot;
    if (n < s->tail || n >= s->number || !s->held[n % s->slot_count])
        return fail(FMNIST_EINVAL, "batch (%llu, %llu) is not held",
                    (unsigned long long)batch->epoch, (unsigned long long)batch->step);
    s->held[n % s->slot_count] = false;
    if (n != s->tail)
        return FMNIST_OK; /* an older one is still held */
    while (s->tail < s->number && !s->held[s->tail % s->slot_count])
        s->tail++;
    if (!s->convert)
        give_back(s);
    return FMNIST_OK;
}

static int check_into(const struct fmnist_stream *s, const struct fmnist_into *into)
{
    if (into->size < sizeof *into)
        return fail(FMNIST_EINVAL, "into.size: want sizeof(struct fmnist_into), %zu", sizeof *into);
    if (s->step == s->facts.steps)
        return FMNIST_OK; /* no batch comes, but the epoch's end */
    const struct {
        const char *name;
        const void *memory;
        size_t have;
        uint64_t want;
    } parts[] = {
        {"images", into->images, into->images_bytes, batch_count(s) * s->image_bytes},
        {"labels", into->labels, into->labels_bytes, batch_count(s) * s->label_bytes},
        {"indices", into->indices, into->indices_bytes, batch_count(s) * sizeof(int64_t)},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].memory && parts[i].have < parts[i].want)
            return fail(FMNIST_EINVAL, "into.%s_bytes is %zu: the batch has %llu", parts[i].name,
                        parts[i].have, (unsigned long long)parts[i].want);
    return FMNIST_OK;
}

int fmnist_next_into(struct fmnist_stream *s, const struct fmnist_into *into,
                     struct fmnist_batch *batch)
{
    if (!s || !into || !batch)
        return fail(FMNIST_EINVAL, "stream, into and batch: want no NULL");
    struct parts p;
    int rc = check_into(s, into);
    if (!rc)
        rc = arrive(s, &p);
    if (rc) {
        *batch = (struct fmnist_batch){0};
        return rc;
    }
    describe(s, &p, batch);
    if (into->images && s->convert)
        convert_images(s, &p, into->images);
    else if (into->images)
        memcpy(into->images, p.images, batch->count * s->image_bytes);
    if (into->labels)
        memcpy(into->labels, p.labels, batch->count * s->label_bytes);
    if (into->indices)
        memcpy(into->indices, p.indices, batch->count * sizeof(int64_t));
    batch->images = into->images;
    batch->labels = into->labels;
    batch->indices = into->indices;
    step_forward(s);
    return fmnist_release(s, batch);
}

/* ---- asking -------------------------------------------------------------------------------- */

int fmnist_stream_info(const struct fmnist_stream *s, struct fmnist_stream_info *info)
{
    if (!s || !info || info->size < sizeof *info)
        return fail(FMNIST_EINVAL, "info.size: want sizeof(struct fmnist_stream_info), %zu",
                    sizeof *info);
    *info = (struct fmnist_stream_info){
        .size = sizeof *info,
        .sample_count =
            s->spec.drop_last ? s->facts.steps * s->facts.batch_size : s->facts.sample_count,
        .steps = s->facts.steps,
        .batch_size = s->facts.batch_size,
        .channels = s->facts.channels,
        .height = s->facts.height,
        .width = s->facts.width,
        .dtype = s->spec.dtype,
        .layout = s->spec.layout,
        .label_dtype = s->spec.label_dtype,
        .transport = s->spec.transport,
        .slot_count = s->slot_count,
        .image_bytes = s->image_bytes,
        .label_bytes = s->label_bytes,
        .epoch = s->epoch,
        .step = s->step,
    };
    memcpy(info->digest, s->facts.digest, sizeof info->digest);
    return FMNIST_OK;
}

int fmnist_stream_token(const struct fmnist_stream *s, struct fmnist_token *token)
{
    if (!s || !token)
        return fail(FMNIST_EINVAL, "stream and token: want no NULL");
    int rc = guard_check(&s->guard);
    if (rc)
        return rc;
    struct token t = {.epoch = s->epoch, .step = s->step};
    memcpy(t.identity, s->facts.identity, sizeof t.identity);
    token_encode(&t, token);
    return FMNIST_OK;
}
