/* SPDX-License-Identifier: MIT */
/* ctl/progress.h — how far something has come that takes more than a second: one line on standard
 * error, written over itself, and taken away in the end. Only where that is a terminal that can,
 * so never in a log.
 *
 * Threads: one. Memory: none.
 */
#ifndef CTL_PROGRESS_H
#define CTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *what, *unit; /* "dump", "samples" */
    uint64_t total;          /* 0: not known */
    uint64_t started_ns;
    uint64_t next_ns; /* the next look at `done`; UINT64_MAX: none */
};

/* Whether a terminal's cursor can be moved: that it is one, and no dumb one by TERM. */
bool terminal_can(int fd);

void progress_start(struct progress *p, const char *what, const char *unit, uint64_t total);
void progress_show(struct progress *p, uint64_t done, uint64_t now_ns);

/* Cheap: for every step of the work. */
static inline void progress_tell(struct progress *p, uint64_t done, uint64_t now_ns)
{
    if (now_ns >= p->next_ns)
        progress_show(p, done, now_ns);
}

/* Takes the line away, where there is one: at the end, and before anything else is written to the
 * terminal. */
void progress_clear(void);

/* The line itself, at most 79 characters. */
void progress_text(const struct progress *p, uint64_t done, uint64_t now_ns, char text[80]);

#endif
