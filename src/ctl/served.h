/* SPDX-License-Identifier: MIT */
/* ctl/served.h — the entry of the split that a spec names, slices and selections left aside.
 *
 * Threads: any. Memory: borrows from the list.
 */
#ifndef CTL_SERVED_H
#define CTL_SERVED_H

#include "fmnist.h"

#include <stdbool.h>

/* Returns false where it is not served. Where the selection makes other labels of those that are
 * stored, their classes have no names. */
bool served_find(const struct fmnist_datasets *all, const struct fmnist_spec *spec,
                 struct fmnist_dataset *out);

#endif
