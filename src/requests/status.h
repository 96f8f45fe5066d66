/* SPDX-License-Identifier: MIT */
/* requests/status.h — the daemon's state as JSON: what fmnistctl status shows (docs/protocol.md).
 */
#ifndef REQUESTS_STATUS_H
#define REQUESTS_STATUS_H

#include "requests/context.h"

/* Returns malloc'd text, NULL when out of memory. Loop thread. */
char *status_text(const struct request_context *context);

#endif
