/* Sums for each user. Does not know the limits: whoever asks compares. */
#include "session/account.h"

#include "feed/stream.h"

#include <assert.h>
#include <stdlib.h>

struct account *accounts_find(const struct accounts *all, uid_t uid)
{
    struct account *a = all->first;
    while (a && a->uid != uid)
        a = a->next;
    return a;
}

uint32_t accounts_clients(const struct accounts *all, uid_t uid)
{
    const struct account *a = accounts_find(all, uid);
    return a ? a->clients : 0;
}

struct account *account_open(struct accounts *all, uid_t uid)
{
    struct account *a = accounts_find(all, uid);
    if (!a) {
        a = calloc(1, sizeof *a);
        if (!a)
            return NULL;
        a->all = all;
        a->uid = uid;
        a->next = all->first;
        all->first = a;
    }
    a->clients++;
    return a;
}

void account_close(struct account *a)
{
    if (!a)
        return;
    assert(a->clients > 0);
    if (--a->clients)
        return;
    assert(!a->seats && a->upload_bytes == 0 && a->read_bytes == 0);
    struct account **at = &a->all->first;
    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    free(a);
}

uint64_t account_list_cost(const struct spec *spec)
{
    return list_numbers(spec->list_count, spec->list_batch_count, spec->list_value_count) *
           sizeof(uint32_t);
}

uint64_t account_permutation_cost(const struct spec *spec)
{
    return permutation_cache_stream_bytes(spec->order, spec->list_count);
}

/* What the stream's list takes beside what the other seats read. */
static uint64_t read_cost(const struct account *a, const struct stream *stream)
{
    const struct spec *spec = &stream->plan->spec;
    bool has_list = false, has_order = false;
    if (!stream->plan->list)
        return 0;
    for (const struct account_seat *o = a->seats; o; o = o->next) {
        has_list |= o->stream->plan->list == stream->plan->list;
        has_order |= o->stream == stream;
    }
    return (has_list ? 0 : account_list_cost(spec)) +
           (has_order ? 0 : account_permutation_cost(spec));
}

void account_charge(struct account *a, struct account_seat *seat, const struct stream *stream)
{
    assert(stream && !seat->stream);
    a->read_bytes += read_cost(a, stream);
    seat->stream = stream;
    seat->next = a->seats;
    a->seats = seat;
}

void account_discharge(struct account *a, struct account_seat *seat)
{
    if (!seat->stream)
        return;
    struct account_seat **at = &a->seats;
    while (*at != seat)
        at = &(*at)->next;
    *at = seat->next;
    uint64_t cost = read_cost(a, seat->stream);
    assert(cost <= a->read_bytes);
    a->read_bytes -= cost;
    *seat = (struct account_seat){0};
}

void account_charge_upload(struct account *a, uint64_t bytes)
{
    a->upload_bytes += bytes;
}

void account_discharge_upload(struct account *a, uint64_t bytes)
{
    assert(bytes <= a->upload_bytes);
    a->upload_bytes -= bytes;
}

uint64_t account_ring_bytes(const struct account *a, struct pool *pool)
{
    uint64_t bytes = 0;
    for (const struct account_seat *o = a->seats; o; o = o->next)
        bytes += pool_ring_share(pool, o->stream);
    return bytes;
}
