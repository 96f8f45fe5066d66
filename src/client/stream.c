/* SPDX-License-Identifier: MIT */
/* Opening a stream, closing it, asking about it. */
#include "client/stream.h"

#include "base/fault_point.h"
#include "base/io.h"
#include "client/sized.h"
#include "client/spec_public.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define INLINE_SLOTS 2u

/* ---- opening ------------------------------------------------------------------------------- */

static int prepare_ring(struct fmnist_stream *s, const int fds[2])
{
    struct err e;
    int rc = ring_view_init(&s->view, fds[0], fds[1], s->slot_count, s->layout.bytes, &e);
    return rc ? fail_from(rc, &e) : FMNIST_OK;
}

/* A view's images are in the ring where they are the samples; an inline frame comes into the view's
 * own memory then. */
static struct view_layout lay_out_view(const struct fmnist_stream *s)
{
    uint64_t count = s->opened.batch_size;
    uint64_t first = !s->in_place          ? count * s->image_bytes
                     : stream_is_inline(s) ? s->layout.bytes
                                           : 0;
    struct view_layout l = {.labels_at = align_up(first, 64)};
    l.indices_at = align_up(l.labels_at + count * s->label_bytes, 64);
    l.bytes = align_up(l.indices_at + count * sizeof(int64_t), 64);
    return l;
}

static void set_in_place(struct fmnist_stream *s, bool in_place)
{
    s->in_place = in_place;
    s->view_layout = lay_out_view(s);
}

/* Takes the chain over. */
static int prepare(struct fmnist_stream *s, struct augment_chain *chain, const int *fds,
                   size_t fd_count)
{
    const struct wire_opened *f = &s->opened;
    int rc = stream_check_opened(s, f, fd_count);
    if (rc)
        free(chain);
    else
        rc = finish_init(&s->finish, &s->spec, chain, f);
    if (rc)
        return rc;
    s->label_bytes = dtype_bytes(s->spec.label_dtype) * (f->label_count ? f->label_count : 1);
    s->slot_count = stream_is_inline(s) ? INLINE_SLOTS : f->slot_count;
    const struct slot_sample sample = stream_slot_sample(s);
    if (!slot_layout_init(&s->layout, f->batch_size, &sample))
        return fail(FMNIST_EPROTO, "the daemon announced batches of more than 4 GiB");
    s->held_size = s->slot_count;
    s->held = calloc(s->held_size, sizeof *s->held);
    s->idle = calloc(s->held_size, sizeof *s->idle);
    if (!s->held || !s->idle)
        return fail(FMNIST_ENOMEM, "out of memory");
    s->image_bytes = finish_image_bytes(&s->finish);
    set_in_place(s, finish_is_copy(&s->finish));
    return stream_is_inline(s) ? FMNIST_OK : prepare_ring(s, fds);
}

/* On the client's connection, which is the stream's from here on. */
static int ask(struct fmnist_stream *s, struct fmnist_client *client,
               const struct wire_open *request, const struct list *list,
               struct augment_chain *chain)
{
    struct next_daemon next = {0};
    int fds[2] = {-1, -1}, rc;
    size_t fd_count;
    do {
        fd_close(&fds[0]); /* an answer that was cut */
        fd_close(&fds[1]);
        fd_count = 2;
        rc = client_connect(client, &next);
        if (rc)
            continue;
        s->connection = client->connection;
        client->connection.fd = -1;
        rc = upload_open(&s->connection, request, list, &s->opened, fds, &fd_count);
    } while (client_asks_next(client, &next, &rc));
    if (rc)
        free(chain);
    else
        rc = prepare(s, chain, fds, fd_count);
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    return rc;
}

static int copy_numbers(const uint32_t **to, uint64_t *to_count, const uint32_t *from,
                        uint64_t count)
{
    if (!count)
        return FMNIST_OK;
    uint32_t *copy = malloc(count * sizeof *copy);
    if (!copy)
        return fail(FMNIST_ENOMEM, "out of memory");
    memcpy(copy, from, count * sizeof *copy);
    *to = copy;
    *to_count = count;
    return FMNIST_OK;
}

