/* SPDX-License-Identifier: MIT */
/* Binding a Unix socket without a race. Does not accept: that is acceptor.c. */
#include "server/listener.h"

#include "base/io.h"
#include "session/polls.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG        128
#define LOCK_TRIES     8
#define LOCK_PATH_SIZE (sizeof((struct listener *)0)->path + 8)

/* Whoever may connect has to come as far as the socket, whose own mode says who that is. */
static int make_folder(const struct listener *l, struct err *e)
{
    char copy[sizeof l->path];
    if (l->passed)
        return 0; /* it is the service manager's, with a mode that we do not know */
    snprintf(copy, sizeof copy, "%s", l->path);
    const char *folder = dirname(copy);
    bool group = l->access.mode & 0020;
    if (mkdir(folder, 0700) == 0)
        return group && chmod(folder, 0711) < 0 ? err_sys(e, -errno, "mode 0711 of %s", folder) : 0;
    return errno == EEXIST ? 0 : err_sys(e, -errno, "making the socket's folder %s", folder);
}

static void lock_path(const struct listener *l, char path[LOCK_PATH_SIZE])
{
    snprintf(path, LOCK_PATH_SIZE, "%s.lock", l->path);
}

static bool find_file(const char *path, struct listener_file *file)
{
    struct stat st;
    if (lstat(path, &st) < 0)
        return false;
    *file = (struct listener_file){st.st_dev, st.st_ino};
    return true;
}

static bool is_there(const char *path, const struct listener_file *ours)
{
    struct listener_file there;
    return find_file(path, &there) && there.dev == ours->dev && there.ino == ours->ino;
}

static bool lock_is_there(const struct listener *l)
{
    char path[LOCK_PATH_SIZE];
    if (l->lock_fd < 0)
        return true; /* there was none to begin with */
    lock_path(l, path);
    return is_there(path, &l->lock_file);
}

