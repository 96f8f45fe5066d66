/* SPDX-License-Identifier: MIT */
/* Start, signals, end. Who may come in is acceptor.c's, what a connection says is session/'s and
 * requests/'s, what is rendered is feed/'s. */
#include "server/server.h"

#include "base/clock.h"
#include "config/memory.h"
#include "pixels/isa.h"
#include "render/caches_memory.h"
#include "requests/inquiries.h"
#include "requests/open.h"
#include "requests/table.h"
#include "server/acceptor.h"
#include "server/limits.h"
#include "server/notify.h"
#include "session/polls.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOK_MS 2000 /* what nothing tells us is looked at so often */
#define END_MS  600  /* that the end waits for workers and the opener */

/* Everything here is the loop thread's, but for what guards itself (session/services.h). */
struct server {
    const struct server_options *options;
    struct config *config; /* in force */
    struct catalog catalog;
    struct budget budget;
    struct render_caches caches;
    struct accounts accounts;
    struct services services;
    struct opener opener;
    struct sessions sessions;
    struct deliveries deliveries;
    struct request_context requests;
    struct acceptor acceptor;
    uv_loop_t loop;
    uv_async_t events; /* from the workers */
    uv_signal_t sigterm, sigint, sighup, sigxcpu;
    uv_timer_t look;
    uv_timer_t alive;    /* for a service manager's watchdog */
    uv_timer_t patience; /* at the end */
    uv_poll_t input;
    bool watches_input;
    bool says_ready; /* the service manager has heard it */
    bool stopping;
    int opened; /* what the datasets' opening came to */
    int rc;     /* why it could not start */
    struct err *e;
};

/* ---- the end begins ------------------------------------------------------------------------ */

/* The loop ends once nobody works any more. */
static void look_at_end(struct server *server)
{
    struct pool *pool = server->services.pool;
    if (server->stopping && !server->opener.busy && !(pool && pool_workers_left(pool)))
        uv_stop(&server->loop);
}

static void on_patience(uv_timer_t *timer)
{
    struct server *server = timer->data;
    uv_stop(&server->loop);
}

/* Nothing is rendered from when the workers have ended: what a client holds then stays, whoever is
 * told first. */
static void stop(struct server *server)
{
    if (server->stopping)
        return;
    server->stopping = server->requests.reloader.stopping = true;
    notify_stopping();
    uv_timer_stop(&server->look); /* or the socket would be made again */
    if (server->watches_input)
        uv_poll_stop(&server->input); /* its end would be told again and again */
    acceptor_close(&server->acceptor);
    opener_cancel(&server->opener);
    if (server->services.pool)
        pool_dismiss_workers(server->services.pool);
    uv_timer_start(&server->patience, on_patience, END_MS, 0);
    look_at_end(server);
}

/* ---- loop callbacks ------------------------------------------------------------------------ */

static void on_events(uv_async_t *async)
{
    struct server *server = async->data;
    if (server->services.pool)
        pool_dispatch(server->services.pool, session_event);
    look_at_end(server);
}

static void on_idle(void *data)
{
    struct server *server = data;
    reload_go_on(&server->requests.reloader);
    look_at_end(server);
}

static void notify_loop(void *data)
{
    uv_async_send(data);
}

static void on_signal(uv_signal_t *handle, int number)
{
    log_info("%s: ending", number == SIGTERM ? "SIGTERM" : "SIGINT");
    stop(handle->data);
}

/* Whoever waits for us learns by the exit status that nobody asked for this end. */
static void on_cpu_limit(uv_signal_t *handle, int number)
{
    struct server *server = handle->data;
    if (server->stopping)
        return;
    server->rc = limits_cpu_is_used_up(server->e);
    log_info("SIGXCPU: ending");
    stop(server);
}

static void on_hangup(uv_signal_t *handle, int number)
{
    struct server *server = handle->data;
    log_info("SIGHUP: reading %s again", server->options->config_path);
    reload_later(&server->requests.reloader);
}

/* What is not heard is said again by on_look. */
static void on_reload(void *data, bool begins)
{
    struct server *server = data;
    if (begins)
        notify_reloading();
    else
        server->says_ready = notify_ready();
}

static void on_alive(uv_timer_t *timer)
{
    notify_alive();
}

static void on_look(uv_timer_t *timer)
{
    struct server *server = timer->data;
    refusals_tell(&server->sessions.refusals);
    acceptor_look(&server->acceptor);
    server->says_ready = server->says_ready || notify_ready();
}

/* Whoever has the other end of the pipe ended, however that was, or wants us to end. */
static void on_input(uv_poll_t *poll, int status, int events)
{
    char ignored[256];
    ssize_t n = status < 0 ? 0 : read(STDIN_FILENO, ignored, sizeof ignored);
    if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
        return;
    log_info("standard input has ended: ending");
    stop(poll->data);
}

/* ---- start --------------------------------------------------------------------------------- */

