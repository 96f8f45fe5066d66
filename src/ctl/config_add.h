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

/* Whether config_add would do it: all but the change. folder: of a dataset that can be served, as
 * the one will be that is added. Errors: as config_add's. */
int config_add_look(const char *config, const char *name, const char *folder, struct err *e);

/* Adds it. *reloaded: the daemon that runs has read it; one with another config has not, and is
 * left alone. On an error the config is as it was. Errors: negative errno values; -EINVAL where
 * fmnistd --check-config refuses the changed config, or the daemon that answers does, with their
 * words. */
int config_add(const struct invocation *in, const char *config, const char *name,
               const char *folder, bool *reloaded, struct err *e);

#endif
