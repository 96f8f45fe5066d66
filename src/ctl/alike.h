/* SPDX-License-Identifier: MIT */
/* ctl/alike.h — epochs of a run in which nothing begins or ends: one of them says what all had.
 *
 * Threads: any. Memory: none.
 */
#ifndef CTL_ALIKE_H
#define CTL_ALIKE_H

#include "ctl/lineage.h"

/* The first epoch behind that one that is not like it; UINT64_MAX: all are. far: behind the run's
 * last batch. */
uint64_t alike_until(const struct lineage_run *run, struct place_in far, uint64_t epoch);

#endif