static void close_handle(uv_handle_t *handle, void *data)
{
    uv_close(handle, NULL);
}

static int init_loop(struct server *server, struct err *e)
{
    uv_loop_t *loop = &server->loop;
    int rc = uv_loop_init(loop);
    if (rc)
        return err_sys(e, rc, "event loop");
    rc = uv_async_init(loop, &server->events, on_events);
    if (rc)
        goto close_loop;
    uv_signal_t *signals[] = {&server->sigterm, &server->sigint, &server->sighup, &server->sigxcpu};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        rc = uv_signal_init(loop, signals[i]);
        if (rc)
            goto close_loop;
        signals[i]->data = server;
    }
    rc = opener_init(&server->opener, loop, on_idle, server);
    if (rc)
        goto close_loop;
    uv_timer_init(loop, &server->look);
    uv_timer_init(loop, &server->alive);
    inquiries_init(&server->requests, loop);
    uv_timer_init(loop, &server->patience);
    server->events.data = server->look.data = server->patience.data = server;
    return 0;

close_loop:
    uv_walk(loop, close_handle, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    uv_loop_close(loop);
    return err_sys(e, rc, "event loop");
}

/* Who sees whom. */
static void wire_parts(struct server *server)
{
    server->services = (struct services){.loop = &server->loop,
                                         .opener = &server->opener,
                                         .config = server->config,
                                         .catalog = &server->catalog,
                                         .caches = &server->caches,
                                         .accounts = &server->accounts};
    server->requests = (struct request_context){
        .protocol = {.frame = table_handle, .list_came = open_list_came},
        .services = &server->services,
        .sessions = &server->sessions,
        .reloader = {.services = &server->services,
                     .config = server->config,
                     .catalog = &server->catalog,
                     .config_path = server->options->config_path,
                     .socket_said = server->options->socket_said,
                     .on_reload = on_reload,
                     .data = server},
        .started_ns = clock_ns(),
    };
    server->sessions =
        (struct sessions){.services = &server->services, .protocol = &server->requests.protocol};
}

static int start_ledger(struct server *server, struct err *e)
{
    const struct config_ledger *c = &server->config->ledger;
    struct scribe_options o = {.path = c->path, .max_bytes = c->max_bytes, .files = c->files};
    if (!c->path)
        return 0;
    int rc = deliveries_start(&server->deliveries, &server->services, &o, e);
    if (!rc)
        server->services.deliveries = &server->deliveries;
    return rc;
}

static int make_caches(struct server *server, struct err *e)
{
    const struct config *c = server->config;
    struct render_caches *caches = &server->caches;
    caches->permutations = permutation_cache_new();
    caches->samples = sample_cache_new(c->sample_cache_bytes);
    caches->index_lists = index_list_cache_new(c->limits.list_bytes);
    if (!caches->permutations || !caches->samples || !caches->index_lists)
        return err_set(e, -ENOMEM, "out of memory");
    budget_set(&server->budget, c->budget_bytes, c->memory.bytes, c->memory.of);
    render_caches_share(caches, &server->budget);
    return 0;
}

static void open_datasets(void *data, const _Atomic bool *cancel)
{
    struct server *server = data;
    struct catalog_opening opening = {.cancel = cancel};
    server->opened =
        catalog_open(&server->catalog, server->config, &opening, &server->caches, server->e);
}

static int serve(struct server *server, struct err *e)
{
    const struct config *c = server->config;
    int rc = pool_start(&server->services.pool, pool_workers_for(c->workers), notify_loop,
                        &server->events, e);
    if (rc)
        return rc;
    rc = acceptor_start(&server->acceptor, &server->sessions, e);
    if (rc)
        return rc;
    uv_timer_start(&server->look, on_look, LOOK_MS, LOOK_MS);
    log_info("ready: %s, %u workers, %s pixels", c->socket,
             pool_worker_count(server->services.pool), isa_names[isa_level()]);
    server->says_ready = notify_ready();
    uint64_t alive_ms = notify_alive_ms();
    if (alive_ms)
        uv_timer_start(&server->alive, on_alive, 0, alive_ms);
    return 0;
}

static void on_opened(void *data)
{
    struct server *server = data;
    if (server->stopping)
        return;
    server->rc = server->opened ? server->opened : serve(server, server->e);
    if (server->rc)
        stop(server);
}

static int watch_signals(struct server *server, struct err *e)
{
    const struct {
        uv_signal_t *handle;
        uv_signal_cb on;
        int number;
    } signals[] = {
        {&server->sigterm, on_signal, SIGTERM},
        {&server->sigint, on_signal, SIGINT},
        {&server->sighup, on_hangup, SIGHUP},
        {&server->sigxcpu, on_cpu_limit, SIGXCPU},
    };
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        int rc = uv_signal_start(signals[i].handle, signals[i].on, signals[i].number);
        if (rc)
            return err_set(e, rc, "watching signals: %s", uv_strerror(rc));
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL); /* a reload that was asked for since (main.c) */
    return 0;
}

