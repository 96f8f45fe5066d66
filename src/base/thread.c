/* SPDX-License-Identifier: MIT */
/* Starts threads. Does not end them. */
#include "base/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

int thread_start(pthread_t *thread, const char *name, void *(*run)(void *data), void *data)
{
    pthread_attr_t attributes;
    sigset_t all, old;
    int rc = pthread_attr_init(&attributes);
    if (rc)
        return -rc;
    pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
    sigfillset(&all);
    sigdelset(&all, SIGBUS); /* is the thread's own (dataset/mapping.h); blocked, it ends us */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = pthread_create(thread, &attributes, run, data);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attributes);
    if (!rc)
        pthread_setname_np(*thread, name);
    return -rc;
}

int thread_error(struct err *e, int code, const char *format, ...)
{
    char what[ERR_TEXT_SIZE], names[160] = "";
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (code != -EAGAIN)
        return err_sys(e, code, "%s", what);
    err_add_limit(names, sizeof names, "RLIMIT_NPROC ", RLIMIT_NPROC, ", ");
    err_add_limit(names, sizeof names, "RLIMIT_AS ", RLIMIT_AS, ", ");
    err_add_limit(names, sizeof names, "RLIMIT_DATA ", RLIMIT_DATA, ", ");
    return err_set(e, code, "%s: %s: what bounds threads here is %spids.max of its cgroup", what,
                   strerror(-code), names);
}
