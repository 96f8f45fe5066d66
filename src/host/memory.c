/* SPDX-License-Identifier: MIT */
/* Limits of memory, and the least of them. A limit that cannot be read is none. */
#include "host/memory.h"

#include "host/cgroup.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* Bytes in decimal digits; UINT64_MAX for "max" and for all else that is no number. */
static uint64_t bytes_in(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    if (!digits || digits > 19 || (text[digits] && text[digits] != '\n'))
        return UINT64_MAX;
    return strtoull(text, NULL, 10);
}

static uint64_t bytes_of_file(const char *folder, const char *name)
{
    char line[64];
    return cgroup_read(folder, name, line, sizeof line) ? bytes_in(line) : UINT64_MAX;
}

/* Above memory.high the kernel slows the group down until it can take pages from it. */
static uint64_t limit_v2(const char *folder)
{
    uint64_t max = bytes_of_file(folder, "memory.max");
    uint64_t high = bytes_of_file(folder, "memory.high");
    return high < max ? high : max;
}

/* No limit is the largest number of whole pages, which is more than any machine has. */
static uint64_t limit_v1(const char *folder)
{
    return bytes_of_file(folder, "memory.limit_in_bytes");
}

uint64_t host_memory_of_cgroups(const char *cgroups, const char *root)
{
    static const struct cgroup_rule rule = {"memory", limit_v1, limit_v2};
    return cgroup_least(cgroups, root, &rule);
}

uint64_t host_memory_total(const char *meminfo)
{
    static const char key[] = "MemTotal:";
    const char *at = strstr(meminfo, key);
    if (!at || (at != meminfo && at[-1] != '\n'))
        return UINT64_MAX;
    at += strlen(key);
    at += strspn(at, " ");
    size_t digits = strspn(at, "0123456789");
    if (!digits || digits > 16 || strncmp(at + digits, " kB", 3))
        return UINT64_MAX;
    return strtoull(at, NULL, 10) * 1024;
}

static uint64_t rlimit_of(int resource)
{
    struct rlimit limit;
    if (getrlimit((__rlimit_resource_t)resource, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return UINT64_MAX;
    return limit.rlim_cur;
}

struct host_memory host_memory_limit(void)
{
    char text[CGROUP_TEXT_SIZE];
    const struct host_memory limits[] = {
        {host_memory_total(cgroup_read_text("/proc/meminfo", text)), "this machine"},
        {host_memory_of_cgroups(cgroup_read_text("/proc/self/cgroup", text), "/sys/fs/cgroup"),
         "its cgroup"},
        {rlimit_of(RLIMIT_AS), "RLIMIT_AS"},
        {rlimit_of(RLIMIT_DATA), "RLIMIT_DATA"},
    };
    struct host_memory least = limits[0];
    for (size_t i = 1; i < sizeof limits / sizeof *limits; i++)
        if (limits[i].bytes < least.bytes)
            least = limits[i];
    return least;
}
