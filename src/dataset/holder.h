/* SPDX-License-Identifier: MIT */
/* dataset/holder.h — what a lock file says: which process holds it, and how often that has got on.
 *
 * Threads: any.
 */
#ifndef DATASET_HOLDER_H
#define DATASET_HOLDER_H

/* "PID COUNT\n", each as wide as it can be, so that a longer line leaves nothing of itself. */
enum { HOLDER_LINE_BYTES = 10 + 1 + 10 + 1 };

/* This process holds it: `count` differs from the last time. Without room on the disk it does not
 * show. */
void holder_show(int lock, unsigned count);

/* The line that is there, as text; "" where it cannot be read. */
void holder_read(int lock, char line[HOLDER_LINE_BYTES + 1]);

#endif
