/* SPDX-License-Identifier: MIT */
/* tests/faults/inject/page.h — inside the library: the page, and whether a call is to fail.
 *
 * Threads: any. Memory: none, and no call that the library itself takes the place of.
 */
#ifndef TESTS_FAULTS_PAGE_H
#define TESTS_FAULTS_PAGE_H

#include "faults/inject/inject.h"

#include <stdbool.h>

/* Seen by the programs that it is linked or loaded into. */
#define SHOWN __attribute__((visibility("default")))

/* The page; one of our own where there is no test in another process. Never NULL. */
struct inject_page *inject_page(void);

/* Counts a call. Returns whether it is to fail, or to be cut. */
bool page_hits(enum inject_call call);

/* The same for a call that cannot be cut. Returns 0, or the errno that it is to fail with. */
int page_fails(enum inject_call call);

/* Nothing more is counted or fails. */
void page_leave(void);

/* Whether the code lies in a library of that name. */
bool page_is_within(const void *code, const char *library);

#endif
