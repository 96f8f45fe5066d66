/* SPDX-License-Identifier: MIT */
/* tests/faults/calls.h — which errors which calls may give: what Linux's manual pages have, for
 * what the project calls them with. */
#ifndef TESTS_FAULTS_CALLS_H
#define TESTS_FAULTS_CALLS_H

#include "faults/inject/inject.h"

#include <errno.h>
#include <stdbool.h>

#define CALL_ERRORS_MAX 8

struct call_errors {
    enum inject_call call;
    const char *name;
    int errors[CALL_ERRORS_MAX]; /* up to a 0 */
};

#define ERRORS(call, ...)   \
    {                       \
        CALL_##call, #call, \
        {                   \
            __VA_ARGS__     \
        }                   \
    }

static const struct call_errors call_errors[] = {
    ERRORS(open, EINTR, EMFILE, ENFILE, ENOMEM, EACCES, ENOENT, EIO),
    ERRORS(openat, EINTR, EMFILE, ENFILE, ENOMEM, EACCES, ENOENT, EIO),
    ERRORS(close, EINTR, EIO, ENOSPC),
    ERRORS(read, EINTR, EIO, ENOMEM),
    ERRORS(pread, EINTR, EIO, ENOMEM),
    ERRORS(write, EINTR, EAGAIN, EPIPE, ENOSPC, EIO),
    ERRORS(pwrite, EINTR, ENOSPC, EIO),
    ERRORS(writev, EINTR, EAGAIN, EPIPE, ENOSPC, EIO),
    ERRORS(recv, EINTR, EAGAIN, ECONNRESET, ENOMEM),
    ERRORS(recvmsg, EINTR, EAGAIN, ECONNRESET, ENOMEM),
    ERRORS(sendmsg, EINTR, EAGAIN, EPIPE, ECONNRESET, ENOMEM, ENOBUFS),
    ERRORS(accept4, EINTR, EAGAIN, EMFILE, ENFILE, ENOMEM, ENOBUFS, ECONNABORTED, EPERM),
    ERRORS(socket, EMFILE, ENFILE, ENOMEM, ENOBUFS, EACCES),
    ERRORS(bind, EACCES, ENOMEM, ENOSPC, EADDRINUSE),
    ERRORS(listen, EADDRINUSE),
    ERRORS(connect, EINTR, EAGAIN, ECONNREFUSED, EACCES, ENOMEM),
    ERRORS(shutdown, ENOTCONN, ENOBUFS),
    ERRORS(poll, EINTR, ENOMEM),
    ERRORS(epoll_create1, EMFILE, ENFILE, ENOMEM),
    ERRORS(epoll_ctl, ENOMEM, ENOSPC),
    ERRORS(epoll_wait, EINTR),
    ERRORS(epoll_pwait, EINTR),
    ERRORS(eventfd, EMFILE, ENFILE, ENOMEM),
    ERRORS(pipe2, EMFILE, ENFILE),
    ERRORS(mmap, ENOMEM, EAGAIN, EPERM),
    ERRORS(mprotect, ENOMEM),
    ERRORS(madvise, ENOMEM, EAGAIN, EINVAL),
    ERRORS(ftruncate, EINTR, ENOSPC, EIO, EPERM),
    ERRORS(fallocate, EINTR, ENOSPC, EIO, EOPNOTSUPP, ENOMEM),
    ERRORS(memfd_create, EMFILE, ENFILE, ENOMEM, EPERM, ENOSYS),
    ERRORS(fcntl, EPERM, EMFILE, EBUSY),
    ERRORS(fchmod, EPERM, EIO),
    ERRORS(fstat, ENOMEM, EIO),
    ERRORS(stat, ENOENT, EACCES, ENOMEM, EIO),
    ERRORS(lstat, ENOENT, EACCES, ENOMEM, EIO),
    ERRORS(mkdir, EACCES, ENOSPC, EROFS),
    ERRORS(rename, EACCES, ENOSPC, EIO),
    ERRORS(unlink, EACCES, EIO, ENOENT),
    ERRORS(fsync, EINTR, ENOSPC, EIO),
    ERRORS(flock, EINTR, ENOLCK, EWOULDBLOCK),
    ERRORS(getsockopt, ENOMEM, ENOBUFS, ENOPROTOOPT),
    ERRORS(setsockopt, ENOMEM, ENOBUFS, EPERM),
    ERRORS(sched_getaffinity, EINVAL, EPERM),
    ERRORS(pthread_create, EAGAIN, EPERM),
    ERRORS(syscall, EINTR, EAGAIN, ENOMEM),
};

#define CALLS (sizeof call_errors / sizeof *call_errors)

/* Whether it may be so for a while: a signal or a full socket is over at the next call. */
static inline bool call_error_lasts(int error)
{
    return error != EINTR && error != EAGAIN && error != ECONNABORTED && error != EADDRINUSE;
}

#endif
