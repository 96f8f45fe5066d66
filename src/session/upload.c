/* SPDX-License-Identifier: MIT */
/* Receives a list. When a session may send one, and what follows, is open.c's. */
#include "session/upload.h"

#include "wire/message.h"
#include "wire/socket.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a list travels as it lies in memory");

static void check(const struct upload *u)
{
    assert(u->have + u->frame_left <= u->bytes);
}

int upload_new(struct upload **out, struct render_caches *caches, uint64_t bytes, struct err *e)
{
    int rc = render_caches_take(caches, "a list", bytes, e);
    if (rc)
        return rc;
    struct upload *u = calloc(1, sizeof *u);
    if (!u)
        goto give_bytes;
    u->numbers = malloc(bytes);
    if (!u->numbers)
        goto free_upload;
    u->budget = caches->budget;
    u->bytes = bytes;
    *out = u;
    return 0;

free_upload:
    free(u);
give_bytes:
    budget_give(caches->budget, bytes);
    return err_set(e, -ENOMEM, "a list of %llu bytes: out of memory", (unsigned long long)bytes);
}

void upload_free(struct upload *u)
{
    if (!u)
        return;
    if (u->numbers || (u->check && u->check->numbers))
        budget_give(u->budget, u->bytes);
    index_list_check_free(u->check);
    free(u->numbers);
    free(u);
}

int upload_begin(struct upload *u, uint32_t body_bytes, struct err *e)
{
    assert(u->frame_left == 0);
    uint64_t left = u->bytes - u->have;
    uint64_t most = left < WIRE_LIST_MAX ? left : WIRE_LIST_MAX;
    if (body_bytes == 0 || body_bytes > most || body_bytes % sizeof *u->numbers != 0)
        return err_set(e, -EPROTO,
                       "a piece of a list has %u bytes: want whole numbers, at most %llu bytes",
                       body_bytes, (unsigned long long)most);
    u->frame_left = body_bytes;
    check(u);
    return 0;
}

/* Where the next bytes go. */
static char *end_of(struct upload *u)
{
    return (char *)u->numbers + u->have;
}

size_t upload_put(struct upload *u, const void *data, size_t size)
{
    size_t n = size < u->frame_left ? size : u->frame_left;
    memcpy(end_of(u), data, n);
    u->have += n;
    u->frame_left -= (uint32_t)n;
    check(u);
    return n;
}

ssize_t upload_receive(struct upload *u, int fd)
{
    ssize_t n = socket_receive(fd, end_of(u), u->frame_left);
    if (n > 0) {
        u->have += (size_t)n;
        u->frame_left -= (uint32_t)n;
        check(u);
    }
    return n;
}

int upload_keep(struct upload *u, const struct spec *spec, struct index_list_cache *lists,
                const struct index_list **out, struct err *e)
{
    int rc = 0;
    assert(upload_is_whole(u));
    if (!u->check) {
        assert(u->numbers);
        rc = index_list_check_new(&u->check, spec, u->numbers, e);
        if (rc)
            return rc;
        u->numbers = NULL;
    }
    rc = index_list_check_step(u->check, e);
    if (rc <= 0)
        return rc;
    rc = index_list_cache_add(lists, u->check, out, e);
    return rc ? rc : 1;
}
