/* Start, accept, end. What a connection says is session.c's, what is rendered is pool.c's. */
#include "server/server.h"

#include "base/clock.h"
#include "base/io.h"
#include "base/near.h"
#include "host/cpus.h"
#include "pixels/isa.h"
#include "server/notify.h"
#include "server/reload.h"
#include "server/session.h"
#include "wire/message.h"
#include "wire/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* user_namespaces(7): what an unmapped uid looks like from here. */
#define OVERFLOW_UID 65534u

#define NAMES_TOLD 8 /* a config may have 256 */

static void tell_served(const struct server *s, const char *name, struct err *e)
{
    char list[NAMES_TOLD * (DATASET_NAME_SIZE + 2) + 64];
    size_t used = 0;
    const char *near = NULL;
    unsigned least = NEAR_WORD;
    for (uint32_t i = 0; i < s->config->dataset_count; i++) {
        const char *served = s->datasets[i]->name;
        if (near_takes(name, served, &least))
            near = served;
        if (i < NAMES_TOLD)
            used +=
                (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", served);
    }
    if (s->config->dataset_count > NAMES_TOLD)
        snprintf(list + used, sizeof list - used, " and %u more (fmnistctl datasets)",
                 s->config->dataset_count - NAMES_TOLD);
    err_set(e, -ENOENT, "no dataset \"%s\"%s%s%s; served: %s", name, near ? " (is it \"" : "",
            near ? near : "", near ? "\"?)" : "", list);
}

struct dataset *server_dataset(const struct server *s, const char *name, struct err *e)
{
    for (uint32_t i = 0; i < s->config->dataset_count; i++)
        if (!strcmp(s->datasets[i]->name, name))
            return s->datasets[i];
    tell_served(s, name, e);
    return NULL;
}

/* ---- accepting ----------------------------------------------------------------------------- */

static uint32_t sessions_of(const struct server *server, uid_t uid)
{
    uint32_t n = 0;
    for (struct session *s = server->sessions; s; s = session_next(s)) {
        struct session_stats f;
        session_stats(s, &f);
        n += f.uid == uid;
    }
    return n;
}

/* Why this peer may not come in; 0 where it may. */
static int refuse(const struct server *server, const struct ucred *peer, struct err *e)
{
    const struct config_limits *limits = &server->config->limits;
    if (peer->uid == OVERFLOW_UID && peer->pid == 0)
        return err_set(e, FMNIST_EPERM, "a peer of an unknown user namespace is not served");
    if (server->session_count >= limits->clients)
        return err_set(e, FMNIST_ELIMIT, "limits.clients: %u are connected", limits->clients);
    if (sessions_of(server, peer->uid) >= limits->clients_per_user)
        return err_set(e, FMNIST_ELIMIT, "limits.clients_per_user: %u of uid %u are connected",
                       limits->clients_per_user, (unsigned)peer->uid);
    return 0;
}

static void accept_one(struct server *server, int fd)
{
    struct ucred peer = {.uid = OVERFLOW_UID};
    socklen_t size = sizeof peer;
    struct err e;
    int rc = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
    int refused = rc < 0 ? err_set(&e, FMNIST_EIO, "SO_PEERCRED: %s", strerror(errno))
                         : refuse(server, &peer, &e);
    struct err failure;
    rc = session_new(server, fd, peer.uid, peer.pid, &failure);
    if (rc) {
        log_warning("%s", failure.text);
        return;
    }
    server->accepted++;
    if (refused) {
        server->refused++;
        session_close(server->sessions, refused, e.text);
    }
}

/* The only frame of a connection that has no session. Its socket is empty, so it fits. */
static void turn_away(int fd, const char *text)
{
    struct wire_buffer body = {0};
    wire_add_u32(&body, (uint32_t)FMNIST_ENOMEM);
    wire_add_text(&body, text);
    uint8_t head[WIRE_HEAD_SIZE];
    wire_put_head(head, WIRE_ERROR, (uint32_t)body.size);
    struct iovec parts[] = {{head, sizeof head}, {body.bytes, body.size}};
    if (fd >= 0 && !body.failed)
        socket_send(fd, parts, 2);
    wire_buffer_free(&body);
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
    struct server *server = poll->data;
    for (;;) {
        int fd = accept4(server->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            accept_one(server, fd);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
            /* The connection stays in the backlog, which would call us again at once, for ever:
             * give the spare descriptor for it, say why, and close. */
            struct err e;
            fd_error(&e, -errno, "accept");
            log_warning("a client was turned away: %s", e.text);
            fd_close(&server->spare_fd);
            fd = accept4(server->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
            turn_away(fd, e.text);
            fd_close(&fd);
            server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
            server->refused++;
        }
        return;
    }
}

/* ---- loop callbacks ------------------------------------------------------------------------ */

static void on_events(uv_async_t *async)
{
    struct server *server = async->data;
    if (server->pool)
        pool_dispatch(server->pool, session_event);
}

static void notify_loop(void *data)
{
    uv_async_send(data);
}

static void stop(struct server *server)
{
    if (server->stopping)
        return;
    server->stopping = true;
    notify_stopping();
    listener_close(&server->listener);
    if (server->pool)
        pool_end_workers(server->pool); /* what a client holds stays, whoever is told first */
    while (server->sessions)
        session_close(server->sessions, FMNIST_EDEAD, "the daemon is shutting down");
    uv_close((uv_handle_t *)&server->sigterm, NULL);
    uv_close((uv_handle_t *)&server->sigint, NULL);
    uv_close((uv_handle_t *)&server->sighup, NULL);
    if (server->watches_input)
        uv_close((uv_handle_t *)&server->input, NULL);
    uv_stop(&server->loop);
}

static void on_signal(uv_signal_t *handle, int number)
{
    log_info("%s: ending", number == SIGTERM ? "SIGTERM" : "SIGINT");
    stop(handle->data);
}

static void on_hangup(uv_signal_t *handle, int number)
{
    struct server *server = handle->data;
    log_info("SIGHUP: reading %s again", server->config_path);
    reload_start(server, NULL, NULL);
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

/* ---- start and end ------------------------------------------------------------------------- */

static void note(void *data, const char *text)
{
    (void)data;
    log_info("%s", text);
}

static void warn(void *data, const char *text)
{
    (void)data;
    log_warning("%s", text);
}

int server_open_dataset(const struct config *c, const struct dataset_source *source,
                        struct dataset **out, struct err *e)
{
    struct dataset_options o = {
        .cache = c->cache, .use_uring = c->io_uring, .note = note, .warn = warn};
    uint64_t start = clock_ns();
    int rc = dataset_open(source, &o, out, e);
    if (rc)
        return rc;
    const struct dataset_split *s = (*out)->splits;
    log_info("dataset \"%s\": %llu train, %llu test images in %.1f ms", source->name,
             (unsigned long long)s[DATASET_TRAIN].count, (unsigned long long)s[DATASET_TEST].count,
             (double)(clock_ns() - start) / 1e6);
    return 0;
}

static int open_datasets(struct server *server, struct err *e)
{
    const struct config *c = server->config;
    server->datasets = calloc(c->dataset_count, sizeof(struct dataset *));
    if (!server->datasets)
        return err_set(e, -ENOMEM, "out of memory");
    int rc = 0;
    for (uint32_t i = 0; i < c->dataset_count && !rc; i++)
        rc = server_open_dataset(c, &c->datasets[i], &server->datasets[i], e);
    return rc;
}

uint32_t workers_wanted(const struct config *c)
{
    uint32_t cpus = c->workers ? c->workers : usable_cpus();
    return cpus < POOL_WORKERS_MAX ? cpus : POOL_WORKERS_MAX;
}

static int start_parts(struct server *server, struct err *e)
{
    const struct config *c = server->config;
    server->caches.permutations = permutation_cache_new();
    server->caches.samples = sample_cache_new(c->sample_cache_bytes);
    server->caches.index_lists = index_list_cache_new(c->limits.list_bytes);
    if (!server->caches.permutations || !server->caches.samples || !server->caches.index_lists)
        return err_set(e, -ENOMEM, "out of memory");
    int rc = open_datasets(server, e);
    if (rc)
        return rc;
    server->worker_count = workers_wanted(c);
    return pool_start(&server->pool, server->worker_count, notify_loop, &server->events, e);
}

static int start_loop(struct server *server, struct err *e)
{
    server->events.data = server->sigterm.data = server->sigint.data = server->sighup.data = server;
    server->listener.poll.data = server;
    int rc = uv_signal_start(&server->sigterm, on_signal, SIGTERM);
    if (!rc)
        rc = uv_signal_start(&server->sigint, on_signal, SIGINT);
    if (!rc)
        rc = uv_signal_start(&server->sighup, on_hangup, SIGHUP);
    if (rc)
        return err_set(e, rc, "watching signals: %s", uv_strerror(rc));
    return listener_start(&server->listener, &server->loop, on_connection, e);
}

static int watch_input(struct server *server, struct err *e)
{
    int rc = uv_poll_init(&server->loop, &server->input, STDIN_FILENO);
    if (rc)
        return err_set(e, rc, "--until-eof: standard input cannot be watched (%s): want a pipe",
                       uv_strerror(rc));
    server->watches_input = true;
    server->input.data = server;
    rc = uv_poll_start(&server->input, UV_READABLE | UV_DISCONNECT, on_input);
    return rc ? err_set(e, rc, "watching standard input: %s", uv_strerror(rc)) : 0;
}

static int init_loop(struct server *server, struct err *e)
{
    int rc = uv_loop_init(&server->loop);
    if (rc)
        return err_set(e, rc, "event loop: %s", uv_strerror(rc));
    rc = uv_async_init(&server->loop, &server->events, on_events);
    if (!rc)
        rc = uv_signal_init(&server->loop, &server->sigterm);
    if (!rc)
        rc = uv_signal_init(&server->loop, &server->sigint);
    if (!rc)
        rc = uv_signal_init(&server->loop, &server->sighup);
    return rc ? err_set(e, rc, "event loop: %s", uv_strerror(rc)) : 0;
}

/* Everything that was made, in reverse; each part accepts that it was never made. */
static void close_all(struct server *server)
{
    stop(server);
    uv_run(&server->loop, UV_RUN_NOWAIT); /* sessions' handles */
    pool_stop(server->pool);
    server->pool = NULL;
    uv_close((uv_handle_t *)&server->events, NULL);
    uv_run(&server->loop, UV_RUN_DEFAULT); /* until the loop is empty */
    uv_loop_close(&server->loop);
    for (uint32_t i = 0; server->datasets && i < server->config->dataset_count; i++)
        render_caches_put_dataset(&server->caches, server->datasets[i]);
    free(server->datasets);
    sample_cache_free(server->caches.samples);
    permutation_cache_free(server->caches.permutations);
    index_list_cache_free(server->caches.index_lists);
    fd_close(&server->spare_fd);
}

int server_run(struct config *config, const struct server_options *options, struct err *e)
{
    struct server server = {.config = config,
                            .config_path = options->config_path,
                            .socket_said = options->socket_said,
                            .started_ns = clock_ns(),
                            .spare_fd = -1};
    server.listener.fd = server.listener.lock_fd = -1;
    struct err isa;
    if (isa_choose(&isa))
        log_warning("%s; using %s", isa.text, isa_names[isa_level()]);
    int rc = init_loop(&server, e);
    if (rc)
        return rc;
    /* The path first: a second daemon should say so before it inflates anything. */
    rc = listener_open(&server.listener, config->socket, config->socket_mode, e);
    if (!rc)
        rc = start_parts(&server, e);
    if (!rc)
        rc = start_loop(&server, e);
    if (!rc && options->until_eof)
        rc = watch_input(&server, e);
    if (!rc) {
        server.spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        log_info("ready: %s, %u workers, %s pixels", config->socket, server.worker_count,
                 isa_names[isa_level()]);
        notify_ready();
        uv_run(&server.loop, UV_RUN_DEFAULT);
    }
    close_all(&server);
    return rc;
}
