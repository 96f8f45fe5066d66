/* How many CPUs there are for us. A quota that cannot be read is none:
 * a container often shows its own group as "/", mounted at the root. */
#include "host/cpus.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE 4096

/* Reads a file of a few words. Returns whether there was one. */
static bool read_line(const char *folder, const char *name, char *line, int size)
{
    char path[PATH_SIZE + 32];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    bool read = fgets(line, size, f) != NULL;
    fclose(f);
    return read;
}

static uint32_t cpus_of(long long quota_us, long long period_us)
{
    if (quota_us <= 0 || period_us <= 0)
        return UINT32_MAX;
    long long cpus = quota_us / period_us + (quota_us % period_us != 0);
    return cpus < UINT32_MAX ? (uint32_t)cpus : UINT32_MAX;
}

/* Version 2: "max PERIOD" or "QUOTA PERIOD". */
static uint32_t quota_v2(const char *folder)
{
    char line[64];
    long long quota, period;
    if (!read_line(folder, "cpu.max", line, sizeof line) ||
        sscanf(line, "%lld %lld", &quota, &period) != 2)
        return UINT32_MAX;
    return cpus_of(quota, period);
}

/* Version 1: -1 or the quota, and the period in a file of its own. */
static uint32_t quota_v1(const char *folder)
{
    char quota[64], period[64];
    if (!read_line(folder, "cpu.cfs_quota_us", quota, sizeof quota) ||
        !read_line(folder, "cpu.cfs_period_us", period, sizeof period))
        return UINT32_MAX;
    return cpus_of(atoll(quota), atoll(period));
}

/* The least quota of the group and of those above it, up to the hierarchy's mount. */
static uint32_t least_quota(const char *mount, const char *group, uint32_t (*quota)(const char *))
{
    char folder[PATH_SIZE];
    size_t top = strlen(mount);
    int n = snprintf(folder, sizeof folder, "%s%s", mount, group);
    if (n < 0 || (size_t)n >= sizeof folder)
        return UINT32_MAX;
    uint32_t least = quota(mount);
    while (strlen(folder) > top) {
        uint32_t here = quota(folder);
        if (here < least)
            least = here;
        *strrchr(folder, '/') = 0;
    }
    return least;
}

/* Whether a comma-separated list has "cpu". */
static bool has_cpu(const char *list)
{
    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (!strncmp(at, "cpu", 3) && (at[3] == ',' || !at[3]))
            return true;
    }
    return false;
}

/* One line of /proc/self/cgroup: "0::/GROUP", or "N:CONTROLLERS:/GROUP" of version 1. */
static uint32_t quota_of_line(char *line, const char *root)
{
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group || group[1] != '/')
        return UINT32_MAX;
    *group++ = 0;
    controllers++;
    if (!*controllers)
        return least_quota(root, group, quota_v2);
    if (!has_cpu(controllers))
        return UINT32_MAX;
    char mount[PATH_SIZE];
    snprintf(mount, sizeof mount, "%s/%s", root, controllers);
    uint32_t joint = least_quota(mount, group, quota_v1); /* "cpu,cpuacct" */
    snprintf(mount, sizeof mount, "%s/cpu", root);
    uint32_t alone = least_quota(mount, group, quota_v1);
    return joint < alone ? joint : alone;
}

uint32_t quota_cpus(const char *cgroups, const char *root)
{
    char *copy = strdup(cgroups), *rest = copy;
    uint32_t least = UINT32_MAX;
    for (char *line; copy && (line = strsep(&rest, "\n"));) {
        uint32_t here = quota_of_line(line, root);
        if (here < least)
            least = here;
    }
    free(copy);
    return least;
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
    uint32_t cpus = affinity_cpus(&set);
    char text[PATH_SIZE];
    FILE *f = fopen("/proc/self/cgroup", "re");
    if (!f)
        return cpus;
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    uint32_t quota = quota_cpus(text, "/sys/fs/cgroup");
    return quota < cpus ? quota : cpus;
}
