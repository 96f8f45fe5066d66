/* SPDX-License-Identifier: MIT */
/* Open requests and lists, on a connection that has said hello. What a stream makes of the answer
 * is stream.c's. */
#include "client/upload.h"

#include "base/clock.h"
#include "base/fault_point.h"

#include <stdlib.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a list travels as it lies in memory");

/* The numbers of the next frame. Returns how many, 0 behind the last. */
static uint32_t next_numbers(const struct list *list, const struct upload *u,
                             const uint32_t **numbers)
{
    const struct {
        const uint32_t *numbers;
        uint64_t count;
    } parts[] = {
        {list->indices, list->index_count},
        {list->lengths, list->batch_count},
        {list->values, list->index_count * list->value_count},
    };
    const uint32_t most = WIRE_LIST_MAX / sizeof **numbers;
    uint64_t at = u->numbers;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (at < parts[i].count) {
            uint64_t left = parts[i].count - at;
            *numbers = parts[i].numbers + at;
            return left < most ? (uint32_t)left : most;
        }
        at -= parts[i].count;
    }
    return 0;
}

int upload_list(struct connection *c, const struct list *list, struct upload *u,
                uint32_t timeout_ms)
{
    uint64_t deadline = clock_ns() + timeout_ms * UINT64_C(1000000);
    const uint32_t *numbers;
    uint32_t n;
    while ((n = next_numbers(list, u, &numbers))) {
        uint64_t now = clock_ns();
        uint32_t left_ms = now < deadline ? (uint32_t)((deadline - now) / 1000000) : 0;
        int rc = connection_send_rest(c, WIRE_LIST, numbers, n * (uint32_t)sizeof *numbers,
                                      &u->bytes, left_ms);
        if (!rc && now >= deadline)
            rc = fail(FMNIST_ETIMEDOUT, "the daemon did not take the list in time");
        if (rc && rc != FMNIST_ETIMEDOUT)
            return rc;
        if (u->bytes == WIRE_HEAD_SIZE + n * sizeof *numbers) {
            u->numbers += n;
            u->bytes = 0;
            FAULT_POINT("part of a list sent");
        }
        if (rc)
            return rc;
    }
    return FMNIST_OK;
}

static int ask(struct connection *c, const struct wire_open *request, const struct list *list,
               struct reply *reply)
{
    uint8_t body[WIRE_OPEN_MAX];
    size_t size = wire_put_open(body, request);
    int sent = connection_send(c, WIRE_OPEN, body, size);
    FAULT_POINT("open sent");
    int rc = connection_reply(c, sent, reply);
    if (rc || reply->type != WIRE_WANT_LIST || !list->index_count)
        return rc;
    free(reply->body);
    reply->body = NULL;
    struct upload u = {0};
    FAULT_POINT("list wanted");
    return connection_reply(c, upload_list(c, list, &u, c->timeout_ms), reply);
}

int upload_opened(const struct reply *reply, struct wire_opened *opened)
{
    if (reply->type != WIRE_OPENED)
        return fail(FMNIST_EPROTO, "reply of type %u to an open request", reply->type);
    struct err e;
    if (wire_get_opened(opened, reply->body, reply->size, &e))
        return fail(FMNIST_EPROTO, "%s", e.text);
    return FMNIST_OK;
}

int upload_open(struct connection *c, const struct wire_open *request, const struct list *list,
                struct wire_opened *opened, int fds[2], size_t *fd_count)
{
    struct reply reply = {.fds = fds, .fd_room = *fd_count};
    int rc = ask(c, request, list, &reply);
    *fd_count = reply.fd_count;
    FAULT_POINT("opened");
    if (!rc)
        rc = upload_opened(&reply, opened);
    free(reply.body);
    if (rc)
        connection_close(c);
    return rc;
}
