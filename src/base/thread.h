/* base/thread.h — a thread that no signal goes to: signals are the first thread's. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

/* Errors: -EAGAIN where the system has no more threads. */
int thread_start(pthread_t *thread, void *(*run)(void *data), void *data);

#endif
