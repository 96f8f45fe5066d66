/* SPDX-License-Identifier: MIT */
/* tests/faults/inject/inject.h — what a test and the library inject.so in another process share:
 * one page, of which the test says which calls fail, and the library how many there were.
 *
 * The library takes the C library's place ($LD_PRELOAD) in the daemon and fmnistctl; tests of the
 * client have it linked in. It counts each call of the kind asked for, and where the count is from
 * `first` to `last`, or is `again`, the call fails with `error` instead; sendmsg and recvmsg of a
 * `cut` move no more bytes than that instead. Nothing is asked for until the page says so, so that
 * one daemon stands many faults. It also counts the memory that is allocated.
 *
 * Threads: any, of any process.
 */
#ifndef TESTS_FAULTS_INJECT_H
#define TESTS_FAULTS_INJECT_H

#include <stdatomic.h>
#include <stdint.h>

#define INJECT_FILE "FMNIST_INJECT" /* the environment's name for the page's path */

/* The calls that can fail, as the C library names them; memory is every one that gives memory. */
#define INJECT_CALLS(X)  \
    X(memory)            \
    X(open)              \
    X(openat)            \
    X(close)             \
    X(read)              \
    X(pread)             \
    X(write)             \
    X(pwrite)            \
    X(writev)            \
    X(recv)              \
    X(recvmsg)           \
    X(sendmsg)           \
    X(accept4)           \
    X(socket)            \
    X(bind)              \
    X(listen)            \
    X(connect)           \
    X(shutdown)          \
    X(poll)              \
    X(epoll_create1)     \
    X(epoll_ctl)         \
    X(epoll_wait)        \
    X(epoll_pwait)       \
    X(eventfd)           \
    X(pipe2)             \
    X(mmap)              \
    X(mprotect)          \
    X(madvise)           \
    X(ftruncate)         \
    X(fallocate)         \
    X(memfd_create)      \
    X(fcntl)             \
    X(fchmod)            \
    X(fstat)             \
    X(stat)              \
    X(lstat)             \
    X(mkdir)             \
    X(rename)            \
    X(unlink)            \
    X(fsync)             \
    X(flock)             \
    X(getsockopt)        \
    X(setsockopt)        \
    X(sched_getaffinity) \
    X(pthread_create)    \
    X(syscall)

enum inject_call {
    CALL_none,
#define X(name) CALL_##name,
    INJECT_CALLS(X)
#undef X
        CALL_COUNT
};

struct inject_page {
    /* the test's */
    _Atomic uint32_t call; /* enum inject_call; written last, and CALL_none first */
    _Atomic int32_t error; /* errno */
    _Atomic uint64_t first, last, again;
    _Atomic uint32_t cut; /* 0: calls fail */
    /* the library's */
    _Atomic uint64_t calls, failed; /* since the test set them to 0 */
    _Atomic int64_t live_bytes, live_blocks;
    _Atomic uint32_t libuv_aborted; /* abort() was called by libuv */
    _Atomic uint32_t in_libarchive; /* an allocation that failed was libarchive's */
};

#endif
