/* SPDX-License-Identifier: MIT */
/* config/memory.h — the defaults that follow the memory there is, as workers follow the CPUs.
 *
 *     memory         the least limit of machine, cgroups and rlimits (host/memory.h)
 *       kept free    24 MiB and an eighth: code, stacks, connections, the kernel's own
 *       budget       the rest: rings, lists, permutations, samples, and datasets that no cache
 *                    file holds, of all users together
 *
 * Threads: any. Memory: none.
 */
#ifndef CONFIG_MEMORY_H
#define CONFIG_MEMORY_H

#include "config/config.h"

/* Sets memory and budget_bytes, and every default that follows them. A machine of 8 GiB has all
 * that docs/config.md says. */
void config_memory_defaults(struct config *c, struct host_memory memory);

/* What came of it, in one line for people. */
#define CONFIG_MEMORY_TEXT_SIZE 320
const char *config_memory_text(const struct config *c, char text[CONFIG_MEMORY_TEXT_SIZE]);

#endif
