/* SPDX-License-Identifier: MIT */
/* host/cgroup.h — a number of the process's cgroups: the least of its own group and of those above.
 *
 * A container often shows its own group as "/", mounted at the root; elsewhere groups that are not
 * ours lie beside it. What cannot be read is no limit.
 *
 * Source: cgroups(7), /proc/self/cgroup. Threads: any. Memory: none.
 */
#ifndef HOST_CGROUP_H
#define HOST_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#define CGROUP_TEXT_SIZE 4096

struct cgroup_rule {
    const char *controller; /* of version 1: "cpu" */
    /* What the files of one group's folder say; UINT64_MAX: nothing. */
    uint64_t (*version_1)(const char *folder);
    uint64_t (*version_2)(const char *folder);
};

/* `cgroups` is the text of /proc/self/cgroup; `root` is where the hierarchies are mounted.
 * Returns UINT64_MAX where no group has a limit. */
uint64_t cgroup_least(const char *cgroups, const char *root, const struct cgroup_rule *rule);

/* Reads a file of a few words. Returns whether there was one. */
bool cgroup_read(const char *folder, const char *name, char *line, int size);

/* A text file of the kernel's, as much of it as fits; "" where it cannot be read. */
const char *cgroup_read_text(const char *path, char text[CGROUP_TEXT_SIZE]);

#endif
