/* SPDX-License-Identifier: MIT */
/* Accepts. What a connection says is session/'s and requests/'s. */
#include "server/acceptor.h"

#include "base/io.h"
#include "fmnist.h"
#include "session/admission.h"
#include "wire/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

/* user_namespaces(7): what an unmapped uid looks like from here. */
#define OVERFLOW_UID 65534u

/* Connections taken in at a time: the loop has others to look after, and is called again for what
 * is left. */
#define ACCEPTS_MAX 16

/* Why this peer may not come in; 0 where it may, and has a place. */
static int refuse(struct sessions *all, struct session_peer *peer, struct err *e)
{
    if (peer->uid == OVERFLOW_UID && peer->pid == 0)
        return err_set(e, FMNIST_EPERM, "a peer of an unknown user namespace is not served");
    return admission_find(all, peer->uid, &peer->reserved, e) ? FMNIST_ELIMIT : 0;
}

static int who_is(int fd, struct session_peer *peer, struct err *e)
{
    struct ucred cred = {.uid = OVERFLOW_UID};
    socklen_t size = sizeof cred;
    int rc = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0 ? -errno : 0;
    *peer = (struct session_peer){.fd = fd, .uid = cred.uid, .pid = cred.pid};
    return rc ? err_set(e, FMNIST_EIO, "SO_PEERCRED: %s", strerror(-rc)) : 0;
}

static void accept_one(struct sessions *all, int fd)
{
    struct err e, failure;
    struct session_peer peer;
    struct session *s;
    int refused = who_is(fd, &peer, &e);
    if (!refused)
        refused = refuse(all, &peer, &e);
    if (session_new(&s, all, &peer, &failure)) {
        refusals_add(&all->refusals, LOG_LEVEL_WARNING, peer.uid, FMNIST_ENOMEM, "%s",
                     failure.text);
        return;
    }
    all->accepted++;
    if (refused) {
        all->refused++;
        session_close(s, refused, e.text);
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
    if (!body.failed)
        socket_send(fd, parts, 2);
    wire_buffer_free(&body);
}

/* An idle connection may end for this one, which gives its descriptors back. */
static bool make_room(struct acceptor *a, int fd, const char *why)
{
    struct session_peer peer;
    return !who_is(fd, &peer, NULL) && admission_make_room(a->sessions, peer.uid, why);
}

static int open_spare(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* A connection that cannot be taken out of the backlog would call us again at once, for ever. */
static void pause_accepting(struct acceptor *a, const char *why)
{
    log_warning("nobody is accepted for a few seconds: %s", why);
    listener_pause(&a->listener);
    a->paused = true;
}

/* The connection stays in the backlog: gives the spare descriptor for it. Where nobody's place can
 * be had it says why, and closes. */
static void use_spare(struct acceptor *a, int reason)
{
    struct err e;
    fd_error(&e, reason, "accept");
    fd_close(&a->spare_fd);
    int fd = accept4(a->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        if (errno != EAGAIN)
            pause_accepting(a, e.text);
        a->spare_fd = open_spare();
        return;
    }
    if (make_room(a, fd, e.text)) {
        a->spare_fd = open_spare();
        accept_one(a->sessions, fd);
        return;
    }
    refusals_add(&a->sessions->refusals, LOG_LEVEL_WARNING, REFUSALS_NOBODY, reason,
                 "a client was turned away: %s", e.text);
    turn_away(fd, e.text);
    fd_close(&fd);
    a->spare_fd = open_spare();
    a->sessions->refused++;
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
    struct acceptor *a = poll->data;
    for (int i = 0; i < ACCEPTS_MAX; i++) {
        int fd = accept4(a->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            accept_one(a->sessions, fd);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
            use_spare(a, -errno);
        else if (errno != EAGAIN)
            pause_accepting(a, strerror(errno));
        return;
    }
}

static void go_on(struct acceptor *a)
{
    if (a->spare_fd < 0)
        a->spare_fd = open_spare();
    if (!a->paused || a->spare_fd < 0 || listener_resume(&a->listener))
        return;
    a->paused = false;
    log_info("clients are accepted again");
}

void acceptor_look(struct acceptor *a)
{
    struct err e;
    go_on(a);
    int rc = listener_look(&a->listener, &e);
    if (rc == LISTENER_RENEWED)
        log_warning("%s", e.text);
    if (rc < 0 && !a->disabled)
        log_error("%s", e.text);
    a->disabled = rc < 0;
}

int acceptor_start(struct acceptor *a, struct sessions *sessions, struct err *e)
{
    a->sessions = sessions;
    a->listener.poll.data = a;
    a->spare_fd = open_spare();
    return listener_start(&a->listener, sessions->services->loop, on_connection, e);
}

void acceptor_close(struct acceptor *a)
{
    listener_close(&a->listener);
    fd_close(&a->spare_fd);
}
