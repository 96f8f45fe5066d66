/* SPDX-License-Identifier: MIT */
/* ctl/config_entry.h — one more dataset in the text of a daemon's config, whose comments and format
 * stay as they are. Threads: any; pure.
 */
#ifndef CTL_CONFIG_ENTRY_H
#define CTL_CONFIG_ENTRY_H

#include "base/err.h"

#include <stddef.h>

/* A value as YAML has it: as it is, or quoted where it would be taken for something else. */
void config_entry_value(const char *text, char *out, size_t size);

/* "- name: N" and "path: P" behind what stands under `datasets:`, indented as that is; where there
 * is none, at the end. Returns 0, the new text malloc'd. Errors: -EINVAL where the entries stand
 * between brackets; -ENOMEM. */
int config_entry_insert(const char *config, const char *name, const char *folder, char **out,
                        struct err *e);

#endif
