/* Accepts. What a connection says is session/'s and requests/'s. */
#include "server/acceptor.h"

#include "base/io.h"
#include "config/config.h"
#include "fmnist.h"
#include "wire/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

/* user_namespaces(7): what an unmapped uid looks like from here. */
#define OVERFLOW_UID 65534u

/* Why this peer may not come in; 0 where it may. */
static int refuse(const struct sessions *all, const struct ucred *peer, struct err *e)
{
    const struct config_limits *limits = &all->services->config->limits;
    if (peer->uid == OVERFLOW_UID && peer->pid == 0)
        return err_set(e, FMNIST_EPERM, "a peer of an unknown user namespace is not served");
    if (all->count >= limits->clients)
        return err_set(e, FMNIST_ELIMIT, "limits.clients: %u are connected", limits->clients);
    if (accounts_clients(all->services->accounts, peer->uid) >= limits->clients_per_user)
        return err_set(e, FMNIST_ELIMIT, "limits.clients_per_user: %u of uid %u are connected",
                       limits->clients_per_user, (unsigned)peer->uid);
    return 0;
}

static void accept_one(struct sessions *all, int fd)
{
    struct ucred peer = {.uid = OVERFLOW_UID};
    socklen_t size = sizeof peer;
    struct err e;
    int rc = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
    int refused = rc < 0 ? err_set(&e, FMNIST_EIO, "SO_PEERCRED: %s", strerror(errno))
                         : refuse(all, &peer, &e);
    struct err failure;
    struct session *s;
    struct session_peer who = {.fd = fd, .uid = peer.uid, .pid = peer.pid};
    rc = session_new(&s, all, &who, &failure);
    if (rc) {
        refusals_add(&all->refusals, LOG_LEVEL_WARNING, peer.uid, rc, "%s", failure.text);
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
    if (fd >= 0 && !body.failed)
        socket_send(fd, parts, 2);
    wire_buffer_free(&body);
}

/* The connection stays in the backlog, which would call us again at once, for ever: gives the spare
 * descriptor for it, says why, and closes. */
static void use_spare(struct acceptor *a, int reason)
{
    struct err e;
    fd_error(&e, reason, "accept");
    refusals_add(&a->sessions->refusals, LOG_LEVEL_WARNING, REFUSALS_NOBODY, reason,
                 "a client was turned away: %s", e.text);
    fd_close(&a->spare_fd);
    int fd = accept4(a->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    turn_away(fd, e.text);
    fd_close(&fd);
    a->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    a->sessions->refused++;
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
    struct acceptor *a = poll->data;
    for (;;) {
        int fd = accept4(a->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            accept_one(a->sessions, fd);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
            use_spare(a, -errno);
        return;
    }
}

int acceptor_start(struct acceptor *a, struct sessions *sessions, struct err *e)
{
    a->sessions = sessions;
    a->listener.poll.data = a;
    a->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return listener_start(&a->listener, sessions->services->loop, on_connection, e);
}

void acceptor_close(struct acceptor *a)
{
    listener_close(&a->listener);
    fd_close(&a->spare_fd);
}
