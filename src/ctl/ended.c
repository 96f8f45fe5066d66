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

void ended_watch(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction act = {.sa_handler = note};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &act, NULL);
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
