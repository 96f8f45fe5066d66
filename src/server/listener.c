/* Binding a Unix socket without a race. Does not accept: that is server.c. */
#include "server/listener.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128

static int make_folder(const char *socket_path, struct err *e)
{
    char copy[sizeof((struct listener *)0)->path];
    snprintf(copy, sizeof copy, "%s", socket_path);
    const char *folder = dirname(copy);
    if (mkdir(folder, 0700) < 0 && errno != EEXIST)
        return err_sys(e, -errno, "making the socket's folder %s", folder);
    return 0;
}

static int take_lock(struct listener *l, struct err *e)
{
    char path[sizeof l->path + 8];
    snprintf(path, sizeof path, "%s.lock", l->path);
    l->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (l->lock_fd < 0)
        return err_sys(e, -errno, "opening %s", path);
    if (flock(l->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return err_set(e, -EADDRINUSE,
                       "another fmnistd serves %s (it holds %s): stop it, or give this one another "
                       "socket",
                       l->path, path);
    return err_sys(e, -errno, "locking %s", path);
}

/* Somebody else's file at the socket's place is not ours to replace. */
static int check_place(const struct listener *l, struct err *e)
{
    struct stat st;
    if (lstat(l->path, &st) < 0)
        return errno == ENOENT ? 0 : err_sys(e, -errno, "looking at %s", l->path);
    if (!S_ISSOCK(st.st_mode))
        return err_set(e, -EEXIST, "%s exists and is no socket: not replaced", l->path);
    return 0;
}

static int bind_renamed(struct listener *l, uint32_t mode, struct err *e)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int n = snprintf(a.sun_path, sizeof a.sun_path, "%s.new", l->path);
    if (n < 0 || (size_t)n >= sizeof a.sun_path)
        return err_set(e, -ENAMETOOLONG, "socket path %s: want at most %zu characters", l->path,
                       sizeof a.sun_path - 5);
    /* Left by a daemon that was killed between bind and rename; the lock says it is gone. */
    unlink(a.sun_path);
    mode_t before = umask(0777 & ~(mode_t)mode);
    int rc = bind(l->fd, (struct sockaddr *)&a, sizeof a) < 0 ? -errno : 0;
    umask(before);
    if (rc)
        return err_sys(e, rc, "binding %s", a.sun_path);
    struct stat st;
    if (listen(l->fd, BACKLOG) < 0 || lstat(a.sun_path, &st) < 0 ||
        rename(a.sun_path, l->path) < 0) {
        rc = err_sys(e, -errno, "listening on %s", l->path);
        unlink(a.sun_path);
        return rc;
    }
    l->dev = st.st_dev;
    l->ino = st.st_ino;
    return 0;
}

int listener_open(struct listener *l, const char *path, uint32_t mode, struct err *e)
{
    memset(l, 0, sizeof *l);
    l->fd = l->lock_fd = -1;
    snprintf(l->path, sizeof l->path, "%s", path);
    int rc = make_folder(l->path, e);
    if (rc)
        return rc;
    rc = take_lock(l, e);
    if (rc)
        goto close_lock;
    rc = check_place(l, e);
    if (rc)
        goto close_lock;
    l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0) {
        rc = err_sys(e, -errno, "socket");
        goto close_lock;
    }
    rc = bind_renamed(l, mode, e);
    if (rc)
        goto close_socket;
    return 0;

close_socket:
    fd_close(&l->fd);
close_lock:
    fd_close(&l->lock_fd);
    return rc;
}

int listener_start(struct listener *l, uv_loop_t *loop, uv_poll_cb ready, struct err *e)
{
    int rc = uv_poll_init(loop, &l->poll, l->fd);
    if (rc)
        return err_set(e, rc, "polling the socket: %s", uv_strerror(rc));
    l->polling = true;
    rc = uv_poll_start(&l->poll, UV_READABLE, ready);
    return rc ? err_set(e, rc, "polling the socket: %s", uv_strerror(rc)) : 0;
}

void listener_close(struct listener *l)
{
    if (l->fd < 0)
        return;
    if (l->polling)
        uv_close((uv_handle_t *)&l->poll, NULL);
    l->polling = false;
    struct stat st;
    if (lstat(l->path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino)
        unlink(l->path);
    fd_close(&l->fd);
    fd_close(&l->lock_fd);
}
