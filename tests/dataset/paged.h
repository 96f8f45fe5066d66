/* SPDX-License-Identifier: MIT */
/* tests/dataset/paged.h — a split in a file whose pages can be thrown out of memory, as a small
 * memory does it, and a look at which are in.
 *
 * An image is a page, so that a page's coming and going is an image's.
 */
#ifndef TESTS_PAGED_H
#define TESTS_PAGED_H

#include "base/clock.h"
#include "dataset/cache_format.h"
#include "support/support.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGED_SIDE = 64, PAGED_COUNT = 256 };
_Static_assert(PAGED_SIDE *PAGED_SIDE == PAGE_BYTES, "an image is a page");

struct nonresident_split {
    int fd;
    struct dataset_split split;
};

/* Maps `fd`, which becomes a file of the layout, and marks the split as paged. */
static inline void nonresident_split_init(struct nonresident_split *p, int fd)
{
    p->fd = fd;
    p->split = (struct dataset_split){
        .count = PAGED_COUNT, .height = PAGED_SIDE, .width = PAGED_SIDE, .channels = 1};
    struct cache_layout l = cache_layout(&p->split);
    uint8_t *bytes = malloc(l.end);
    for (size_t i = 0; i < l.end; i++)
        bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    memset(bytes + l.labels, 0, l.end - l.labels);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, bytes, l.end, 0), (ssize_t)l.end);
    ck_assert_int_eq(fsync(fd), 0);
    free(bytes);
    struct err e;
    ck_assert_msg(cache_map(fd, &p->split, &e) == 0, "%s", e.text);
    madvise(p->split.map, p->split.map_bytes, MADV_RANDOM);
    p->split.not_resident = true;
}

/* The same in a file of the test's folder. */
static inline void nonresident_split_in_file(struct nonresident_split *p)
{
    nonresident_split_init(p, open(support_path("split"), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
}

static inline void nonresident_split_free(struct nonresident_split *p)
{
    munmap(p->split.map, p->split.map_bytes);
    close(p->fd);
}

static inline bool image_is_in(const struct nonresident_split *p, uint32_t index)
{
    unsigned char in;
    const uint8_t *image = p->split.images + (size_t)index * PAGE_BYTES;
    ck_assert_int_eq(mincore((void *)image, PAGE_BYTES, &in), 0);
    return in & 1;
}

static inline uint32_t images_in(const struct nonresident_split *p)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < PAGED_COUNT; i++)
        n += image_is_in(p, i);
    return n;
}

/* Returns false where the folder's file system is memory itself, which gives nothing away. */
static inline bool throw_out(const struct nonresident_split *p)
{
    ck_assert_int_eq(madvise(p->split.map, p->split.map_bytes, MADV_DONTNEED), 0);
    posix_fadvise(p->fd, 0, 0, POSIX_FADV_DONTNEED);
    if (images_in(p) == 0)
        return true;
    printf("skipped: the pages of files in %s stay in memory\n", support_dir());
    return false;
}

/* Waits until a read that has begun is done. */
static inline void wait_image(const struct nonresident_split *p, uint32_t index)
{
    uint64_t end = clock_ns() + UINT64_C(5000000000);
    while (!image_is_in(p, index) && clock_ns() < end)
        sched_yield();
    ck_assert_msg(image_is_in(p, index), "image %u was not read", index);
}

#endif
