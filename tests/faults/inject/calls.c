/* SPDX-License-Identifier: MIT */
/* Calls of the system, which fail when they are told to. The C library's own stand behind them;
 * what it calls itself, inside of fopen(3), say, does not come by here. */
#include "faults/inject/page.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define BEHIND(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* A call that says -1 and errno. */
#define CALL(type, name, parameters, arguments) \
    SHOWN type name parameters                  \
    {                                           \
        static __typeof__(&name) behind;        \
        if (!behind)                            \
            behind = BEHIND(name);              \
        int error = page_fails(CALL_##name);    \
        if (error) {                            \
            errno = error;                      \
            return (type)-1;                    \
        }                                       \
        return behind arguments;                \
    }

CALL(ssize_t, pread, (int fd, void *to, size_t size, off_t at), (fd, to, size, at))
CALL(ssize_t, pwrite, (int fd, const void *from, size_t size, off_t at), (fd, from, size, at))
CALL(ssize_t, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count))
CALL(ssize_t, recv, (int fd, void *to, size_t size, int flags), (fd, to, size, flags))
CALL(int, socket, (int domain, int type, int protocol), (domain, type, protocol))
CALL(int, listen, (int fd, int backlog), (fd, backlog))
CALL(int, shutdown, (int fd, int how), (fd, how))
CALL(int, poll, (struct pollfd * fds, nfds_t count, int ms), (fds, count, ms))
CALL(int, epoll_create1, (int flags), (flags))
CALL(int, epoll_ctl, (int at, int what, int fd, struct epoll_event *e), (at, what, fd, e))
CALL(int, epoll_wait, (int at, struct epoll_event *e, int most, int ms), (at, e, most, ms))
CALL(int, epoll_pwait, (int at, struct epoll_event *e, int most, int ms, const sigset_t *mask),
     (at, e, most, ms, mask))
CALL(int, eventfd, (unsigned value, int flags), (value, flags))
CALL(int, pipe2, (int ends[2], int flags), (ends, flags))
CALL(int, mprotect, (void *at, size_t size, int protection), (at, size, protection))
CALL(int, madvise, (void *at, size_t size, int advice), (at, size, advice))
CALL(int, ftruncate, (int fd, off_t size), (fd, size))
CALL(int, fallocate, (int fd, int mode, off_t at, off_t size), (fd, mode, at, size))
CALL(int, memfd_create, (const char *name, unsigned flags), (name, flags))
CALL(int, fchmod, (int fd, mode_t mode), (fd, mode))
CALL(int, fstat, (int fd, struct stat *st), (fd, st))
CALL(int, stat, (const char *path, struct stat *st), (path, st))
CALL(int, lstat, (const char *path, struct stat *st), (path, st))
CALL(int, mkdir, (const char *path, mode_t mode), (path, mode))
CALL(int, rename, (const char *from, const char *to), (from, to))
CALL(int, unlink, (const char *path), (path))
CALL(int, fsync, (int fd), (fd))
CALL(int, flock, (int fd, int how), (fd, how))
CALL(int, sched_getaffinity, (pid_t pid, size_t size, cpu_set_t *set), (pid, size, set))
CALL(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *size),
     (fd, level, name, value, size))
CALL(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t size),
     (fd, level, name, value, size))
CALL(void *, mmap, (void *at, size_t size, int protection, int flags, int fd, off_t offset),
     (at, size, protection, flags, fd, offset))

/* A union that stands for the address's types in C. */
CALL(int, bind, (int fd, __CONST_SOCKADDR_ARG a, socklen_t size), (fd, a, size))
CALL(int, connect, (int fd, __CONST_SOCKADDR_ARG a, socklen_t size), (fd, a, size))
CALL(int, accept4, (int fd, __SOCKADDR_ARG a, socklen_t *size, int flags), (fd, a, size, flags))

/* libuv reads and writes its eventfd(2) and a pipe to itself: these give no errors but EINTR. */
static bool spares(const void *caller, int error)
{
    return error != EINTR && page_is_within(caller, "/libuv");
}

SHOWN ssize_t read(int fd, void *to, size_t size)
{
    static __typeof__(&read) behind;
    if (!behind)
        behind = BEHIND(read);
    int error = page_fails(CALL_read);
    if (!error || spares(__builtin_return_address(0), error))
        return behind(fd, to, size);
    errno = error;
    return -1;
}

SHOWN ssize_t write(int fd, const void *from, size_t size)
{
    static __typeof__(&write) behind;
    if (!behind)
        behind = BEHIND(write);
    int error = page_fails(CALL_write);
    if (!error || spares(__builtin_return_address(0), error))
        return behind(fd, from, size);
    errno = error;
    return -1;
}

/* The descriptor is gone also where this fails, as on Linux; so are the pages. */
SHOWN int close(int fd)
{
    static __typeof__(&close) behind;
    if (!behind)
        behind = BEHIND(close);
    int error = page_fails(CALL_close), rc = behind(fd);
    if (!error)
        return rc;
    errno = error;
    return -1;
}

