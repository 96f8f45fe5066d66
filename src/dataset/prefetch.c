/* SPDX-License-Identifier: MIT */
/* Indices to ranges of pages, and these to the kernel. */
#include "dataset/prefetch.h"

#include "dataset/cache_format.h"

#include <errno.h>
#include <sys/mman.h>

#define DEPTH 256 /* ranges handed over at a time */

static void choose_way(struct prefetcher *f, const struct dataset_split *s)
{
    bool uring = s->use_uring && io_uring_queue_init(DEPTH, &f->ring, 0) == 0;
    f->way = uring ? PREFETCH_URING : PREFETCH_PLAIN;
}

/* Only failures are reported, and nothing is to be done about one. A kernel that is short of
 * something takes the ranges the next time. */
static void hand_over(struct prefetcher *f)
{
    struct io_uring_cqe *cqe;
    int rc = io_uring_submit(&f->ring);
    if (rc < 0 && rc != -EAGAIN && rc != -EBUSY && rc != -EINTR) {
        prefetch_close(f);
        f->way = PREFETCH_PLAIN;
        return;
    }
    while (io_uring_peek_cqe(&f->ring, &cqe) == 0)
        io_uring_cqe_seen(&f->ring, cqe);
}

static void begin_reading(struct prefetcher *f, const uint8_t *begin, const uint8_t *end)
{
    size_t before = (uintptr_t)begin % PAGE_BYTES, bytes = (size_t)(end - begin) + before;
    void *pages = (void *)(begin - before);
    struct io_uring_sqe *sqe = NULL;
    if (f->way == PREFETCH_URING && bytes <= INT32_MAX) {
        sqe = io_uring_get_sqe(&f->ring);
        if (!sqe) {
            hand_over(f);
            sqe = f->way == PREFETCH_URING ? io_uring_get_sqe(&f->ring) : NULL;
        }
    }
    if (!sqe) {
        madvise(pages, bytes, MADV_WILLNEED);
        return;
    }
    io_uring_prep_madvise(sqe, pages, (off_t)bytes, MADV_WILLNEED);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
}

void prefetch_images(struct prefetcher *f, const struct dataset_split *s, const uint32_t *indices,
                     size_t count)
{
    if (!s->not_resident || !count)
        return;
    if (f->way == PREFETCH_NEW)
        choose_way(f, s);
    size_t image_bytes = (size_t)s->height * s->width * s->channels;
    const uint8_t *begin = s->images + indices[0] * image_bytes, *end = begin;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *image = s->images + indices[i] * image_bytes;
        if (image != end) {
            begin_reading(f, begin, end);
            begin = image;
        }
        end = image + image_bytes;
    }
    begin_reading(f, begin, end);
    if (f->way == PREFETCH_URING)
        hand_over(f);
}

void prefetch_close(struct prefetcher *f)
{
    if (f->way == PREFETCH_URING)
        io_uring_queue_exit(&f->ring);
    f->way = PREFETCH_NEW;
}
