/* SPDX-License-Identifier: MIT */
/* How many CPUs there are for us. A quota that cannot be read is none. */
#include "host/cpus.h"

#include "host/cgroup.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t cpus_of(long long quota_us, long long period_us)
{
    if (quota_us <= 0 || period_us <= 0)
        return UINT64_MAX;
    return (uint64_t)(quota_us / period_us) + (quota_us % period_us != 0);
}

/* Version 2: "max PERIOD" or "QUOTA PERIOD". */
static uint64_t quota_v2(const char *folder)
{
    char line[64];
    long long quota, period;
    if (!cgroup_read(folder, "cpu.max", line, sizeof line) ||
        sscanf(line, "%lld %lld", &quota, &period) != 2)
        return UINT64_MAX;
    return cpus_of(quota, period);
}

/* Version 1: -1 or the quota, and the period in a file of its own. */
static uint64_t quota_v1(const char *folder)
{
    char quota[64], period[64];
    if (!cgroup_read(folder, "cpu.cfs_quota_us", quota, sizeof quota) ||
        !cgroup_read(folder, "cpu.cfs_period_us", period, sizeof period))
        return UINT64_MAX;
    return cpus_of(atoll(quota), atoll(period));
}

uint32_t quota_cpus(const char *cgroups, const char *root)
{
    static const struct cgroup_rule rule = {"cpu", quota_v1, quota_v2};
    uint64_t least = cgroup_least(cgroups, root, &rule);
    return least < UINT32_MAX ? (uint32_t)least : UINT32_MAX;
}

uint32_t affinity_cpus(cpu_set_t *set)
{
    CPU_ZERO(set);
    int n = sched_getaffinity(0, sizeof *set, set) < 0 ? 1 : CPU_COUNT(set);
    return n < 1 ? 1 : (uint32_t)n;
}

uint32_t usable_cpus(void)
{
    cpu_set_t set;
    char text[CGROUP_TEXT_SIZE];
    uint32_t cpus = affinity_cpus(&set);
    uint32_t quota = quota_cpus(cgroup_read_text("/proc/self/cgroup", text), "/sys/fs/cgroup");
    return quota < cpus ? quota : cpus;
}
