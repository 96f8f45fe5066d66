/* SPDX-License-Identifier: MIT */
/* server/notify.h — telling a service manager how we are: a word to the socket that NOTIFY_SOCKET
 * names. Does not wait for one that does not read.
 *
 * Returns false where the word has to be said again later; true without a service manager.
 * Source: sd_notify(3), sd_watchdog_enabled(3). Threads: the loop thread.
 */
#ifndef SERVER_NOTIFY_H
#define SERVER_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

bool notify_ready(void);
bool notify_stopping(void);

/* A reload begins; notify_ready says its end. */
bool notify_reloading(void);

/* We get on. */
bool notify_alive(void);

/* How often that is wanted: twice within what WATCHDOG_USEC allows this process. Returns
 * milliseconds; 0: not at all. */
uint64_t notify_alive_ms(void);

#endif
