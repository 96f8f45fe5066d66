/* SPDX-License-Identifier: MIT */
/* Notes a signal. */
#include "ctl/ended.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>

static volatile sig_atomic_t ended_by;

static void note(int number)
{
    ended_by = number;
}

static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
enum { NUMBERS = sizeof numbers / sizeof *numbers };

static void mask(int how)
{
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < NUMBERS; i++)
        sigaddset(&set, numbers[i]);
    sigprocmask(how, &set, NULL);
}

void ended_watch(void)
{
    struct sigaction act = {.sa_handler = note};
    for (int i = 0; i < NUMBERS; i++)
        sigaction(numbers[i], &act, NULL);
    mask(SIG_UNBLOCK);
}

void ended_hold(void)
{
    mask(SIG_BLOCK);
}

int ended_look(struct err *e)
{
    return ended_by ? err_set(e, -ECANCELED, "ended by a signal") : 0;
}

void ended_follow(void)
{
    if (!ended_by)
        return;
    fflush(stdout); /* what was said of work that was done by then */
    signal(ended_by, SIG_DFL);
    raise(ended_by);
}