static int watch_input(struct server *server, struct err *e)
{
    int rc = polls_init(&server->loop, &server->input, STDIN_FILENO);
    if (rc)
        return err_set(e, rc, "--until-eof: standard input cannot be watched (%s): want a pipe",
                       uv_strerror(rc));
    server->watches_input = true;
    server->input.data = server;
    rc = uv_poll_start(&server->input, UV_READABLE | UV_DISCONNECT, on_input);
    return rc ? err_set(e, rc, "watching standard input: %s", uv_strerror(rc)) : 0;
}

uint64_t server_descriptors(const struct config *c)
{
    return 64 + UINT64_C(6) * c->limits.clients;
}

/* What was made until an error is close_all's. */
static int start(struct server *server, struct err *e)
{
    const struct config *c = server->config;
    const struct opener_work work = {.run = open_datasets, .done = on_opened, .data = server};
    char text[CONFIG_MEMORY_TEXT_SIZE];
    log_info("%s", config_memory_text(c, text)); /* before anything may lack it */
    int rc = watch_signals(server, e);
    if (rc)
        return rc;
    /* The path first: a second daemon should say so before it inflates anything. */
    struct listener_access access = {c->socket_mode, c->socket_gid};
    int passed = server->options->passed_fd;
    rc = passed < 0 ? listener_open(&server->acceptor.listener, c->socket, access, e)
                    : listener_adopt(&server->acceptor.listener, c->socket, passed, e);
    if (rc)
        return rc;
    rc = polls_reserve(&server->loop, server->acceptor.listener.fd, server_descriptors(c));
    if (rc)
        return err_sys(e, rc, "growing the event loop");
    rc = server->options->until_eof ? watch_input(server, e) : 0;
    if (rc)
        return rc;
    rc = make_caches(server, e);
    if (rc)
        return rc;
    rc = start_ledger(server, e);
    return rc ? rc : opener_run(&server->opener, &work, e);
}

/* ---- end ----------------------------------------------------------------------------------- */

static void close_sessions(struct server *server)
{
    while (server->sessions.first)
        session_close(server->sessions.first, FMNIST_EDEAD, "the daemon is shutting down");
    refusals_tell(&server->sessions.refusals);
}

/* Somebody works who does not look whether he is wanted: in a job, or in a file system that does
 * not answer. The clients are told, and the process's end is his. */
static void end_at_once(struct server *server)
{
    log_warning("ending without waiting for %s any longer",
                server->opener.busy ? "the thread that opens datasets" : "a worker");
    close_sessions(server);
    deliveries_stop(&server->deliveries);
    log_end(LOG_LATE_END_MS);
    _exit(server->rc ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* Everything that was made, in reverse; each part accepts that it was never made. */
static void close_all(struct server *server)
{
    stop(server);
    if (server->opener.busy || (server->services.pool && pool_workers_left(server->services.pool)))
        end_at_once(server);
    close_sessions(server);
    uv_handle_t *handles[] = {(uv_handle_t *)&server->sigterm, (uv_handle_t *)&server->sigint,
                              (uv_handle_t *)&server->sighup,  (uv_handle_t *)&server->sigxcpu,
                              (uv_handle_t *)&server->look,    (uv_handle_t *)&server->alive,
                              (uv_handle_t *)&server->patience};
    for (size_t i = 0; i < sizeof handles / sizeof *handles; i++)
        uv_close(handles[i], NULL);
    if (server->watches_input)
        uv_close((uv_handle_t *)&server->input, NULL);
    opener_close(&server->opener);
    inquiries_close(&server->requests);
    uv_run(&server->loop, UV_RUN_NOWAIT); /* sessions' handles */
    pool_stop(server->services.pool);
    server->services.pool = NULL;
    deliveries_close(&server->deliveries);
    uv_close((uv_handle_t *)&server->events, NULL);
    uv_run(&server->loop, UV_RUN_DEFAULT); /* until the loop is empty */
    uv_loop_close(&server->loop);
    deliveries_stop(&server->deliveries);
    catalog_close(&server->catalog, &server->caches);
    sample_cache_free(server->caches.samples);
    permutation_cache_free(server->caches.permutations);
    index_list_cache_free(server->caches.index_lists);
}

int server_run(struct config *config, const struct server_options *options, struct err *e)
{
    struct server server = {
        .options = options,
        .config = config,
        .acceptor = {.listener = {.fd = -1, .lock_fd = -1}, .spare_fd = -1},
        .e = e,
    };
    struct err isa;
    if (isa_choose(&isa))
        log_warning("%s; using %s", isa.text, isa_names[isa_level()]);
    wire_parts(&server);
    int rc = init_loop(&server, e);
    if (rc)
        return rc;
    server.rc = start(&server, e);
    if (!server.rc)
        uv_run(&server.loop, UV_RUN_DEFAULT);
    close_all(&server);
    return server.rc;
}
