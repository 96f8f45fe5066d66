/* SPDX-License-Identifier: MIT */
/* The CPUs' idle time, sampled when somebody asks: an idle daemon does not look. */
#include "host/cpu_load.h"

#include "host/cpus.h"

#include <stdio.h>
#include <unistd.h>

#define AGE_MAX_NS (10 * CPU_LOAD_WINDOW_NS)
#define ANSWER_NS  10000000u /* an answer holds: a tick */

uint64_t cpu_load_idle_ns(const char *path, const cpu_set_t *set)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    char line[512];
    unsigned long long ticks = 0, idle, io;
    while (fgets(line, sizeof line, f) && line[0] == 'c' && line[1] == 'p') {
        unsigned cpu;
        /* user nice system idle iowait; the first line has no number and is their sum */
        if (line[3] != ' ' && sscanf(line, "cpu%u %*u %*u %*u %llu %llu", &cpu, &idle, &io) == 3 &&
            cpu < CPU_SETSIZE && CPU_ISSET(cpu, set))
            ticks += idle + io;
    }
    fclose(f);
    return ticks * (UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK));
}

static struct cpu_load_sample sample(uint64_t now_ns)
{
    cpu_set_t set;
    affinity_cpus(&set);
    return (struct cpu_load_sample){.at_ns = now_ns,
                                    .idle_ns = cpu_load_idle_ns("/proc/stat", &set)};
}

void cpu_load_look(struct cpu_load *l, uint64_t now_ns)
{
    if (l->last.at_ns && now_ns - l->last.at_ns < CPU_LOAD_WINDOW_NS)
        return;
    l->before = l->last;
    l->last = sample(now_ns);
}

static bool others_run(void)
{
    FILE *f = fopen("/proc/loadavg", "re");
    if (!f)
        return false;
    /* Three averages, then "threads that run or could / threads"; one of them is this one. */
    unsigned running;
    bool read = fscanf(f, "%*s %*s %*s %u/", &running) == 1;
    fclose(f);
    cpu_set_t set;
    return read && running - 1 >= affinity_cpus(&set);
}

bool cpu_load_is_full(struct cpu_load *l, uint64_t now_ns)
{
    if (l->asked_ns && now_ns - l->asked_ns < ANSWER_NS)
        return l->full;
    cpu_load_look(l, now_ns);
    l->asked_ns = now_ns;
    if (!l->before.at_ns || now_ns - l->before.at_ns > AGE_MAX_NS) {
        l->full = others_run();
        return l->full;
    }
    cpu_set_t set;
    uint64_t time_ns = (now_ns - l->before.at_ns) * affinity_cpus(&set);
    uint64_t idle_ns = sample(now_ns).idle_ns;
    /* Waiting for a disk may count less later: proc(5). */
    idle_ns = idle_ns > l->before.idle_ns ? idle_ns - l->before.idle_ns : 0;
    l->full = idle_ns * 5 <= time_ns * 2;
    return l->full;
}
