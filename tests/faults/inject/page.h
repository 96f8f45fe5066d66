/* tests/faults/inject/page.h — inside inject.so: the page, and whether a call is to fail.
 *
 * Threads: any. Memory: none, and no call that the library itself takes the place of.
 */
#ifndef TESTS_FAULTS_PAGE_H
#define TESTS_FAULTS_PAGE_H

#include "faults/inject/inject.h"

#include <stdbool.h>

/* The page; one of our own where there is no test. Never NULL. */
struct inject_page *page(void);

/* Counts a call. Returns 0, or the errno that it is to fail with. */
int page_fails(enum inject_call call);

#endif
