/* server/notify.h — telling systemd how we are, where we were built with libsystemd.
 * Source: sd_notify(3). Threads: the loop thread. */
#ifndef SERVER_NOTIFY_H
#define SERVER_NOTIFY_H

void notify_ready(void);
void notify_stopping(void);

#endif