static int open_lock(struct listener *l, const char *path, struct err *e)
{
    l->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (l->lock_fd < 0)
        return err_sys(e, -errno, "opening %s", path);
    if (flock(l->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    int rc = -errno;
    fd_close(&l->lock_fd);
    if (rc == -EWOULDBLOCK)
        return err_set(e, -EADDRINUSE,
                       "another fmnistd serves %s (it holds %s): stop it, or give this one another "
                       "socket",
                       l->path, path);
    return err_sys(e, rc, "locking %s", path);
}

/* Somebody may delete the file between our open and our lock: it is made once more then. Not for
 * ever, because there are file systems whose fstat knows another inode than their lstat. */
static int take_lock(struct listener *l, struct err *e)
{
    char path[LOCK_PATH_SIZE];
    struct stat held;
    lock_path(l, path);
    for (int tries = 0; tries < LOCK_TRIES; tries++) {
        fd_close(&l->lock_fd);
        int rc = open_lock(l, path, e);
        if (rc)
            return rc;
        if (find_file(path, &l->lock_file) && fstat(l->lock_fd, &held) == 0 &&
            held.st_ino == l->lock_file.ino)
            break;
    }
    return 0;
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

/* Left by a daemon that was killed between bind and rename; the lock says it is gone. */
static int clear_place(const char *path, struct err *e)
{
    struct stat st;
    if (unlink(path) == 0 || errno == ENOENT)
        return 0;
    int rc = -errno;
    if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return err_set(e, -EEXIST, "%s exists and is a folder: remove it, the socket is made there",
                       path);
    return err_sys(e, rc, "removing %s", path);
}

static int bind_there(const struct listener *l, int fd, const char *path, struct err *e)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    strcpy(a.sun_path, path);
    mode_t before = umask(0777 & ~(mode_t)l->access.mode);
    int rc = bind(fd, (struct sockaddr *)&a, sizeof a) < 0 ? -errno : 0;
    umask(before);
    /* Nobody's lock is meant (exit status 69): somebody made a file there this moment. */
    return rc == -EADDRINUSE ? err_set(e, -EEXIST, "%s exists, and was not there just now", path)
           : rc              ? err_sys(e, rc, "binding %s", path)
                             : 0;
}

/* Before it listens: nobody is let in by the group that it had. */
static int give_to_group(const struct listener *l, const char *path, struct err *e)
{
    if (l->access.gid == UINT32_MAX || lchown(path, (uid_t)-1, l->access.gid) == 0)
        return 0;
    int rc = -errno;
    if (rc != -EPERM)
        return err_sys(e, rc, "giving %s to group %u", path, l->access.gid);
    return err_set(e, rc,
                   "socket_group is the group of number %u, and user %u may not give it %s: make "
                   "that user a member (usermod -aG, or SupplementaryGroups= in a unit), or leave "
                   "socket_group out",
                   l->access.gid, (unsigned)geteuid(), l->path);
}

static int bind_renamed(struct listener *l, int fd, struct err *e)
{
    char path[sizeof l->path + 8];
    int n = snprintf(path, sizeof path, "%s.new", l->path);
    if (n < 0 || (size_t)n >= sizeof((struct sockaddr_un *)0)->sun_path)
        return err_set(e, -ENAMETOOLONG, "socket path %s: want at most %zu characters", l->path,
                       sizeof((struct sockaddr_un *)0)->sun_path - 5);
    int rc = clear_place(path, e);
    if (rc == 0)
        rc = bind_there(l, fd, path, e);
    if (rc)
        return rc;
    rc = give_to_group(l, path, e);
    if (!rc && (listen(fd, BACKLOG) < 0 || rename(path, l->path) < 0))
        rc = err_sys(e, -errno, "listening on %s", l->path);
    if (rc) {
        unlink(path);
        return rc;
    }
    find_file(l->path, &l->socket_file);
    return 0;
}

/* A socket at the path, which is not polled yet. */
static int make_socket(struct listener *l, int *fd, struct err *e)
{
    int rc = check_place(l, e);
    if (rc)
        return rc;
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*fd < 0)
        return err_sys(e, -errno, "socket");
    rc = bind_renamed(l, *fd, e);
    if (rc)
        fd_close(fd);
    return rc;
}

int listener_open(struct listener *l, const char *path, struct listener_access access,
                  struct err *e)
{
    memset(l, 0, sizeof *l);
    l->fd = l->lock_fd = -1;
    l->access = access;
    snprintf(l->path, sizeof l->path, "%s", path);
    int rc = make_folder(l, e);
    if (rc == 0)
        rc = take_lock(l, e);
    if (rc == 0)
        rc = make_socket(l, &l->fd, e);
    if (rc)
        fd_close(&l->lock_fd);
    return rc;
}

int listener_adopt(struct listener *l, const char *path, int fd, struct err *e)
{
    *l = (struct listener){.fd = fd, .lock_fd = -1, .passed = true};
    snprintf(l->path, sizeof l->path, "%s", path);
    find_file(l->path, &l->socket_file);
    int rc = take_lock(l, e);
    if (rc != -EADDRINUSE)
        return 0;
    fd_close(&l->fd);
    return rc;
}

int listener_start(struct listener *l, uv_loop_t *loop, uv_poll_cb ready, struct err *e)
{
    int rc = polls_init(loop, &l->poll, l->fd);
    if (rc)
        return err_set(e, rc, "polling the socket: %s", uv_strerror(rc));
    l->polling = true;
    l->ready = ready;
    rc = listener_resume(l);
    return rc ? err_set(e, rc, "polling the socket: %s", uv_strerror(rc)) : 0;
}

void listener_pause(struct listener *l)
{
    uv_poll_stop(&l->poll);
}

int listener_resume(struct listener *l)
{
    return uv_poll_start(&l->poll, UV_READABLE, l->ready);
}

/* ---- while it serves ----------------------------------------------------------------------- */

/* The lock first: whoever has the new file's has the path. */
static int renew_lock(struct listener *l, struct err *e)
{
    struct listener again = *l;
    again.lock_fd = -1;
    int rc = make_folder(l, e);
    if (rc == 0)
        rc = take_lock(&again, e);
    if (rc)
        return rc;
    fd_close(&l->lock_fd);
    l->lock_fd = again.lock_fd;
    l->lock_file = again.lock_file;
    return 0;
}

/* The new socket gets the old one's number, which libuv knows. Whoever had connected to the old one
 * is taken in before. */
static int renew_socket(struct listener *l, struct err *e)
{
    int fd;
    int rc = make_socket(l, &fd, e);
    if (rc)
        return rc;
    l->ready(&l->poll, 0, UV_READABLE);
    listener_pause(l);
    if (dup3(fd, l->fd, O_CLOEXEC) < 0) {
        rc = err_sys(e, -errno, "putting the new socket in the old one's place");
        unlink(l->path); /* nobody listens there; the next look makes another */
    }
    fd_close(&fd);
    int resumed = listener_resume(l);
    return resumed ? err_set(e, resumed, "polling the socket: %s", uv_strerror(resumed)) : rc;
}

int listener_look(struct listener *l, struct err *e)
{
    bool lock = lock_is_there(l), socket = is_there(l->path, &l->socket_file);
    int rc = lock ? 0 : renew_lock(l, e);
    if (rc == 0 && !socket && l->passed)
        rc = err_set(e, -ENOENT,
                     "its socket file was gone, and is the service manager's to make: "
                     "restart the socket unit");
    if (rc == 0 && !socket)
        rc = renew_socket(l, e);
    if (rc)
        return err_prefix(e, rc, "nobody can connect to %s", l->path);
    if (lock && socket)
        return 0;
    return err_set(e, LISTENER_RENEWED, "%s: its %s gone, and is made again", l->path,
                   lock     ? "socket file was"
                   : socket ? "lock file was"
                            : "lock file was gone, its socket file was");
}

/* ---- end ----------------------------------------------------------------------------------- */

void listener_close(struct listener *l)
{
    if (l->fd < 0)
        return;
    if (l->polling)
        uv_close((uv_handle_t *)&l->poll, NULL);
    l->polling = false;
    if (!l->passed && is_there(l->path, &l->socket_file))
        unlink(l->path);
    fd_close(&l->fd);
    fd_close(&l->lock_fd);
}
