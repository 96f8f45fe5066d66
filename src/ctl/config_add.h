/* SPDX-License-Identifier: MIT */
/* ctl/config_add.h — has a daemon serve one more dataset: its config is changed on the disk,
 * checked by the daemon's own program before, and read by a daemon that runs.
 *
 * Threads: one. Blocks: runs fmnistd.
 */
#ifndef CTL_CONFIG_ADD_H
#define CTL_CONFIG_ADD_H

#include "ctl/verbs.h"

#include "base/err.h"

#include <stdbool.h>

/* Whether an entry can be added: before anything else is done. Errors: negative errno values. */
int config_add_look(const char *config, struct err *e);

/* Adds it. *reloaded: the daemon that runs has read it; one with another config has not, and is
 * left alone. On an error the config is as it was. Errors: negative errno values; -EINVAL where
 * fmnistd --check-config refuses the changed config, or the daemon that answers does, with their
 * words. */
int config_add(const struct invocation *in, const char *config, const char *name,
               const char *folder, bool *reloaded, struct err *e);

#endif
