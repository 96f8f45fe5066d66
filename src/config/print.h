/* SPDX-License-Identifier: MIT */
/* config/print.h — a config as YAML that config_load takes again: what is in force, and behind each
 * value where it comes from.
 *
 *     workers: 4              # default, the CPUs that it may use
 *     limits:
 *       clients: 64           # line 12
 *       list_bytes: 13MiB     # default, by the memory limit of its cgroup
 *
 * Threads: any. Memory: none.
 */
#ifndef CONFIG_PRINT_H
#define CONFIG_PRINT_H

#include "config/config.h"

#include <stdio.h>

/* `workers`: how many there are, by the config or by the CPUs.
 * Errors: -EILSEQ for a path that is no UTF-8, which no YAML has (of the environment, or behind the
 * config's own folder), with its key; nothing is printed then. */
int config_print(const struct config *c, uint32_t workers, FILE *out, struct err *e);

#endif
