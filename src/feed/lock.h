/* SPDX-License-Identifier: MIT */
/* feed/lock.h — the one lock of the feed, as a name in its types.
 *
 * The lock itself is the pool's (pool_state.h), and there is one pool in a process. What it guards
 * lies in streams and consumers, which know no pool: feed_lock stands for it there. It is never
 * defined; only clang looks at it.
 */
#ifndef FEED_LOCK_H
#define FEED_LOCK_H

#include "base/guard.h"

struct CAPABILITY("mutex") feed_lock {
    char unused;
};
extern struct feed_lock feed_lock;

#endif
