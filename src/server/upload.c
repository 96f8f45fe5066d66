/* Receiving lists. When a session may send one, and what follows, is session.c's. */
#include "server/upload.h"

#include "feed/stream.h"
#include "server/session.h"
#include "wire/message.h"
#include "wire/socket.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a list travels as it lies in memory");

uint64_t upload_bytes(const struct spec *spec)
{
    return (spec->list_count + spec->list_batch_count) * sizeof(uint32_t);
}

/* The permutations of a list that a stream of the spec holds. Those of a split are bounded by it.
 */
static uint64_t permutation_bytes(const struct spec *spec)
{
    return permutation_cache_stream_bytes(spec->order, spec->list_count);
}

/* What a session's stream takes that neither `but` nor a session before it in the walk, of the same
 * user, takes too. */
static uint64_t bytes_of_its_own(const struct server *server, const struct session *s,
                                 const struct stream *stream, const struct stream *but)
{
    bool has_list = but && but->plan->list == stream->plan->list, has_order = but == stream;
    struct session_stats f, of;
    session_stats(s, &f);
    for (struct session *o = server->sessions; o != s; o = session_next(o)) {
        session_stats(o, &of);
        if (of.uid != f.uid || !of.consumer)
            continue;
        has_list |= of.consumer->stream->plan->list == stream->plan->list;
        has_order |= of.consumer->stream == stream;
    }
    const struct spec *spec = &stream->plan->spec;
    return (has_list ? 0 : upload_bytes(spec)) + (has_order ? 0 : permutation_bytes(spec));
}

int upload_allowed(const struct server *server, uid_t uid, const struct spec *spec,
                   const struct stream *stream, struct err *e)
{
    uint64_t list = upload_bytes(spec), order = permutation_bytes(spec), all = list + order;
    uint64_t limit = server->config->limits.list_bytes;
    for (struct session *s = server->sessions; s; s = session_next(s)) {
        struct session_stats f;
        session_stats(s, &f);
        if (f.uid != uid)
            continue;
        all += f.upload_bytes;
        if (f.consumer)
            all += bytes_of_its_own(server, s, f.consumer->stream, stream);
    }
    if (all <= limit)
        return 0;
    char beside[96] = "";
    if (order)
        snprintf(beside, sizeof beside, " and %llu of its order (shuffle takes none)",
                 (unsigned long long)order);
    return err_set(
        e, -E2BIG,
        "a list of %llu bytes%s: limits.list_bytes is %llu bytes for all lists of uid %u",
        (unsigned long long)list, beside, (unsigned long long)limit, (unsigned)uid);
}

int upload_new(struct upload **out, const struct spec *spec, struct err *e)
{
    struct upload *u = calloc(1, sizeof *u);
    uint32_t *numbers = malloc(upload_bytes(spec));
    if (!u || !numbers) {
        free(u);
        free(numbers);
        return err_set(e, -ENOMEM, "a list of %llu bytes: out of memory",
                       (unsigned long long)upload_bytes(spec));
    }
    u->numbers = numbers;
    u->bytes = upload_bytes(spec);
    *out = u;
    return 0;
}

void upload_free(struct upload *u)
{
    if (!u)
        return;
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
    return 0;
}

static char *place(struct upload *u)
{
    return (char *)u->numbers + u->have;
}

size_t upload_put(struct upload *u, const void *data, size_t size)
{
    size_t n = size < u->frame_left ? size : u->frame_left;
    memcpy(place(u), data, n);
    u->have += n;
    u->frame_left -= (uint32_t)n;
    return n;
}

ssize_t upload_receive(struct upload *u, int fd)
{
    ssize_t n = socket_receive(fd, place(u), u->frame_left);
    if (n > 0) {
        u->have += (size_t)n;
        u->frame_left -= (uint32_t)n;
    }
    return n;
}

int upload_keep(struct upload *u, const struct spec *spec, struct index_list_cache *lists,
                const struct index_list **out, struct err *e)
{
    assert(upload_is_whole(u));
    uint32_t *numbers = u->numbers;
    u->numbers = NULL;
    return index_list_cache_add(lists, spec->list_digest, numbers, spec->list_count,
                                spec->list_batch_count, out, e);
}
