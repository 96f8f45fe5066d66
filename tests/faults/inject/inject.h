/* tests/faults/inject/inject.h — what a test and the library inject.so in another process share:
 * one page, of which the test says which calls fail, and the library how many there were.
 *
 * The library takes the C library's place ($LD_PRELOAD) in the daemon, fmnistctl and clients. It
 * counts each call of the kind asked for, and where the count is from `first` to `last`, the call
 * fails with `error` instead. Nothing is asked for until the page says so, so that a program can
 * start, and one daemon stands many faults. It also counts the memory that is allocated.
 *
 * Threads: any, of any process.
 */
#ifndef TESTS_FAULTS_INJECT_H
#define TESTS_FAULTS_INJECT_H

#include <stdatomic.h>
#include <stdint.h>

#define INJECT_FILE "FMNIST_INJECT" /* the environment's name for the page's path */

/* The calls that can fail; CALL_MEMORY is every one that gives memory. */
#define INJECT_CALLS(X) X(MEMORY)

enum inject_call {
    CALL_NONE,
#define X(name) CALL_##name,
    INJECT_CALLS(X)
#undef X
        CALL_COUNT
};

struct inject_page {
    /* the test's */
    _Atomic uint32_t call; /* enum inject_call; written last, and CALL_NONE first */
    _Atomic int32_t error; /* errno */
    _Atomic uint64_t first, last;
    /* the library's */
    _Atomic uint64_t calls, failed; /* since the test set them to 0 */
    _Atomic int64_t live_bytes, live_blocks;
};

#endif
