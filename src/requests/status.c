/* SPDX-License-Identifier: MIT */
/* Describes. Counts only; no control. */
#include "requests/status.h"

#include "base/clock.h"
#include "feed/stream.h"
#include "fmnist.h"
#include "host/usage.h"
#include "pixels/isa.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

static json_t *number(uint64_t v)
{
    return json_integer(v < INT64_MAX ? (json_int_t)v : INT64_MAX); /* a client may say anything */
}

/* What is described of something is there whole, or NULL: without memory for a part of it there is
 * no description. */
static json_t *whole(json_t *all, int failed)
{
    if (!failed)
        return all;
    json_decref(all);
    return NULL;
}

static json_t *describe_datasets(const struct catalog *catalog)
{
    json_t *all = json_array();
    int failed = 0;
    for (uint32_t i = 0; i < catalog->count; i++) {
        const struct dataset *d = catalog->datasets[i];
        for (int k = 0; k < DATASET_SPLITS; k++) {
            const struct dataset_split *s = &d->splits[k];
            if (!s->count)
                continue;
            failed |= json_array_append_new(
                all, json_pack("{s:s, s:s, s:o, s:o, s:s?}", "name", d->name, "split", s->name,
                               "images", number(s->count), "bytes", number(s->map_bytes), "from",
                               s->cut ? d->splits[s->from].name : NULL));
        }
    }
    return whole(all, failed);
}

static json_t *describe_stream(const struct session *session)
{
    struct pool *pool = session_services(session)->pool;
    struct consumer *consumer = session->place->consumer;
    const struct stream *stream = consumer->stream;
    const struct render_plan *r = consumer->plan;
    const struct spec *s = &r->spec;
    struct progress p = pool_progress(pool, consumer);
    json_t *all =
        json_pack("{s:s, s:s, s:i, s:s, s:i, s:i, s:s, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:i, "
                  "s:o, s:i, s:o, s:f}",
                  "dataset", s->dataset, "split", s->split, "batch_size", (int)s->batch_size,
                  "resize", spec_name("resize", s->resize), "height", (int)r->final.height, "width",
                  (int)r->final.width, "dtype", spec_name("dtype", s->dtype), "order",
                  spec_name("order", s->order), "seed", number(s->seed), "transport",
                  spec_name("transport", s->transport), "epoch", number(p.tail / r->sampler.steps),
                  "step", number(p.tail % r->sampler.steps), "steps", number(r->sampler.steps),
                  "batches_ready", number(p.head - p.tail), "slots", (int)p.window, "ring_bytes",
                  number(stream_bytes(stream)), "consumers", (int)p.consumers, "batches_rendered",
                  number(p.rendered), "render_seconds", (double)p.render_ns / 1e9);
    int failed = 0;
    if (*s->augment)
        failed |= json_object_update_new(all, json_pack("{s:s, s:s, s:i}", "augment", s->augment,
                                                        "draws", spec_name("draws", s->draws),
                                                        "views", (int)s->views));
    struct session_stats f;
    session_stats(session, p.now_ns, &f);
    failed |= json_object_update_new(
        all, json_pack("{s:o, s:o, s:f, s:f, s:o}", "batches_taken",
                       number(p.tail - session->first), "epoch_samples",
                       number(r->sampler.shard_count), "seconds", (double)f.stream_ns / 1e9,
                       "waited_seconds", (double)f.waited_ns / 1e9, "waits", number(f.waits)));
    return whole(all, failed);
}

static json_t *describe_clients(const struct sessions *sessions)
{
    json_t *all = json_array();
    int failed = 0;
    for (const struct session *s = sessions->first; s; s = s->next) {
        json_t *client = json_pack("{s:o, s:i, s:i}", "id", number(s->id), "uid", (int)s->uid,
                                   "pid", (int)s->pid);
        if (s->place)
            failed |= json_object_set_new(client, "stream", describe_stream(s));
        failed |= json_array_append_new(all, client);
    }
    return whole(all, failed);
}

/* Dataset pages and samples are resident once they are touched, so the sum may be more than what is
 * resident, and code, stacks and the allocator make it less. */
static json_t *describe_memory(const struct services *services)
{
    struct sample_cache_usage u;
    sample_cache_usage(services->caches->samples, &u);
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "datasets_bytes",
                     number(catalog_bytes(services->catalog)), "samples_bytes",
                     number(u.filled_bytes), "rings_bytes", number(pool_ring_bytes(services->pool)),
                     "permutations_bytes",
                     number(permutation_cache_bytes(services->caches->permutations)),
                     "resident_bytes", number(usage_resident_bytes()));
}

/* Where it is now, for whoever has another working directory; null where it is no more, or where
 * its name is no UTF-8. NULL without memory. */
static json_t *describe_path(const char *path)
{
    char *whole = realpath(path, NULL);
    if (!whole && errno == ENOMEM)
        return NULL;
    errno = 0;
    json_t *text = whole ? json_string(whole) : NULL;
    int failed = errno;
    free(whole);
    return text || failed == ENOMEM ? text : json_null();
}

/* Into memory made beforehand: json_dumps() leaves keys out where it finds no more of it. */
static char *print(const json_t *all)
{
    size_t bytes = json_dumpb(all, NULL, 0, JSON_COMPACT);
    char *text = bytes ? malloc(bytes + 1) : NULL;
    if (!text)
        return NULL;
    if (json_dumpb(all, text, bytes, JSON_COMPACT) != bytes) {
        free(text);
        return NULL;
    }
    text[bytes] = 0;
    return text;
}

char *status_text(const struct request_context *context)
{
    const struct services *services = context->services;
    struct sample_cache_usage u;
    sample_cache_usage(services->caches->samples, &u);
    struct index_list_cache_usage lists;
    uint64_t now_ns, busy_ns = pool_busy_ns(services->pool, &now_ns);
    index_list_cache_usage(services->caches->index_lists, &lists);
    json_t *all = json_pack(
        "{s:s, s:i, s:f, s:s, s:i, s:s, s:o, s:o, s:{s:o, s:o, s:o, s:i}, "
        "s:{s:i, s:o, s:o}, s:o, s:o}",
        "version", FMNIST_VERSION, "pid", (int)getpid(), "uptime_seconds",
        (double)(now_ns - context->started_ns) / 1e9, "socket", services->config->socket, "workers",
        (int)pool_worker_count(services->pool), "isa", isa_names[isa_level()], "clients_accepted",
        number(context->sessions->accepted), "clients_refused", number(context->sessions->refused),
        "sample_store", "budget_bytes", number(u.budget_bytes), "reserved_bytes",
        number(u.reserved_bytes), "filled_bytes", number(u.filled_bytes), "entries", (int)u.entries,
        "lists", "kept", (int)lists.count, "bytes", number(lists.bytes), "received",
        number(lists.added), "datasets", describe_datasets(services->catalog), "clients",
        describe_clients(context->sessions));
    int failed = json_object_set_new(all, "memory", describe_memory(services));
    failed |= json_object_set_new(all, "config", describe_path(context->reloader.config_path));
    failed |= json_object_set_new(all, "cpu_seconds", json_real(usage_cpu_seconds()));
    failed |= json_object_set_new(all, "workers_busy_seconds", json_real((double)busy_ns / 1e9));
    all = whole(all, failed);
    char *text = all ? print(all) : NULL;
    json_decref(all);
    return text;
}
