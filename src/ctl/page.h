/* SPDX-License-Identifier: MIT */
/* ctl/page.h — what happened between two looks at a daemon's status: a page of top. Pure.
 *
 * A page is a JSON object; the man page has its fields. Numbers are differences of the two looks,
 * and all by the daemon's clock, which both were taken by: how long the answers were on their way
 * does not count. A stream that was opened in between counts from its opening, and a daemon that
 * was started in between from its start.
 *
 * Threads: any.
 */
#ifndef CTL_PAGE_H
#define CTL_PAGE_H

#include <jansson.h>

/* Of two statuses, with the names of ctl/process.h. Owns: the caller; json_decref. Returns NULL
 * without memory. */
json_t *page_make(const json_t *before, const json_t *now);

/* Calls line() with each line of the page as text, without a newline, in 79 columns. */
void page_lines(const json_t *page, void (*line)(void *to, const char *text), void *to);

#endif
