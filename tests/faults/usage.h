/* SPDX-License-Identifier: MIT */
/* tests/faults/usage.h — what a daemon has at a moment, and waiting until it has no more than that
 * again. */
#ifndef TESTS_FAULTS_USAGE_H
#define TESTS_FAULTS_USAGE_H

#include "e2e/harness.h"
#include "faults/injected.h"

#include <dirent.h>

struct usage {
    unsigned descriptors, threads;
    unsigned mappings;     /* of shared memory */
    int64_t bytes, blocks; /* allocated, where the daemon runs with inject.so */
};

static inline unsigned usage_count(pid_t pid, const char *folder)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, folder);
    DIR *d = opendir(path);
    ck_assert_ptr_nonnull(d);
    unsigned n = 0;
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static inline unsigned usage_mappings(pid_t pid)
{
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *f = fopen(path, "re");
    ck_assert_ptr_nonnull(f);
    unsigned n = 0;
    while (fgets(line, sizeof line, f))
        n += strstr(line, "/memfd:") != NULL;
    fclose(f);
    return n;
}

static inline struct usage usage_of(const struct daemon *d, struct inject_page *page)
{
    return (struct usage){
        .descriptors = usage_count(d->pid, "fd"),
        .threads = usage_count(d->pid, "task"),
        .mappings = usage_mappings(d->pid),
        .bytes = atomic_load(&page->live_bytes),
        .blocks = atomic_load(&page->live_blocks),
    };
}

/* What this process has itself, which is linked with what inject.so is made of. */
static inline struct usage usage_own(struct inject_page *page)
{
    return (struct usage){.descriptors = usage_count(getpid(), "fd"),
                          .threads = usage_count(getpid(), "task"),
                          .mappings = usage_mappings(getpid()),
                          .blocks = atomic_load(&page->live_blocks)};
}

static inline bool usage_is_within(const struct usage *is, const struct usage *bound)
{
    return is->descriptors <= bound->descriptors && is->threads <= bound->threads &&
           is->mappings <= bound->mappings && is->bytes <= bound->bytes &&
           is->blocks <= bound->blocks;
}

/* What it has when nothing new begins: the least descriptors and mappings, as some of before may be
 * about to go, and then the most memory, of which a reply, say, takes some for a moment. */
static inline struct usage usage_settled(const struct daemon *d, struct inject_page *page)
{
    struct usage least = usage_of(d, page);
    for (int64_t end = milliseconds() + 200; milliseconds() < end;) {
        struct usage now = usage_of(d, page);
        if (now.descriptors + now.mappings <= least.descriptors + least.mappings)
            least = now;
    }
    for (int64_t end = milliseconds() + 200; milliseconds() < end;) {
        struct usage now = usage_of(d, page);
        least.bytes = now.bytes > least.bytes ? now.bytes : least.bytes;
        least.blocks = now.blocks > least.blocks ? now.blocks : least.blocks;
    }
    least.bytes += 32 * least.blocks; /* malloc gives a block up to so much more than asked for */
    return least;
}

struct usage_wait {
    const struct daemon *d;
    struct inject_page *page;
    struct usage bound, last;
};

static inline bool usage_is_back(void *data)
{
    struct usage_wait *w = data;
    w->last = usage_of(w->d, w->page);
    return usage_is_within(&w->last, &w->bound);
}

/* Waits until it has no more than `bound`, after a fault of that name. Returns how many
 * milliseconds that took. */
static inline int64_t usage_await(const struct daemon *d, struct inject_page *page,
                                  const struct usage *bound, const char *after)
{
    struct usage_wait w = {.d = d, .page = page, .bound = *bound};
    int64_t start = milliseconds();
    ck_assert_msg(daemon_wait_until(usage_is_back, &w),
                  "not given back after \"%s\": %u descriptors, want %u; %u mappings, want %u; %u "
                  "threads, want "
                  "%u; %lld bytes in %lld blocks, want %lld in %lld",
                  after, w.last.descriptors, bound->descriptors, w.last.mappings, bound->mappings,
                  w.last.threads, bound->threads, (long long)w.last.bytes, (long long)w.last.blocks,
                  (long long)bound->bytes, (long long)bound->blocks);
    return milliseconds() - start;
}

#endif
