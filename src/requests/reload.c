/* SPDX-License-Identifier: MIT */
/* Reloading: the opener's thread reads the file and opens what is new, the loop puts it in force.
 * Does not decide who may ask (admin.c). */
#include "requests/reload.h"

#include "base/container.h"
#include "requests/changes.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct reload_job {
    struct session_task task;
    struct reloader *reloader;
    reload_told *told;
    /* the opener's thread, then the loop's */
    struct config config;
    struct catalog catalog;
    int rc;
    struct err err;
    char *text; /* malloc'd: what changed */
};

/* ---- the opener's thread ------------------------------------------------------------------- */

/* The dataset in force whose entry is the same, where it can be served on. */
static struct dataset *same(void *data, const struct dataset_source *source)
{
    const struct reloader *r = data;
    int i = changes_find(r->config, source->name);
    if (i < 0 || !changes_same_source(source, &r->config->datasets[i]))
        return NULL;
    assert((uint32_t)i < r->catalog->count);
    struct dataset *d = r->catalog->datasets[i];
    return dataset_check(d, NULL) ? NULL : d;
}

/* The cache folder and io_uring are those in force. */
static int open_datasets(struct reload_job *j, const _Atomic bool *cancel)
{
    struct reloader *r = j->reloader;
    struct config config = j->config;
    config.cache = r->config->cache;
    config.io_uring = r->config->io_uring;
    struct catalog_opening opening = {.find = same, .data = r, .cancel = cancel};
    return catalog_open(&j->catalog, &config, &opening, r->services->caches, &j->err);
}

static int prepare(struct reload_job *j, const _Atomic bool *cancel)
{
    struct reloader *r = j->reloader;
    int rc = config_load(&j->config, r->config_path, &j->err);
    if (rc)
        return rc;
    if (r->socket_said) {
        rc = config_keep_socket(&j->config, r->config->socket, &j->err);
        if (rc)
            return rc;
    }
    rc = open_datasets(j, cancel);
    if (rc)
        return rc;
    struct changes_side before = {r->config, pool_worker_count(r->services->pool),
                                  r->catalog->datasets};
    struct changes_side after = {&j->config, pool_workers_for(j->config.workers),
                                 j->catalog.datasets};
    j->text = changes_tell(&before, &after);
    return j->text ? 0 : err_set(&j->err, -ENOMEM, "out of memory");
}

static void run(void *data, const _Atomic bool *cancel)
{
    struct reload_job *j = data;
    j->rc = prepare(j, cancel);
}

/* What is not in force any more, or never was: taking a large mapping apart takes a while. */
static void run_close(void *data, const _Atomic bool *cancel)
{
    struct reload_job *j = data;
    catalog_close(&j->catalog, j->reloader->services->caches);
    config_free(&j->config);
}

/* ---- the loop's part ----------------------------------------------------------------------- */

#define EXCHANGE(a, b)             \
    do {                           \
        __typeof__(a) kept_ = (a); \
        (a) = (b);                 \
        (b) = kept_;               \
    } while (0)

/* Puts the new config in force; what it takes the place of is in `j` then. */
static int put_in_force(struct reload_job *j)
{
    struct reloader *r = j->reloader;
    const struct render_caches *caches = r->services->caches;
    int rc = pool_resize(r->services->pool, pool_workers_for(j->config.workers), &j->err);
    if (rc)
        return rc;
    EXCHANGE(*r->config, j->config);
    EXCHANGE(*r->catalog, j->catalog);
    /* What needs a restart stays. */
    EXCHANGE(r->config->socket, j->config.socket);
    EXCHANGE(r->config->socket_group, j->config.socket_group);
    EXCHANGE(r->config->cache, j->config.cache);
    EXCHANGE(r->config->ledger, j->config.ledger);
    r->config->socket_mode = j->config.socket_mode;
    r->config->socket_gid = j->config.socket_gid;
    r->config->io_uring = j->config.io_uring;
    log_set_level(r->config->log_level);
    if (caches->budget)
        budget_set(caches->budget, r->config->budget_bytes, r->config->memory.bytes,
                   r->config->memory.of);
    sample_cache_resize(caches->samples, r->config->sample_cache_bytes);
    index_list_cache_resize(caches->index_lists, r->config->limits.list_bytes);
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

static void abandon(struct session_task *t)
{
    t->session->task = NULL;
    t->session = NULL;
}

static void tell(struct reload_job *j)
{
    struct session *s = j->task.session;
    if (j->rc)
        log_warning("reload refused, the old config stays: %s", j->err.text);
    else
        log_lines(j->text);
    if (s) {
        abandon(&j->task);
        j->told(s, j->rc, j->rc ? j->err.text : j->text);
    }
}

static void say(const struct reloader *r, bool begins)
{
    if (r->on_reload && !r->stopping)
        r->on_reload(r->data, begins);
}

/* Whoever is told may ask for the next at once. */
static void closed(void *data)
{
    struct reload_job *j = data;
    say(j->reloader, false);
    if (!j->reloader->stopping)
        tell(j);
    free(j->text);
    free(j);
}

static void done(void *data)
{
    struct reload_job *j = data;
    struct reloader *r = j->reloader;
    const struct opener_work work = {.run = run_close, .done = closed, .data = j};
    if (!j->rc && !r->stopping)
        j->rc = put_in_force(j);
    if (opener_run(r->services->opener, &work, NULL)) {
        run_close(j, NULL);
        closed(j);
    }
}

int reload_start(struct reloader *r, struct session *s, reload_told *told, struct err *e)
{
    struct opener *opener = r->services->opener;
    if (r->stopping)
        return err_set(e, -EBUSY, "the daemon is shutting down");
    if (opener->busy)
        return err_set(e, -EBUSY, "another reload is under way: try again");
    struct reload_job *j = calloc(1, sizeof *j);
    if (!j)
        return err_set(e, -ENOMEM, "out of memory");
    j->task = (struct session_task){.session = s, .abandon = abandon};
    j->reloader = r;
    j->told = told;
    const struct opener_work work = {.run = run, .done = done, .data = j};
    int rc = opener_run(opener, &work, e);
    if (rc) {
        free(j);
        return rc;
    }
    if (s) {
        assert(!s->task && told);
        s->task = &j->task;
    }
    say(r, true);
    return 0;
}

void reload_go_on(struct reloader *r)
{
    struct err e;
    if (!r->again || r->stopping || r->services->opener->busy)
        return;
    r->again = false;
    if (reload_start(r, NULL, NULL, &e))
        log_warning("reload refused, the old config stays: %s", e.text);
}

void reload_later(struct reloader *r)
{
    r->again = true;
    reload_go_on(r);
}