/* A daemon that was started again has to be sent it again. */
static int copy_list(struct fmnist_stream *s, const struct list *list)
{
    uint64_t values = list->index_count * list->value_count;
    int rc = copy_numbers(&s->list.indices, &s->list.index_count, list->indices, list->index_count);
    if (!rc)
        rc = copy_numbers(&s->list.lengths, &s->list.batch_count, list->lengths, list->batch_count);
    if (!rc)
        rc = copy_numbers(&s->list.values, &values, list->values, values);
    s->list.value_count = list->value_count;
    return rc;
}

/* The chain of a request, NULL where it has none. */
static int read_chain(struct augment_chain **chain, const struct spec *spec)
{
    struct err e;
    *chain = NULL;
    int rc = *spec->augment ? augment_parse(chain, spec->augment, &e) : 0;
    return rc ? fail_from(rc, &e) : FMNIST_OK;
}

static int take_request(struct wire_open *request, struct list *list, struct augment_chain **chain,
                        const struct fmnist_spec *spec, const struct fmnist_token *token)
{
    struct fmnist_spec all;
    struct err e;
    int rc = spec_take(&all, spec);
    if (!rc)
        rc = spec_from_public(&request->spec, &all);
    if (!rc)
        rc = read_chain(chain, &request->spec);
    if (!rc)
        rc = spec_add_list(&request->spec, list, &all, *chain ? (*chain)->value_count : 0);
    if (!rc && spec_check(&request->spec, &e))
        rc = fail(FMNIST_EINVAL, "%s", e.text);
    if (!rc && token && token_decode(&request->token, token, &e))
        rc = fail(FMNIST_ETOKEN, "%s", e.text);
    if (rc) {
        free(*chain);
        *chain = NULL;
    }
    return rc;
}

/* A program that takes a number an image would take the first row for the first images' classes, so
 * it says that it knows of rows: one of an older header says that it does not. */
static int check_label_count(const struct fmnist_stream *s, const struct fmnist_spec *spec)
{
    struct fmnist_spec all;
    uint32_t count = s->opened.label_count;
    int rc = spec_take(&all, spec);
    if (rc || all.label_count == count || all.label_count == FMNIST_LABELS_ANY)
        return rc;
    if (!count)
        return fail(FMNIST_EINVAL,
                    "label_count is %u: images of \"%s\" have one label each, want 0",
                    all.label_count, s->spec.dataset);
    return fail(FMNIST_EINVAL,
                "label_count is %u: \"%s\" is a multi-label set, with a row of %u labels an image, "
                "which the program has to take: want %u, or FMNIST_LABELS_ANY",
                all.label_count, s->spec.dataset, count, count);
}

int fmnist_open(struct fmnist_client *client, const struct fmnist_spec *spec,
                const struct fmnist_token *token, struct fmnist_stream **stream)
{
    if (!client || !spec || !stream)
        return fail(FMNIST_EINVAL, "client, spec and stream: want no NULL");
    *stream = NULL;
    int rc = guard_check(&client->guard);
    struct wire_open request = {.at_token = token != NULL};
    struct list list;
    struct augment_chain *chain = NULL;
    if (!rc)
        rc = take_request(&request, &list, &chain, spec, token);
    if (rc)
        return rc;
    struct fmnist_stream *s = calloc(1, sizeof *s);
    if (!s) {
        free(chain);
        return fail(FMNIST_ENOMEM, "out of memory");
    }
    s->connection.fd = s->reopening.connection.fd = -1;
    s->spec = request.spec;
    s->timeout_ms = client->timeout_ms;
    s->reconnect_ms = client->reconnect_ms;
    memcpy(s->path, client->path, sizeof s->path);
    rc = fork_guard_init(&s->guard);
    if (!rc)
        rc = copy_list(s, &list);
    if (!rc) {
        rc = ask(s, client, &request, &list, chain);
        chain = NULL;
    }
    if (!rc)
        rc = check_label_count(s, spec);
    free(chain);
    if (rc) {
        fmnist_close(s);
        return rc;
    }
    s->epoch = token ? request.token.epoch : s->opened.epoch;
    s->step = token ? request.token.step : s->opened.step;
    s->number = s->tail = s->began = s->epoch * s->opened.steps + s->step;
    s->end_epoch = s->spec.epochs ? s->spec.epoch + s->spec.epochs : SPEC_EPOCH_MAX + 1;
    *stream = s;
    return FMNIST_OK;
}

static void free_idle(struct fmnist_stream *s)
{
    while (s->idle_count)
        free(s->idle[--s->idle_count]);
}

