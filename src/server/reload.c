/* Reloading: a worker reads the file and opens what is new, the loop puts it in force. Does not
 * decide who may ask (session.c). */
#include "server/reload.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reload_job {
    struct pool_job job;
    struct server *server;
    reload_told *done; /* NULL: nobody waits */
    void *data;
    /* the worker's, then the loop's */
    bool busy; /* only there to say no */
    struct config config;
    struct dataset **datasets; /* [config.dataset_count], a use of each */
    int rc;
    struct err err;
    char *text; /* malloc'd: what changed */
};

/* ---- what differs -------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

static bool same_source(const struct dataset_source *a, const struct dataset_source *b)
{
    bool same = same_text(a->name, b->name) && same_text(a->path, b->path) &&
                a->class_count == b->class_count && !a->classes == !b->classes &&
                a->transpose == b->transpose;
    for (int i = 0; i < DATASET_SPLITS; i++)
        same = same && same_text(a->splits[i].images, b->splits[i].images) &&
               same_text(a->splits[i].labels, b->splits[i].labels);
    for (uint32_t i = 0; same && a->classes && i < a->class_count; i++)
        same = same_text(a->classes[i], b->classes[i]);
    return same;
}

/* The place of the entry of that name, or -1. */
static int find_source(const struct config *c, const char *name)
{
    for (uint32_t i = 0; i < c->dataset_count; i++)
        if (same_text(c->datasets[i].name, name))
            return (int)i;
    return -1;
}

static void tell_number(FILE *out, const char *key, uint64_t before, uint64_t after)
{
    if (before != after)
        fprintf(out, "%s: %llu -> %llu\n", key, (unsigned long long)before,
                (unsigned long long)after);
}

static void put_ring(FILE *out, uint64_t bytes)
{
    if (bytes)
        fprintf(out, "%llu", (unsigned long long)bytes);
    else
        fputs("auto", out);
}

static void tell_ring(FILE *out, uint64_t before, uint64_t after)
{
    if (before == after)
        return;
    fputs("ring (of new streams): ", out);
    put_ring(out, before);
    fputs(" -> ", out);
    put_ring(out, after);
    fputc('\n', out);
}

static void tell_restart(FILE *out, const char *key, bool same)
{
    if (!same)
        fprintf(out, "%s: needs a restart\n", key);
}

static void tell_datasets(FILE *out, const struct config *before, const struct config *after)
{
    for (uint32_t i = 0; i < after->dataset_count; i++) {
        const struct dataset_source *s = &after->datasets[i];
        int old = find_source(before, s->name);
        if (old < 0)
            fprintf(out, "dataset \"%s\": added\n", s->name);
        else if (!same_source(s, &before->datasets[old]))
            fprintf(out, "dataset \"%s\": opened anew; its streams go on with the old one\n",
                    s->name);
    }
    for (uint32_t i = 0; i < before->dataset_count; i++)
        if (find_source(after, before->datasets[i].name) < 0)
            fprintf(out, "dataset \"%s\": removed; its streams go on\n", before->datasets[i].name);
}

/* A line for each difference, malloc'd; NULL when out of memory. */
static char *tell_changes(const struct server *server, const struct config *after)
{
    const struct config *before = server->config;
    const struct config_limits *old = &before->limits, *new = &after->limits;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    tell_number(out, "workers", server->worker_count, workers_wanted(after));
    tell_ring(out, before->ring_bytes, after->ring_bytes);
    tell_number(out, "sample_store", before->sample_cache_bytes, after->sample_cache_bytes);
    tell_number(out, "limits.clients", old->clients, new->clients);
    tell_number(out, "limits.clients_per_user", old->clients_per_user, new->clients_per_user);
    tell_number(out, "limits.ring_bytes", old->ring_bytes, new->ring_bytes);
    tell_number(out, "limits.ring_bytes_per_user", old->ring_bytes_per_user,
                new->ring_bytes_per_user);
    tell_number(out, "limits.list_bytes", old->list_bytes, new->list_bytes);
    tell_number(out, "limits.handshake_ms", old->handshake_ms, new->handshake_ms);
    if (before->log_level != after->log_level)
        fputs("log_level: changed\n", out);
    tell_datasets(out, before, after);
    tell_restart(out, "socket", same_text(before->socket, after->socket));
    tell_restart(out, "socket_mode", before->socket_mode == after->socket_mode);
    tell_restart(out, "cache", same_text(before->cache, after->cache));
    tell_restart(out, "io_uring", before->io_uring == after->io_uring);
    if (ftell(out) == 0)
        fputs("nothing changed\n", out);
    fclose(out);
    return text;
}

