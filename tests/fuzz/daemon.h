/* SPDX-License-Identifier: MIT */
/* tests/fuzz/daemon.h — a daemon in the fuzzer's process: its loop, a pool of one worker, sessions
 * with the table of requests, and the dataset "fake" in memory; clients are the other ends of
 * socketpairs.
 *
 * One is made for the process, since a thread for each input would cost the most of its time.
 * After each input all sessions have ended, and what they held must have been given back.
 */
#ifndef TESTS_FUZZ_DAEMON_H
#define TESTS_FUZZ_DAEMON_H

#include "fuzz/unchecked.h"

#include "base/io.h"
#include "base/log.h"
#include "config/config.h"
#include "fuzz/fuzz.h"
#include "render/caches.h"
#include "requests/context.h"
#include "requests/inquiries.h"
#include "requests/open.h"
#include "requests/table.h"

#include <sys/socket.h>
#include <unistd.h>

enum { FAKE_COUNT = 300, FAKE_SIDE = 4 };

static struct here {
    uv_loop_t loop;
    uv_async_t events;
    struct opener opener;
    char socket[8];
    struct fake_set set;
    struct dataset *datasets[1];
    struct config config;
    struct catalog catalog;
    struct render_caches caches;
    struct accounts accounts;
    struct services services;
    struct sessions sessions;
    struct request_context requests;
    bool begun;
} here;

static inline void here_dispatch(uv_async_t *async)
{
    pool_dispatch(here.services.pool, session_event);
}

static inline void here_notify(void *data)
{
    uv_async_send(data);
}

static inline void here_idle(void *data)
{
}

static inline void here_end(void)
{
    pool_stop(here.services.pool);
    opener_close(&here.opener);
    inquiries_close(&here.requests);
    uv_close((uv_handle_t *)&here.events, NULL);
    uv_run(&here.loop, UV_RUN_DEFAULT);
    uv_loop_close(&here.loop);
    caches_free(&here.caches);
    fake_set_free(&here.set);
}

static inline void here_begin(void)
{
    struct err e;
    if (here.begun)
        return;
    here.begun = true;
    log_set_level(LOG_LEVEL_ERROR);
    ck_assert_int_eq(uv_loop_init(&here.loop), 0);
    ck_assert_int_eq(uv_async_init(&here.loop, &here.events, here_dispatch), 0);
    ck_assert_int_eq(opener_init(&here.opener, &here.loop, here_idle, NULL), 0);
    strcpy(here.socket, "here");
    fake_set_init(&here.set, FAKE_COUNT, FAKE_SIDE, FAKE_SIDE, 1);
    caches_init(&here.caches, 1 << 20);
    here.datasets[0] = &here.set.dataset;
    here.catalog = (struct catalog){here.datasets, 1};
    here.services = (struct services){.loop = &here.loop,
                                      .opener = &here.opener,
                                      .config = &here.config,
                                      .catalog = &here.catalog,
                                      .caches = &here.caches,
                                      .accounts = &here.accounts};
    here.requests = (struct request_context){
        .protocol = {.frame = table_handle, .list_came = open_list_came},
        .services = &here.services,
        .sessions = &here.sessions,
        .reloader = {.services = &here.services,
                     .config = &here.config,
                     .catalog = &here.catalog,
                     .config_path = "/dev/null"},
    };
    inquiries_init(&here.requests, &here.loop);
    here.sessions =
        (struct sessions){.services = &here.services, .protocol = &here.requests.protocol};
    ck_assert_int_eq(pool_start(&here.services.pool, 1, here_notify, &here.events, &e), 0);
    atexit(here_end);
}

/* Limits that an input reaches. */
static inline void here_limit(uint32_t handshake_ms)
{
    here.config = (struct config){.socket = here.socket,
                                  .ring_bytes = 1 << 14,
                                  .limits = {.clients = 8,
                                             .clients_per_user = 8,
                                             .ring_bytes = 1 << 16,
                                             .ring_bytes_per_user = 3 << 15,
                                             .list_bytes = 1 << 12,
                                             .handshake_ms = handshake_ms}};
}

/* A client of that user; its end of the connection. */
static inline int here_connect(uid_t uid)
{
    int ends[2];
    struct session *s;
    struct err e;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    struct session_peer peer = {.fd = ends[0], .uid = uid, .pid = 0};
    ck_assert_int_eq(session_new(&s, &here.sessions, &peer, &e), 0);
    return ends[1];
}

/* Lets the loop do what there is to do. */
static inline void here_run(void)
{
    for (int i = 0; i < 4; i++)
        uv_run(&here.loop, UV_RUN_NOWAIT);
}

/* A worker has something of a session's. */
static inline bool here_is_busy(void)
{
    for (const struct session *s = here.sessions.first; s; s = s->next)
        if (s->state == SESSION_OPENING || s->state == SESSION_RELOADING ||
            s->state == SESSION_ASKING)
            return true;
    return false;
}

/* The same, until no worker has anything of theirs. */
static inline void here_settle(void)
{
    here_run();
    /* A round that waits may have what is awaited in its timers, and then waits for nothing. */
    while (here_is_busy()) {
        usleep(20);
        uv_run(&here.loop, UV_RUN_NOWAIT);
    }
    here_run();
}

/* Ends what is left, and fails where anything of it stays. */
static inline void here_clear(void)
{
    here_run();
    while (here.sessions.first)
        session_close(here.sessions.first, FMNIST_EDEAD, "the end");
    here_run();
    ck_assert_uint_eq(here.sessions.count, 0);
    ck_assert_ptr_null(here.accounts.first);
    /* A worker may be opening still for a session that has ended, and so may the opener. */
    for (int i = 0; pool_stream_count(here.services.pool) > 0 || here.opener.busy; i++) {
        ck_assert(i < 50000);
        usleep(100);
        here_run();
    }
}

/* ---- what clients say ---------------------------------------------------------------------- */

static inline void say(int fd, uint16_t type, const void *body, uint32_t size)
{
    uint8_t frame[WIRE_HEAD_SIZE + 4096];
    ck_assert(size <= 4096);
    wire_put_head(frame, type, size);
    if (size)
        memcpy(frame + WIRE_HEAD_SIZE, body, size);
    send(fd, frame, WIRE_HEAD_SIZE + size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static inline void say_hello(int fd)
{
    static const uint8_t version[4] = {WIRE_VERSION};
    say(fd, WIRE_HELLO, version, sizeof version);
}

static inline void fake_spec(struct spec *spec)
{
    spec_init(spec);
    strcpy(spec->dataset, "fake");
    spec->batch_size = 8;
    spec->dtype = FMNIST_UINT8;
}

#endif
