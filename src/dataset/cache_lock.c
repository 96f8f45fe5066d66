/* SPDX-License-Identifier: MIT */
/* Taking turns at a stem. Does not say what the lock is for. */
#include "dataset/cache_lock.h"

#include "base/clock.h"
#include "base/io.h"
#include "dataset/holder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#define LOOK_NS 20000000

static int try_lock(int lock)
{
    int rc;
    do
        rc = flock(lock, LOCK_EX | LOCK_NB);
    while (rc < 0 && errno == EINTR);
    return rc == 0 ? 0 : errno == EWOULDBLOCK ? CACHE_LOCK_BUSY : -errno;
}

int cache_lock_try(const struct cache *c, const char *stem, int *lock, struct err *e)
{
    char name[CACHE_NAME_SIZE];
    cache_file_name(name, stem, "lock");
    *lock = openat(c->dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (*lock < 0)
        return err_sys(e, -errno, "opening %s", name);
    int rc = try_lock(*lock);
    if (rc < 0) {
        fd_close(lock);
        return err_sys(e, rc, "locking %s", name);
    }
    return rc;
}

static int tell_holder(const char *line, struct err *e)
{
    int pid = 0;
    if (sscanf(line, "%d", &pid) != 1)
        return err_set(e, CACHE_LOCK_BUSY,
                       "a process that does not get on holds the lock of its cache file");
    return err_set(e, CACHE_LOCK_BUSY,
                   "process %d holds the lock of its cache file and has not got on for %d s", pid,
                   CACHE_LOCK_PATIENCE_MS / 1000);
}

int cache_lock_wait(int lock, struct pulse *pulse, struct err *e)
{
    char seen[HOLDER_LINE_BYTES + 1], now[HOLDER_LINE_BYTES + 1];
    uint64_t since = clock_ns();
    holder_read(lock, seen);
    for (;;) {
        int rc = try_lock(lock);
        if (rc != CACHE_LOCK_BUSY)
            return rc < 0 ? err_sys(e, rc, "locking its cache file") : 0;
        rc = pulse_beat(pulse, e);
        if (rc < 0)
            return rc;
        holder_read(lock, now);
        if (strcmp(now, seen) != 0) {
            memcpy(seen, now, sizeof seen);
            since = clock_ns();
        }
        if (clock_ns() - since > CACHE_LOCK_PATIENCE_MS * UINT64_C(1000000))
            return tell_holder(seen, e);
        nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
    }
}
