/* SPDX-License-Identifier: MIT */
/* Takes the socket that was passed. Does not serve it: that is listener.c and acceptor.c. */
#include "server/passed.h"

#include "base/io.h"
#include "server/variable.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

static bool has_option(int fd, int option, int want)
{
    int value;
    socklen_t size = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 && value == want;
}

/* Fills *a, whose path ends with a 0. */
static int look(int fd, struct sockaddr_un *a, struct err *e)
{
    socklen_t size = sizeof *a - 1;
    memset(a, 0, sizeof *a);
    if (!has_option(fd, SO_DOMAIN, AF_UNIX) || !has_option(fd, SO_TYPE, SOCK_STREAM) ||
        !has_option(fd, SO_ACCEPTCONN, 1))
        return err_set(e, -EINVAL,
                       "what the service manager passes (LISTEN_FDS) is no listening Unix stream "
                       "socket: want ListenStream= with a path, and no Accept=yes");
    if (getsockname(fd, (struct sockaddr *)a, &size) < 0)
        return err_sys(e, -errno, "the passed socket's path");
    if (a->sun_path[0] != '/')
        return err_set(e, -EINVAL,
                       "the socket that the service manager passes (LISTEN_FDS) has no path: want "
                       "ListenStream= with one");
    return 0;
}

/* The config is not followed in silence, nor is it ignored so. */
static void tell_difference(const struct config *c, const char *path)
{
    struct stat st;
    if (config_line(c, "socket") && strcmp(c->socket, path) != 0)
        log_warning("socket is %s here, but the service manager passes one at %s: that is served",
                    c->socket, path);
    bool mode = config_line(c, "socket_mode") || c->socket_group;
    if (!mode || stat(path, &st) < 0)
        return;
    bool same_group = !c->socket_group || st.st_gid == c->socket_gid;
    if ((st.st_mode & 0777) != c->socket_mode || !same_group)
        log_warning("who may connect to %s is as the service manager made it (SocketMode=, "
                    "SocketGroup=): mode %04o, group %u; socket_mode and socket_group do not count",
                    path, (unsigned)st.st_mode & 07777, (unsigned)st.st_gid);
}

int passed_take(struct config *c, int *fd, struct err *e)
{
    struct sockaddr_un a;
    *fd = -1;
    int64_t count = variable_number("LISTEN_FDS");
    if (variable_number("LISTEN_PID") != getpid() || count < 1)
        return 0;
    if (count > 1)
        return err_set(e, -EINVAL,
                       "the service manager passes %" PRId64
                       " sockets (LISTEN_FDS): want one ListenStream=",
                       count);
    int rc = look(FIRST_FD, &a, e);
    if (rc)
        return rc;
    int flags = fcntl(FIRST_FD, F_GETFL);
    if (flags < 0 || fcntl(FIRST_FD, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(FIRST_FD, F_SETFD, FD_CLOEXEC) < 0)
        return err_sys(e, -errno, "the passed socket");
    tell_difference(c, a.sun_path);
    rc = config_keep_socket(c, a.sun_path, e);
    if (!rc)
        *fd = FIRST_FD;
    return rc;
}
