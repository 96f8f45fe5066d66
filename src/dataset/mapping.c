/* SPDX-License-Identifier: MIT */
/* The table of mappings and the two signals. What is in the handlers is atomics and system calls,
 * and finds its mapping without a lock: it may have interrupted anything. */
#include "dataset/mapping.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FREE = 0, TAKEN = 1 }; /* no addresses */

/* Watched while `begin` is an address; it is written behind the others. */
struct mapping {
    _Atomic uintptr_t begin;
    _Atomic uintptr_t end;
    atomic_int leased; /* owned descriptor; -1: none */
    atomic_bool broken;
};

static struct mapping mappings[MAPPINGS_MAX];
static struct sigaction bus_before;

/* ---- signals ------------------------------------------------------------------------------- */

/* The mapping's bytes become zeros, in one step for every thread. */
static bool put_zeros(uintptr_t begin, uintptr_t end)
{
    return mmap((void *)begin, end - begin, PROT_READ,
                MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED;
}

static bool answer(uintptr_t at)
{
    for (struct mapping *m = mappings; m < mappings + MAPPINGS_MAX; m++) {
        uintptr_t begin = atomic_load(&m->begin), end = atomic_load(&m->end);
        /* Once more: given up meanwhile, and taken again, it would be the one's begin and the
         * other's end. */
        if (begin <= TAKEN || at < begin || at >= end || atomic_load(&m->begin) != begin)
            continue;
        atomic_store(&m->broken, true);
        return put_zeros(begin, end);
    }
    return false;
}

static void on_sigbus(int number, siginfo_t *info, void *context)
{
    int saved = errno;
    bool fault = info->si_code > 0; /* else somebody sent it */
    if (!fault || !answer((uintptr_t)info->si_addr)) {
        sigaction(SIGBUS, &bus_before, NULL);
        if (!fault)
            raise(SIGBUS);
    }
    errno = saved; /* behind a fault, the instruction is tried again */
}

/* Some leases are asked back, or somebody sent it. Broken first, then whoever waits may write. */
static void on_sigio(int number)
{
    int saved = errno;
    for (struct mapping *m = mappings; m < mappings + MAPPINGS_MAX; m++) {
        int fd = atomic_load(&m->leased);
        if (atomic_load(&m->begin) <= TAKEN || fd < 0 || fcntl(fd, F_GETLEASE) == F_RDLCK ||
            atomic_load(&m->leased) != fd)
            continue;
        atomic_store(&m->broken, true);
        fcntl(fd, F_SETLEASE, F_UNLCK);
    }
    errno = saved;
}

static void install(void)
{
    struct sigaction bus = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct sigaction io = {.sa_handler = on_sigio, .sa_flags = SA_RESTART};
    sigaction(SIGBUS, &bus, &bus_before);
    sigaction(SIGIO, &io, NULL);
}

/* ---- the table ----------------------------------------------------------------------------- */

static struct mapping *take(void)
{
    for (struct mapping *m = mappings; m < mappings + MAPPINGS_MAX; m++) {
        uintptr_t none = FREE;
        if (atomic_compare_exchange_strong(&m->begin, &none, TAKEN))
            return m;
    }
    return NULL;
}

static int lease(struct mapping *m, int fd, struct err *e)
{
    if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0) {
        int code = errno;
        fd_close(&fd);
        if (code == EAGAIN)
            return err_set(e, -EAGAIN, "somebody has it open for writing");
        return err_set(e, MAPPING_NO_LEASE, "%s", strerror(code));
    }
    /* It would be this thread, and nobody once that has ended. */
    fcntl(fd, F_SETOWN, getpid());
    atomic_store(&m->leased, fd);
    /* Asked back before the handler could find it. */
    if (fcntl(fd, F_GETLEASE) != F_RDLCK)
        on_sigio(SIGIO);
    return 0;
}

int mapping_watch(struct mapping **out, void *map, size_t size, int fd, struct err *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
    *out = NULL;
    struct mapping *m = take();
    if (!m) {
        fd_close(&fd);
        return err_set(e, -ENOSPC, "%d files are mapped already", MAPPINGS_MAX);
    }
    atomic_store(&m->broken, false);
    atomic_store(&m->leased, -1);
    atomic_store(&m->end, (uintptr_t)map + size);
    atomic_store(&m->begin, (uintptr_t)map);
    int rc = fd >= 0 ? lease(m, fd, e) : 0;
    if (rc < 0)
        mapping_end(m);
    else
        *out = m;
    return rc;
}

#if defined(__has_feature)
#define HAS_TSAN __has_feature(thread_sanitizer)
#elif defined(__SANITIZE_THREAD__)
#define HAS_TSAN 1
#else
#define HAS_TSAN 0
#endif

bool mapping_is_whole(const struct mapping *m)
{
#if !HAS_TSAN /* it knows no fences */
    /* Not before what was read: CPUs such as Arm's could turn that round. */
    atomic_thread_fence(memory_order_acquire);
#endif
    return !m || !atomic_load(&m->broken);
}

void mapping_end(struct mapping *m)
{
    if (!m)
        return;
    int fd = atomic_exchange(&m->leased, -1);
    if (fd >= 0)
        fcntl(fd, F_SETLEASE, F_UNLCK);
    fd_close(&fd);
    atomic_store(&m->begin, FREE);
}
