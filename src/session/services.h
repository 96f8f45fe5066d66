/* SPDX-License-Identifier: MIT */
/* session/services.h — the daemon's parts, as its rooms see them. server.c makes and ends them.
 *
 * Threads: the loop thread; workers may use `caches` and `pool`, which guard themselves.
 */
#ifndef SESSION_SERVICES_H
#define SESSION_SERVICES_H

#include <uv.h>

struct services {
    uv_loop_t *loop;
    struct opener *opener;
    const struct config *config; /* in force; a reload exchanges what is in it */
    struct catalog *catalog;     /* likewise */
    struct render_caches *caches;
    struct pool *pool;
    struct accounts *accounts;
    struct deliveries *deliveries; /* NULL: there is no ledger */
};

#endif
