/* SPDX-License-Identifier: MIT */
/* client/fork_guard.h — a handle is of the process that opened it.
 *
 * Threads: its handle's. Memory: a page.
 */
#ifndef CLIENT_FORK_GUARD_H
#define CLIENT_FORK_GUARD_H

#include <stdbool.h>
#include <stdint.h>

/* A page that the kernel empties in a forked child (MADV_WIPEONFORK), so that asking costs a load
 * and not a getpid(2) a batch. Source: madvise(2). */
struct fork_guard {
    volatile uint32_t *page; /* owned; NULL: ask getpid */
    int pid;
};

int fork_guard_init(struct fork_guard *g);
void fork_guard_close(struct fork_guard *g);
bool fork_guard_forked(const struct fork_guard *g);

/* FMNIST_EFORK with its text where the handle is another process's. */
int guard_check(const struct fork_guard *g);

#endif