void fmnist_close(struct fmnist_stream *s)
{
    if (!s)
        return;
    ring_view_close(&s->view);
    ring_view_close(&s->left);
    stream_reopen_close(s);
    stream_drop_kept(s, UINT64_MAX);
    FAULT_POINT("rings left, socket open");
    connection_hang_up(&s->connection, &s->guard);
    fork_guard_close(&s->guard);
    finish_close(&s->finish);
    free(s->frame);
    for (uint32_t i = 0; i < s->held_size; i++)
        if (s->held)
            free(s->held[i]);
    free_idle(s);
    free(s->idle);
    free((void *)s->list.indices);
    free((void *)s->list.lengths);
    free((void *)s->list.values);
    free(s->held);
    free(s);
}

int fmnist_view_wire(struct fmnist_stream *s)
{
    if (!s)
        return fail(FMNIST_EINVAL, "stream: want no NULL");
    int rc = guard_check(&s->guard);
    if (rc)
        return rc;
    if (s->finish.augment)
        return fail(FMNIST_EINVAL,
                    "samples as they travel are not augmented where the draws are the "
                    "caller's");
    if (s->tail != s->number)
        return fail(FMNIST_EBUSY, "views are held: release them first");
    free_idle(s); /* of another layout */
    set_in_place(s, true);
    return FMNIST_OK;
}

/* ---- asking -------------------------------------------------------------------------------- */

int fmnist_stream_info(const struct fmnist_stream *s, struct fmnist_stream_info *info)
{
    static const struct sized_kind kind = {"info", "sizeof(struct fmnist_stream_info)",
                                           SIZED_UP_TO(struct fmnist_stream_info, digest),
                                           sizeof *info};
    if (!s || !info)
        return fail(FMNIST_EINVAL, "stream and info: want no NULL");
    struct fmnist_stream_info all = {
        .sample_count =
            s->spec.drop_last ? s->opened.steps * s->opened.batch_size : s->opened.sample_count,
        .steps = s->opened.steps,
        .batch_size = s->opened.batch_size,
        .channels = s->opened.channels,
        .height = s->opened.height,
        .width = s->opened.width,
        .dtype = s->spec.dtype,
        .layout = s->spec.layout,
        .label_dtype = s->spec.label_dtype,
        .transport = s->spec.transport,
        .slot_count = s->slot_count,
        .image_bytes = s->image_bytes,
        .label_bytes = s->label_bytes,
        .epoch = s->epoch,
        .step = s->step,
        .wire_dtype = s->opened.float_samples ? FMNIST_FLOAT32 : FMNIST_UINT8,
        .wire_channels = s->opened.in_channels,
        .views = s->finish.views,
        .value_count = s->finish.value_count,
        .label_count = s->opened.label_count,
    };
    memcpy(all.digest, s->opened.digest, sizeof all.digest);
    return sized_give(&kind, info, &all);
}

int fmnist_stream_token(const struct fmnist_stream *s, struct fmnist_token *token)
{
    if (!s)
        return fail(FMNIST_EINVAL, "stream and token: want no NULL");
    return fmnist_stream_token_at(s, s->epoch, s->step, token);
}

int fmnist_stream_token_at(const struct fmnist_stream *s, uint64_t epoch, uint64_t step,
                           struct fmnist_token *token)
{
    if (!s || !token)
        return fail(FMNIST_EINVAL, "stream and token: want no NULL");
    int rc = guard_check(&s->guard);
    if (rc)
        return rc;
    if (step > s->opened.steps || epoch > SPEC_EPOCH_MAX + 1)
        return fail(FMNIST_EINVAL, "position (%llu, %llu): want a step of 0 to %llu",
                    (unsigned long long)epoch, (unsigned long long)step,
                    (unsigned long long)s->opened.steps);
    struct token t = {.epoch = epoch, .step = step};
    memcpy(t.identity, s->opened.identity, sizeof t.identity);
    token_encode(&t, token);
    return FMNIST_OK;
}

int fmnist_token_at(const struct fmnist_token *of, uint64_t epoch, uint64_t step,
                    struct fmnist_token *token)
{
    if (!of || !token)
        return fail(FMNIST_EINVAL, "of and token: want no NULL");
    struct token t;
    struct err e;
    if (token_decode(&t, of, &e))
        return fail(FMNIST_ETOKEN, "%s", e.text);
    t.epoch = epoch;
    t.step = step;
    token_encode(&t, token);
    return FMNIST_OK;
}
