/* base/thread.h — a thread that no signal goes to: signals are the first thread's. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

/* `name` is what top -H and a debugger call it, at most 15 characters. Errors: -EAGAIN where the
 * system has no more threads. */
int thread_start(pthread_t *thread, const char *name, void *(*run)(void *data), void *data);

#endif
