/* SPDX-License-Identifier: MIT */
/* ctl/starved.h — how long this process's stream has waited for a batch that was not there, by what
 * the daemon's status says of it.
 *
 * fmnist_next takes longer than that: where samples travel as uint8, it converts them, which is the
 * trainer's own CPU and no worker's.
 * Threads: one.
 */
#ifndef CTL_STARVED_H
#define CTL_STARVED_H

#include "fmnist.h"

/* Seconds, of the stream that this process opened last at that daemon; negative: not known, as
 * where the daemon sees other process numbers, or does not answer. */
double starved_seconds(struct fmnist_client *client);

#endif