/* ---- a worker's part ----------------------------------------------------------------------- */

static int open_datasets(struct reload_job *r)
{
    const struct server *server = r->server;
    r->datasets = calloc(r->config.dataset_count, sizeof(struct dataset *));
    if (!r->datasets)
        return err_set(&r->err, -ENOMEM, "out of memory");
    for (uint32_t i = 0; i < r->config.dataset_count; i++) {
        const struct dataset_source *s = &r->config.datasets[i];
        int old = find_source(server->config, s->name);
        if (old >= 0 && same_source(s, &server->config->datasets[old])) {
            r->datasets[i] = dataset_get(server->datasets[old]);
            continue;
        }
        /* The cache folder and io_uring are those in force. */
        int rc = server_open_dataset(server->config, s, &r->datasets[i], &r->err);
        if (rc)
            return rc;
    }
    return 0;
}

/* The server's config and datasets change only in reload_done, so they stay as they are here. */
static void run_reload(struct pool_job *job)
{
    struct reload_job *r = (struct reload_job *)job;
    if (r->busy)
        return;
    r->rc = config_load(&r->config, r->server->config_path, &r->err);
    if (!r->rc && r->server->socket_said)
        r->rc = config_set_socket(&r->config, r->server->config->socket, &r->err);
    if (!r->rc)
        r->rc = open_datasets(r);
    if (!r->rc && !(r->text = tell_changes(r->server, &r->config)))
        r->rc = err_set(&r->err, -ENOMEM, "out of memory");
}

/* ---- the loop's part ----------------------------------------------------------------------- */

#define EXCHANGE(a, b)             \
    do {                           \
        __typeof__(a) kept_ = (a); \
        (a) = (b);                 \
        (b) = kept_;               \
    } while (0)

/* Puts the new config in force; what it takes the place of is in `r` then. */
static int put_in_force(struct reload_job *r)
{
    struct server *server = r->server;
    uint32_t workers = workers_wanted(&r->config);
    int rc = pool_resize(server->pool, workers, &r->err);
    if (rc)
        return rc;
    server->worker_count = workers;
    EXCHANGE(*server->config, r->config);
    EXCHANGE(server->datasets, r->datasets);
    /* What needs a restart stays. */
    EXCHANGE(server->config->socket, r->config.socket);
    EXCHANGE(server->config->cache, r->config.cache);
    server->config->socket_mode = r->config.socket_mode;
    server->config->io_uring = r->config.io_uring;
    log_set_level(server->config->log_level);
    sample_cache_resize(server->caches.samples, server->config->sample_cache_bytes);
    index_list_cache_resize(server->caches.index_lists, server->config->limits.list_bytes);
    return 0;
}

static void log_lines(const char *text)
{
    for (const char *at = text; *at;) {
        int n = (int)strcspn(at, "\n");
        log_info("reload: %.*s", n, at);
        at += n + (at[n] == '\n');
    }
}

static void free_job(struct reload_job *r)
{
    for (uint32_t i = 0; r->datasets && i < r->config.dataset_count; i++)
        render_caches_put_dataset(&r->server->caches, r->datasets[i]);
    free(r->datasets);
    config_free(&r->config);
    free(r->text);
    free(r);
}

static void finish_reload(struct pool_job *job)
{
    struct reload_job *r = (struct reload_job *)job;
    struct server *server = r->server;
    if (r == server->reload)
        server->reload = NULL;
    if (!server->stopping) {
        if (!r->rc)
            r->rc = put_in_force(r);
        if (r->rc)
            log_warning("reload refused, the old config stays: %s", r->err.text);
        else
            log_lines(r->text);
        if (r->done)
            r->done(r->data, r->rc, r->rc ? r->err.text : r->text);
        if (!server->reload && server->reload_again) {
            server->reload_again = false;
            reload_start(server, NULL, NULL);
        }
    }
    free_job(r);
}

struct reload_job *reload_start(struct server *server, reload_told *done, void *data)
{
    if (server->reload && !done) {
        server->reload_again = true;
        return server->reload;
    }
    struct reload_job *r = calloc(1, sizeof *r);
    if (!r) {
        log_warning("reload: out of memory");
        return NULL;
    }
    r->job.run = run_reload;
    r->job.done = finish_reload;
    r->server = server;
    r->done = done;
    r->data = data;
    r->busy = server->reload != NULL;
    if (r->busy)
        r->rc = err_set(&r->err, -EBUSY, "another reload is under way: try again");
    else
        server->reload = r;
    pool_run(server->pool, &r->job);
    return r;
}

void reload_forget(struct reload_job *r)
{
    r->done = NULL;
}
