/* SPDX-License-Identifier: MIT */
/* ctl/completion.h — what may stand at the end of a command line, for the shells.
 *
 * The scripts that `fmnistctl completion SHELL` prints know nothing of fmnistctl: at each tab they
 * run `fmnistctl __complete WORD...`, the last word being the one that is written, and offer the
 * lines that come: a candidate, behind which a tab and an explanation may stand, or alone ":file"
 * or ":folder", whose names the shell knows itself.
 *
 * Threads: one.
 */
#ifndef CTL_COMPLETION_H
#define CTL_COMPLETION_H

#include <stddef.h>

/* Who is told of the lines, and asked for what only a daemon knows. */
struct completion {
    void (*line)(void *data, const char *text);
    /* Calls name() with each dataset's name that the daemon at `socket` (NULL: the default) serves.
     */
    void (*datasets)(const char *socket, void (*name)(void *to, const char *name), void *to);
    /* The same with the splits of that dataset, or of the first one where it is NULL. */
    void (*splits)(const char *socket, const char *dataset,
                   void (*name)(void *to, const char *name), void *to);
    void *data;
};

/* words: [count], at least one: what stands behind the program's name up to the cursor. */
void completion_find(const struct completion *c, const char *const *words, size_t count);

/* `__complete`: the same on standard output. Where no daemon answers, it has no datasets. Returns
 * an exit status. Blocks: two seconds at most. */
int completion_print(const char *const *words, size_t count);

/* The shells and their scripts, ended by one without a name. */
struct completion_shell {
    const char *name, *script;
};
extern const struct completion_shell completion_shells[];

#endif
