/* SPDX-License-Identifier: MIT */
/* Looks after libuv's table. Does not poll. */
#include "session/polls.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>

/* Whether the table has a place for it, or there is memory for one that has. */
static int check_room(const uv_loop_t *loop, int fd)
{
    if ((unsigned)fd < loop->nwatchers)
        return 0;
    /* libuv asks for the next power of two. */
    void *volatile room = malloc(2 * ((size_t)fd + 3) * sizeof(void *));
    if (!room)
        return -ENOMEM;
    free(room);
    return 0;
}

int polls_init(uv_loop_t *loop, uv_poll_t *poll, int fd)
{
    int rc = check_room(loop, fd);
    return rc ? rc : uv_poll_init(loop, poll, fd);
}

static void free_poll(uv_handle_t *handle)
{
    free(handle);
}

static void never(uv_poll_t *poll, int status, int events)
{
}

int polls_reserve(uv_loop_t *loop, int fd, uint64_t descriptors)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && descriptors > limit.rlim_cur)
        descriptors = limit.rlim_cur;
    if (descriptors > INT32_MAX)
        descriptors = INT32_MAX;
    if (descriptors <= loop->nwatchers)
        return 0;
    int last = fcntl(fd, F_DUPFD_CLOEXEC, (int)descriptors - 1);
    uv_poll_t *poll = malloc(sizeof *poll);
    int rc = last < 0 ? -errno : !poll ? -ENOMEM : polls_init(loop, poll, last);
    if (rc) {
        free(poll);
    } else {
        uv_poll_start(poll, UV_READABLE, never);
        uv_close((uv_handle_t *)poll, free_poll);
    }
    fd_close(&last);
    return rc;
}
