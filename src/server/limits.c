/* SPDX-License-Identifier: MIT */
/* Looks at limits. Does not handle the signals that some of them send. */
#include "server/limits.h"

#include "base/io.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#define STACK_BYTES     (UINT64_C(8) << 20) /* as systems have it that choose none */
#define STACK_BYTES_MIN (UINT64_C(256) << 10)
#define CPU_END_S       2 /* of all threads: in which the daemon ends in order */

static rlim_t min_of(rlim_t a, rlim_t b)
{
    return a < b ? a : b;
}

static void raise_to(__rlimit_resource_t resource, rlim_t want)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) || limit.rlim_cur >= min_of(want, limit.rlim_max))
        return;
    limit.rlim_cur = min_of(want, limit.rlim_max);
    setrlimit(resource, &limit);
}

int limits_raise(struct err *e)
{
    struct rlimit stack;
    raise_to(RLIMIT_NOFILE, RLIM_INFINITY); /* the soft one is for programs that use select */
    raise_to(RLIMIT_STACK, STACK_BYTES); /* is asked when the stack grows: it holds from now on */
    if (getrlimit(RLIMIT_STACK, &stack) || stack.rlim_cur >= STACK_BYTES_MIN)
        return 0;
    return err_set(e, -ENOMEM, "RLIMIT_STACK is %llu bytes, want %llu: raise its hard limit",
                   (unsigned long long)stack.rlim_cur, (unsigned long long)STACK_BYTES_MIN);
}

void limits_reserve_descriptors(uint64_t count)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return;
    uint64_t most = min_of(limit.rlim_cur, INT32_MAX);
    int last = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, (int)(count < most ? count : most) - 1);
    fd_close(&last);
}

/* At the hard limit the kernel kills. */
void limits_watch_cpu(void)
{
    struct rlimit cpu;
    if (getrlimit(RLIMIT_CPU, &cpu) || cpu.rlim_cur == RLIM_INFINITY)
        return;
    rlim_t hard = cpu.rlim_max;
    if (hard != RLIM_INFINITY && cpu.rlim_cur + CPU_END_S > hard) {
        cpu.rlim_cur = hard > CPU_END_S ? hard - CPU_END_S : 1;
        setrlimit(RLIMIT_CPU, &cpu);
    }
    log_warning("RLIMIT_CPU: the daemon ends when it has used %llu s of CPU time",
                (unsigned long long)cpu.rlim_cur);
}

int limits_cpu_is_used_up(struct err *e)
{
    return err_set(e, -ETIME, "all CPU time is used up that RLIMIT_CPU allows");
}
