/* SPDX-License-Identifier: MIT */
/* One datagram a word. Does not watch: nobody answers. */
#include "server/notify.h"

#include "base/clock.h"
#include "base/io.h"
#include "server/variable.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static bool notify(const char *state)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    size_t length = path ? strlen(path) : 0;
    if (length < 2 || length > sizeof a.sun_path || (*path != '/' && *path != '@'))
        return true;
    memcpy(a.sun_path, path, length);
    if (*path == '@')
        a.sun_path[0] = 0; /* an abstract one (unix(7)) */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    ssize_t n = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&a, size);
    bool later = n < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM);
    fd_close(&fd);
    return !later;
}

bool notify_ready(void)
{
    return notify("READY=1");
}

bool notify_stopping(void)
{
    return notify("STOPPING=1");
}

/* With the time, by which a manager knows that it is the reload it asked for. */
bool notify_reloading(void)
{
    char state[64];
    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_ns() / 1000);
    return notify(state);
}

bool notify_alive(void)
{
    return notify("WATCHDOG=1");
}

uint64_t notify_alive_ms(void)
{
    int64_t allowed_us = variable_number("WATCHDOG_USEC");
    if (allowed_us <= 0 || (getenv("WATCHDOG_PID") && variable_number("WATCHDOG_PID") != getpid()))
        return 0;
    return allowed_us < 2000 ? 1 : (uint64_t)allowed_us / 2000;
}
