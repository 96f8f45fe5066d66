/* Reloading: a worker reads the file and opens what is new, the loop puts it in force. Does not
 * decide who may ask (admin.c). */
#include "requests/reload.h"

#include "base/container.h"
#include "requests/changes.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct reload_job {
    struct pool_job job;
    struct session_task task;
    struct reloader *reloader;
    reload_told *told;
    /* the worker's, then the loop's */
    bool busy; /* only there to say no */
    struct config config;
    struct catalog catalog;
    int rc;
    struct err err;
    char *text; /* malloc'd: what changed */
};

/* ---- a worker's part ----------------------------------------------------------------------- */

/* The dataset in force whose entry is the same. */
static struct dataset *same(void *data, const struct dataset_source *source)
{
    const struct reloader *r = data;
    int i = changes_find(r->config, source->name);
    if (i < 0 || !changes_same_source(source, &r->config->datasets[i]))
        return NULL;
    assert((uint32_t)i < r->catalog->count);
    return r->catalog->datasets[i];
}

/* The cache folder and io_uring are those in force. */
static int open_datasets(struct reload_job *j)
{
    struct reloader *r = j->reloader;
    struct config config = j->config;
    config.cache = r->config->cache;
    config.io_uring = r->config->io_uring;
    struct catalog_known known = {.find = same, .data = r};
    return catalog_open(&j->catalog, &config, &known, r->services->caches, &j->err);
}

static int prepare(struct reload_job *j)
{
    struct reloader *r = j->reloader;
    int rc = config_load(&j->config, r->config_path, &j->err);
    if (rc)
        return rc;
    if (r->socket_said) {
        rc = config_set_socket(&j->config, r->config->socket, &j->err);
        if (rc)
            return rc;
    }
    rc = open_datasets(j);
    if (rc)
        return rc;
    j->text = changes_tell(r->config, pool_worker_count(r->services->pool), &j->config,
                           pool_workers_for(j->config.workers));
    return j->text ? 0 : err_set(&j->err, -ENOMEM, "out of memory");
}

static void run(struct pool_job *job)
{
    struct reload_job *j = (struct reload_job *)job;
    if (!j->busy)
        j->rc = prepare(j);
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
    EXCHANGE(r->config->cache, j->config.cache);
    EXCHANGE(r->config->ledger, j->config.ledger);
    r->config->socket_mode = j->config.socket_mode;
    r->config->io_uring = j->config.io_uring;
    log_set_level(r->config->log_level);
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

static void free_job(struct reload_job *j)
{
    catalog_close(&j->catalog, j->reloader->services->caches);
    config_free(&j->config);
    free(j->text);
    free(j);
}

static void abandon(struct session_task *t)
{
    t->session->task = NULL;
    t->session = NULL;
}

static void finish(struct reload_job *j)
{
    struct reloader *r = j->reloader;
    struct session *s = j->task.session;
    if (!j->rc)
        j->rc = put_in_force(j);
    if (j->rc)
        log_warning("reload refused, the old config stays: %s", j->err.text);
    else
        log_lines(j->text);
    if (s) {
        abandon(&j->task);
        j->told(s, j->rc, j->rc ? j->err.text : j->text);
    }
    if (!r->job && r->again) {
        r->again = false;
        reload_start(r, NULL, NULL);
    }
}

static void done(struct pool_job *job)
{
    struct reload_job *j = (struct reload_job *)job;
    struct reloader *r = j->reloader;
    if (j == r->job)
        r->job = NULL;
    if (!r->stopping)
        finish(j);
    free_job(j);
}

int reload_start(struct reloader *r, struct session *s, reload_told *told)
{
    if (r->job && !s) {
        r->again = true;
        return 0;
    }
    struct reload_job *j = calloc(1, sizeof *j);
    if (!j) {
        log_warning("reload: out of memory");
        return -ENOMEM;
    }
    j->job = (struct pool_job){.run = run, .done = done};
    j->task = (struct session_task){.session = s, .abandon = abandon};
    j->reloader = r;
    j->told = told;
    j->busy = r->job != NULL;
    if (j->busy)
        j->rc = err_set(&j->err, -EBUSY, "another reload is under way: try again");
    else
        r->job = j;
    if (s) {
        assert(!s->task && told);
        s->task = &j->task;
    }
    pool_run(r->services->pool, &j->job);
    return 0;
}
