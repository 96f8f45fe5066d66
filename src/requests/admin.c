/* SPDX-License-Identifier: MIT */
/* Answers at once, but for a reload. */
#include "requests/admin.h"

#include "config/config.h"
#include "fmnist.h"
#include "requests/context.h"
#include "session/admission.h"

bool admin_hello(struct session *s, const uint8_t *body, size_t size)
{
    struct wire_cursor c = {.at = body, .left = size};
    uint32_t version = wire_take_u32(&c);
    if (c.failed || version != WIRE_VERSION) {
        struct err e;
        err_set(&e, 0, "protocol version %u: this daemon (%s) speaks %u", version, FMNIST_VERSION,
                WIRE_VERSION);
        session_close(s, FMNIST_EPROTO, e.text);
        return true;
    }
    uv_timer_stop(&s->timer);
    session_enter(s, SESSION_IDLE);
    struct wire_buffer *reply = session_begin_reply(s, WIRE_WELCOME);
    wire_add_u32(reply, WIRE_VERSION);
    wire_add_text(reply, FMNIST_VERSION);
    session_finish_reply(s);
    return true;
}

static void on_reloaded(struct session *s, int rc, const char *text)
{
    session_enter(s, SESSION_IDLE);
    if (rc) {
        session_refuse(s, session_code(rc), text);
    } else {
        wire_add_text(session_begin_reply(s, WIRE_RELOADED), text);
        session_finish_reply(s);
    }
    session_go_on(s);
}

/* The config is the daemon's own user's and root's. */
bool admin_reload(struct session *s, const uint8_t *body, size_t size)
{
    struct err e;
    int rc;
    if (!admission_is_administrator(s->uid))
        session_refuse(s, FMNIST_EPERM, "only root and the daemon's own user may reload");
    else if ((rc = reload_start(&request_context(s)->reloader, s, on_reloaded, &e)))
        session_refuse(s, session_code(rc), e.text);
    else
        session_enter(s, SESSION_RELOADING);
    return true;
}
