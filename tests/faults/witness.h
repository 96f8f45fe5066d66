/* SPDX-License-Identifier: MIT */
/* tests/faults/witness.h — a good client in a process of its own, which reads on while others have
 * faults, and compares every byte with the images that the test made.
 *
 * Its order is sequential, so that each batch is known before it comes: batches of WITNESS_BATCH,
 * sample i of step k is image k * WITNESS_BATCH + i. It reads in bursts, with naps between them:
 * the machine is others', too.
 */
#ifndef TESTS_FAULTS_WITNESS_H
#define TESTS_FAULTS_WITNESS_H

#include "e2e/harness.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define WITNESS_BATCH 8

struct witness_page {
    _Atomic bool stop;
    _Atomic uint64_t batches, epoch;
    char wrong[400]; /* what was, where it ended with a status of 1 */
};

struct witness {
    pid_t pid;
    struct witness_page *page; /* shared with it */
};

static inline struct fmnist_spec witness_spec(uint32_t transport)
{
    struct fmnist_spec spec = spec_of("tiny");
    spec.dtype = FMNIST_UINT8;
    spec.batch_size = WITNESS_BATCH;
    spec.transport = transport;
    return spec;
}

/* Whether the batch is what the images have at its place; check_bytes without an assertion. */
static inline bool witness_is_exact(const struct images *m, const struct fmnist_batch *b)
{
    size_t size = (size_t)m->height * m->width;
    uint64_t first = b->step * WITNESS_BATCH;
    for (uint64_t i = 0; i < b->count; i++)
        if (first + i >= m->count || b->indices[i] != (int64_t)(first + i) ||
            ((const int64_t *)b->labels)[i] != m->labels[first + i])
            return false;
    return memcmp(b->images, m->pixels + first * size, b->count * size) == 0;
}

static inline int witness_read(struct fmnist_stream *stream, const struct images *m,
                               struct witness_page *page)
{
    struct fmnist_batch b;
    int rc = fmnist_next(stream, &b);
    if (rc)
        return rc == FMNIST_END_OF_EPOCH ? 0 : rc;
    uint64_t steps = (m->count + WITNESS_BATCH - 1) / WITNESS_BATCH;
    if (b.epoch * steps + b.step != atomic_load(&page->batches) || !witness_is_exact(m, &b)) {
        snprintf(page->wrong, sizeof page->wrong, "batch (%llu, %llu) has other bytes",
                 (unsigned long long)b.epoch, (unsigned long long)b.step);
        _exit(1);
    }
    atomic_store(&page->epoch, b.epoch);
    atomic_fetch_add(&page->batches, 1);
    return fmnist_release(stream, &b);
}

static inline int witness_live(const struct daemon *d, uint32_t transport, const struct images *m,
                               struct witness_page *page, int64_t reconnect_ms)
{
    struct fmnist_connect_options o = {.size = sizeof o,
                                       .socket = d->socket,
                                       .timeout_ms = DAEMON_PATIENCE_MS,
                                       .reconnect_ms = reconnect_ms};
    struct fmnist_spec spec = witness_spec(transport);
    struct fmnist_client *client = NULL;
    struct fmnist_stream *stream = NULL;
    int rc = fmnist_connect(&o, &client);
    if (!rc)
        rc = fmnist_open(client, &spec, NULL, &stream);
    for (int i = 0, told = 0; !rc && !atomic_load(&page->stop); i++) {
        rc = witness_read(stream, m, page);
        /* The daemon said so and hung up; who reconnects asks again. */
        if (rc < 0 && reconnect_ms > 0 && (rc == FMNIST_ENOMEM || rc == FMNIST_EIO) &&
            told++ < 1000)
            rc = 0;
        if (i % 32 == 0)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    if (rc)
        snprintf(page->wrong, sizeof page->wrong, "%d: %s", rc, fmnist_error());
    fmnist_close(stream);
    fmnist_disconnect(client);
    return rc != 0;
}

struct witness_wait {
    struct witness *w;
    uint64_t batches;
};

static inline bool witness_has_read(void *data)
{
    struct witness_wait *wait = data;
    if (waitpid(wait->w->pid, NULL, WNOHANG) == wait->w->pid)
        ck_abort_msg("a witness ended: %s", wait->w->page->wrong);
    return atomic_load(&wait->w->page->batches) >= wait->batches;
}

/* Waits until it has read so many batches more. */
static inline void witness_await(struct witness *w, uint64_t batches)
{
    struct witness_wait wait = {w, atomic_load(&w->page->batches) + batches};
    ck_assert_msg(daemon_wait_until(witness_has_read, &wait), "a witness reads no more");
}

/* The first batch has come when it returns. A negative reconnect_ms: it ends with its daemon. */
static inline void witness_start_for(struct witness *w, const struct daemon *d, uint32_t transport,
                                     const struct images *m, int64_t reconnect_ms)
{
    void *page =
        mmap(NULL, sizeof *w->page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(page, MAP_FAILED);
    w->page = page;
    w->pid = fork();
    ck_assert_int_ge(w->pid, 0);
    if (w->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(witness_live(d, transport, m, w->page, reconnect_ms));
    }
    witness_await(w, 1);
}

static inline void witness_start(struct witness *w, const struct daemon *d, uint32_t transport,
                                 const struct images *m)
{
    witness_start_for(w, d, transport, m, -1);
}

/* Ends it, and fails unless all was exact. Returns how many batches it read. */
static inline uint64_t witness_end(struct witness *w)
{
    int status;
    atomic_store(&w->page->stop, true);
    ck_assert_int_eq(waitpid(w->pid, &status, 0), w->pid);
    ck_assert_msg(status == 0, "a witness ended with 0x%x: %s", (unsigned)status, w->page->wrong);
    uint64_t batches = atomic_load(&w->page->batches);
    munmap(w->page, sizeof *w->page);
    return batches;
}

#endif
