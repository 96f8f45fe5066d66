/* SPDX-License-Identifier: MIT */
/* host/cpus.h — how many CPUs this process may use: the workers of `auto`.
 *
 * Source: sched_getaffinity(2); the kernel's cgroup-v2 "cpu.max" and cgroup-v1 "cpu.cfs_quota_us",
 * "cpu.cfs_period_us", each of the process's own group and of every group above it.
 * Threads: any.
 */
#ifndef HOST_CPUS_H
#define HOST_CPUS_H

#include <sched.h>
#include <stdint.h>

/* The CPUs that the affinity leaves. Returns how many, at least 1. */
uint32_t affinity_cpus(cpu_set_t *set);

/* By affinity and quota, a quota rounded up. At least 1. */
uint32_t usable_cpus(void);

/* By quota alone. `cgroups` is the text of /proc/self/cgroup; `root` is where the hierarchies are
 * mounted (/sys/fs/cgroup). Returns UINT32_MAX where there is no quota, or none that can be read.
 */
uint32_t quota_cpus(const char *cgroups, const char *root);

#endif
