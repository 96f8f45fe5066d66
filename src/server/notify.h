/* server/notify.h — telling a service manager how we are: a word to the socket that NOTIFY_SOCKET
 * names. Does not wait for one that does not read.
 *
 * Returns false where the word has to be said again later; true without a service manager.
 * Source: sd_notify(3). Threads: the loop thread.
 */
#ifndef SERVER_NOTIFY_H
#define SERVER_NOTIFY_H

#include <stdbool.h>

bool notify_ready(void);
bool notify_stopping(void);

#endif
