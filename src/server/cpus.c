/* How many CPUs there are for us, and whether they are taken. */
#include "server/server.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

uint32_t usable_cpus(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) < 0)
        return 1;
    int n = CPU_COUNT(&set);
    return n < 1 ? 1 : (uint32_t)n;
}

static bool others_run(void)
{
    char text[128];
    int fd = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n < 0 ? 0 : n] = 0;
    unsigned running;
    /* Three averages, then "threads that run or could / threads"; one of them is this one. */
    return sscanf(text, "%*s %*s %*s %u/", &running) == 1 && running - 1 >= usable_cpus();
}

bool cpus_are_busy(uint32_t *history)
{
    bool now = others_run();
    *history = *history << 1 | now;
    /* A moment's gap between two that take turns is not an idle CPU. */
    return now || __builtin_popcount(*history & 0xff) >= 4;
}