/* ---- with more arguments, or fewer ------------------------------------------------------------
 */

SHOWN int open(const char *path, int flags, ...)
{
    static __typeof__(&open) behind;
    va_list args;
    va_start(args, flags);
    unsigned mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(args, unsigned) : 0;
    va_end(args);
    if (!behind)
        behind = BEHIND(open);
    int error = page_fails(CALL_open);
    if (!error)
        return behind(path, flags, mode);
    errno = error;
    return -1;
}

SHOWN int openat(int at, const char *path, int flags, ...)
{
    static __typeof__(&openat) behind;
    va_list args;
    va_start(args, flags);
    unsigned mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(args, unsigned) : 0;
    va_end(args);
    if (!behind)
        behind = BEHIND(openat);
    int error = page_fails(CALL_openat);
    if (!error)
        return behind(at, path, flags, mode);
    errno = error;
    return -1;
}

SHOWN int fcntl(int fd, int what, ...)
{
    static __typeof__(&fcntl) behind;
    va_list args;
    va_start(args, what);
    void *argument = va_arg(args, void *);
    va_end(args);
    if (!behind)
        behind = BEHIND(fcntl);
    int error = page_fails(CALL_fcntl);
    if (!error)
        return behind(fd, what, argument);
    errno = error;
    return -1;
}

SHOWN long syscall(long number, ...)
{
    static __typeof__(&syscall) behind;
    long a[6];
    va_list args;
    va_start(args, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    if (!behind)
        behind = BEHIND(syscall);
    int error = page_fails(CALL_syscall);
    if (!error)
        return behind(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    errno = error;
    return -1;
}

SHOWN int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                         void *(*begin)(void *), void *data)
{
    static __typeof__(&pthread_create) behind;
    if (!behind)
        behind = BEHIND(pthread_create);
    int error = page_fails(CALL_pthread_create);
    return error ? error : behind(thread, attributes, begin, data);
}

/* ---- messages, which can also be cut ----------------------------------------------------------
 */

/* The message, but no more than `most` bytes of it. */
static struct msghdr shorter(const struct msghdr *m, size_t most, struct iovec parts[8])
{
    struct msghdr s = *m;
    s.msg_iov = parts;
    s.msg_iovlen = 0;
    for (size_t i = 0; i < m->msg_iovlen && i < 8 && most; i++) {
        parts[i] = m->msg_iov[i];
        parts[i].iov_len = parts[i].iov_len < most ? parts[i].iov_len : most;
        most -= parts[i].iov_len;
        s.msg_iovlen++;
    }
    return s;
}

/* A peer that is gone stays gone. */
static ssize_t refuse(int fd)
{
    int error = atomic_load(&inject_page()->error);
    if (error == EPIPE || error == ECONNRESET)
        shutdown(fd, SHUT_RDWR);
    errno = error;
    return -1;
}

static size_t bytes_of(const struct msghdr *m)
{
    size_t bytes = 0;
    for (size_t i = 0; i < m->msg_iovlen; i++)
        bytes += m->msg_iov[i].iov_len;
    return bytes;
}

/* The eight bytes of a KICK are sent together or not at all: they have one buffer in the kernel. */
SHOWN ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
    static __typeof__(&sendmsg) behind;
    if (!behind)
        behind = BEHIND(sendmsg);
    if (!page_hits(CALL_sendmsg))
        return behind(fd, m, flags);
    uint32_t most = atomic_load(&inject_page()->cut);
    if (!most)
        return refuse(fd);
    if (bytes_of(m) <= 8)
        return behind(fd, m, flags);
    struct iovec parts[8];
    struct msghdr s = shorter(m, most, parts);
    return behind(fd, &s, flags);
}

SHOWN ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
    static __typeof__(&recvmsg) behind;
    if (!behind)
        behind = BEHIND(recvmsg);
    if (!page_hits(CALL_recvmsg))
        return behind(fd, m, flags);
    uint32_t most = atomic_load(&inject_page()->cut);
    if (!most)
        return refuse(fd);
    struct iovec parts[8];
    struct msghdr s = shorter(m, most, parts);
    ssize_t n = behind(fd, &s, flags);
    m->msg_flags = s.msg_flags;
    m->msg_controllen = s.msg_controllen;
    return n;
}

/* ---- the end ----------------------------------------------------------------------------------
 */

/* libuv ends the process where it cannot go on; whose end it was, the test wants to know. */
SHOWN void abort(void)
{
    if (page_is_within(__builtin_return_address(0), "/libuv"))
        atomic_store(&inject_page()->libuv_aborted, 1);
    sigset_t ours;
    sigemptyset(&ours);
    sigaddset(&ours, SIGABRT);
    pthread_sigmask(SIG_UNBLOCK, &ours, NULL);
    signal(SIGABRT, SIG_DFL);
    raise(SIGABRT);
    _exit(127);
}
