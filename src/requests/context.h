/* SPDX-License-Identifier: MIT */
/* requests/context.h — what answering needs beside the session that asks. server.c makes it. */
#ifndef REQUESTS_CONTEXT_H
#define REQUESTS_CONTEXT_H

#include "base/container.h"
#include "host/cpu_load.h"
#include "requests/reload.h"
#include "session/session.h"

struct request_context {
    struct session_protocol protocol; /* table.c's */
    const struct services *services;
    struct sessions *sessions;
    struct reloader reloader;
    struct {
        uv_timer_t timer;
        uint64_t next_ns; /* nobody is answered before */
    } inquiries;          /* inquiries.c's */
    struct cpu_load load; /* of the CPUs */
    uint64_t started_ns;  /* the daemon */
};

static inline struct request_context *request_context(const struct session *s)
{
    return container_of(s->all->protocol, struct request_context, protocol);
}

#endif
