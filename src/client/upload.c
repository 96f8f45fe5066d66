/* Open requests and lists, on a connection that has said hello. What a stream makes of the answer
 * is stream.c's. */
#include "client/upload.h"

#include "base/clock.h"

#include <stdlib.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a list travels as it lies in memory");

static int send_numbers(struct connection *c, const uint32_t *numbers, uint64_t count,
                        uint64_t deadline)
{
    const uint32_t most = WIRE_LIST_MAX / sizeof *numbers;
    while (count) {
        uint32_t n = count < most ? (uint32_t)count : most;
        int rc = connection_send(c, WIRE_LIST, numbers, n * (uint32_t)sizeof *numbers);
        if (!rc && clock_ns() >= deadline)
            rc = fail(FMNIST_ETIMEDOUT, "the daemon did not take the list in time");
        if (rc)
            return rc;
        numbers += n;
        count -= n;
    }
    return FMNIST_OK;
}

static int send_list(struct connection *c, const struct list *list)
{
    uint64_t deadline = clock_ns() + c->timeout_ms * UINT64_C(1000000);
    int rc = send_numbers(c, list->indices, list->index_count, deadline);
    return rc ? rc : send_numbers(c, list->lengths, list->batch_count, deadline);
}

static int ask(struct connection *c, const struct wire_open *request, const struct list *list,
               struct reply *reply)
{
    uint8_t body[WIRE_OPEN_SIZE];
    wire_put_open(body, request);
    int sent = connection_send(c, WIRE_OPEN, body, sizeof body);
    int rc = connection_reply(c, sent, reply);
    if (rc || reply->type != WIRE_WANT_LIST || !list->index_count)
        return rc;
    free(reply->body);
    reply->body = NULL;
    return connection_reply(c, send_list(c, list), reply);
}

int upload_open(struct connection *c, const struct wire_open *request, const struct list *list,
                struct wire_opened *facts, int fds[2], size_t *fd_count)
{
    struct reply reply = {.fds = fds, .fd_room = *fd_count};
    int rc = ask(c, request, list, &reply);
    *fd_count = reply.fd_count;
    if (!rc && reply.type != WIRE_OPENED)
        rc = fail(FMNIST_EPROTO, "reply of type %u to an open request", reply.type);
    struct err e;
    if (!rc && wire_get_opened(facts, reply.body, reply.size, &e))
        rc = fail(FMNIST_EPROTO, "%s", e.text);
    free(reply.body);
    if (rc)
        connection_close(c);
    return rc;
}
