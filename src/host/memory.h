/* SPDX-License-Identifier: MIT */
/* host/memory.h — how much memory this process may use: what its defaults and refusals follow.
 *
 * Source: the kernel's cgroup-v2 "memory.max" and "memory.high" and cgroup-v1
 * "memory.limit_in_bytes", each of the process's own group and of every group above it; "MemTotal"
 * of proc_meminfo(5); RLIMIT_AS and RLIMIT_DATA of getrlimit(2). Threads: any.
 */
#ifndef HOST_MEMORY_H
#define HOST_MEMORY_H

#include <stdint.h>

struct host_memory {
    uint64_t bytes; /* the least limit; UINT64_MAX: none is known */
    const char *of; /* whose it is, for people: "its cgroup"; never NULL */
};

struct host_memory host_memory_limit(void);

/* By cgroups alone. `cgroups` is the text of /proc/self/cgroup; `root` is where the hierarchies are
 * mounted (/sys/fs/cgroup). Returns UINT64_MAX where there is no limit, or none that can be read.
 */
uint64_t host_memory_of_cgroups(const char *cgroups, const char *root);

/* What a text like /proc/meminfo's says of MemTotal; UINT64_MAX: nothing. */
uint64_t host_memory_total(const char *meminfo);

#endif
