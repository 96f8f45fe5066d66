/* SPDX-License-Identifier: MIT */
/* tests/faults/injected.h — the test's side of inject.so: running programs with it, and saying
 * which of their calls fail. */
#ifndef TESTS_FAULTS_INJECTED_H
#define TESTS_FAULTS_INJECTED_H

#include "faults/inject/inject.h"
#include "support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char inject_file[640] = INJECT_FILE "=", inject_preload[640] = "LD_PRELOAD=";

/* Programs that are started from now on run with the library, or without. A build with a sanitizer,
 * which takes the C library's place itself, has none: the page then stays as it is. */
static inline void inject_with(void)
{
    const char *build = getenv("BUILD");
    char library[512], *whole;
    snprintf(library, sizeof library, "%s/tests/faults/inject.so", build ? build : "build");
    whole = realpath(library, NULL);
    snprintf(inject_preload, sizeof inject_preload, "LD_PRELOAD=%s", whole ? whole : "");
    free(whole);
}

static inline void inject_without(void)
{
    strcpy(inject_preload, "LD_PRELOAD=");
}

/* support_setup, with the page in the test's folder and inject_with. */
static inline struct inject_page *inject_setup(void)
{
    putenv(inject_file); /* both before the baseline: libc keeps what it allocates for them */
    putenv(inject_preload);
    support_setup();
    inject_with();
    const char *path = support_path("inject");
    snprintf(inject_file, sizeof inject_file, INJECT_FILE "=%s", path);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, sizeof(struct inject_page)), 0);
    void *page = mmap(NULL, sizeof(struct inject_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ck_assert_ptr_ne(page, MAP_FAILED);
    close(fd);
    return page;
}

static inline void inject_teardown(struct inject_page *page)
{
    inject_without();
    munmap(page, sizeof *page);
    support_teardown();
}

/* Has calls number first .. last, and number `again`, fail from now on. */
static inline void inject_arm_pair(struct inject_page *page, enum inject_call call, int error,
                                   uint64_t first, uint64_t last, uint64_t again)
{
    atomic_store(&page->call, CALL_none);
    atomic_store(&page->calls, 0);
    atomic_store(&page->failed, 0);
    atomic_store(&page->in_libarchive, 0);
    atomic_store(&page->cut, 0);
    atomic_store(&page->error, error);
    atomic_store(&page->first, first);
    atomic_store(&page->last, last);
    atomic_store(&page->again, again);
    atomic_store_explicit(&page->call, call, memory_order_release);
}

static inline void inject_arm(struct inject_page *page, enum inject_call call, int error,
                              uint64_t first, uint64_t last)
{
    inject_arm_pair(page, call, error, first, last, UINT64_MAX);
}

/* Counts calls, and fails none. */
static inline void inject_count(struct inject_page *page, enum inject_call call)
{
    inject_arm(page, call, 0, UINT64_MAX, UINT64_MAX);
}

/* Returns how many calls failed. */
static inline uint64_t inject_disarm(struct inject_page *page)
{
    atomic_store(&page->call, CALL_none);
    return atomic_load(&page->failed);
}

#endif
