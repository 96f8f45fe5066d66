/* SPDX-License-Identifier: MIT */
/* tests/session/rig.h — a session on a loop of the test's, with the other end of its socket. */
#ifndef TESTS_SESSION_RIG_H
#define TESTS_SESSION_RIG_H

#include "base/log.h"
#include "config/config.h"
#include "session/session.h"
#include "support/support.h"

#include <sys/socket.h>
#include <unistd.h>

static uv_loop_t loop;
static struct config config;
static struct accounts accounts;
static struct services services;
static struct sessions sessions;
static struct session *s;
static int client;

/* A session in HELLO, whose client is the test. */
static inline void session_setup(struct session_protocol *protocol)
{
    struct err e;
    int ends[2];
    uv_loop_init(&loop); /* keeps two descriptors for the process */
    uv_loop_close(&loop);
    support_setup();
    log_set_level(LOG_LEVEL_ERROR);
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    config = (struct config){.limits = {.handshake_ms = 100, .list_bytes = 100}};
    services = (struct services){.loop = &loop, .config = &config, .accounts = &accounts};
    sessions = (struct sessions){.services = &services, .protocol = protocol};
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    client = ends[1];
    struct session_peer peer = {.fd = ends[0], .uid = 7, .pid = getpid()};
    ck_assert_int_eq(session_new(&s, &sessions, &peer, &e), 0);
}

static inline void session_teardown(void)
{
    while (sessions.first)
        session_close(sessions.first, 0, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    ck_assert_ptr_null(accounts.first);
    close(client);
    support_teardown();
}

static inline void send_frame(uint16_t type)
{
    uint8_t head[WIRE_HEAD_SIZE];
    wire_put_head(head, type, 0);
    ck_assert_int_eq(send(client, head, sizeof head, 0), sizeof head);
}

/* The type of the frame that came; 0: none did. */
static inline uint16_t reply_type(void)
{
    uint8_t bytes[1024];
    ssize_t n = recv(client, bytes, sizeof bytes, 0);
    return n < WIRE_HEAD_SIZE ? 0 : (uint16_t)(bytes[4] | bytes[5] << 8);
}

#endif
