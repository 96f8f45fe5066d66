/* SPDX-License-Identifier: MIT */
/* Which pages are asked for, by either way, of a split that memory does not hold.
 *
 * io_uring_submit is this program's own, so that a test can make it fail. */
#include "dataset/paged.h"
#include "dataset/prefetch.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>

static struct nonresident_split p;

static int submit_code;

int io_uring_submit(struct io_uring *ring)
{
    int (*real)(struct io_uring *) = dlsym(RTLD_NEXT, "io_uring_submit");
    return submit_code ? -submit_code : real(ring);
}

/* Asks from a thread of its own, because the kernel's helpers of a ring end with the thread that
 * used it, and holds the ring until the test has looked, because its end takes back what is not
 * begun. */
static struct {
    pthread_t thread;
    pthread_barrier_t turn;
    const struct dataset_split *split;
    const uint32_t *indices;
    size_t count;
} question;

static void *ask_and_hold(void *data)
{
    struct prefetcher f = {.way = PREFETCH_NEW};
    prefetch_images(&f, question.split, question.indices, question.count);
    pthread_barrier_wait(&question.turn);
    pthread_barrier_wait(&question.turn);
    prefetch_close(&f);
    return data;
}

static void ask(const struct dataset_split *split, const uint32_t *indices, size_t count)
{
    question.split = split;
    question.indices = indices;
    question.count = count;
    pthread_barrier_init(&question.turn, NULL, 2);
    ck_assert_int_eq(pthread_create(&question.thread, NULL, ask_and_hold, NULL), 0);
    pthread_barrier_wait(&question.turn);
}

static void release(void)
{
    pthread_barrier_wait(&question.turn);
    pthread_join(question.thread, NULL);
    pthread_barrier_destroy(&question.turn);
}

static void *do_nothing(void *data)
{
    return data;
}

/* What libc keeps of its first thread (the stack, for the next) is no leak of a test. */
static void setup(void)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, do_nothing, NULL), 0);
    pthread_join(thread, NULL);
    support_setup();
}

/* A split that memory holds is asked for nothing: no system call for each image. */
START_TEST(prefetch_images__not_paged__nothing)
{
    nonresident_split_in_file(&p);
    p.split.use_uring = _i; /* either way */
    if (throw_out(&p)) {
        uint32_t index = 7;
        p.split.not_resident = false;
        ask(&p.split, &index, 1);
        ck_assert_uint_eq(images_in(&p), 0);
        release();
    }
    nonresident_split_free(&p);
}
END_TEST

/* Runs, single images, the ends of the split, any order, twice the same: those pages and no
 * others. */
START_TEST(prefetch_images__any_indices__exactly_their_pages)
{
    static const uint32_t indices[] = {0, 40, 41, 42, 255, 43, 9, 8, 100, 100};
    size_t count = sizeof indices / sizeof *indices;
    nonresident_split_in_file(&p);
    p.split.use_uring = _i; /* either way */
    for (size_t n = 0; n <= count && throw_out(&p); n++) {
        bool wanted[PAGED_COUNT] = {false};
        ask(&p.split, indices, n);
        for (size_t i = 0; i < n; i++) {
            wanted[indices[i]] = true;
            wait_image(&p, indices[i]);
        }
        for (uint32_t i = 0; i < PAGED_COUNT; i++)
            ck_assert_int_eq(image_is_in(&p, i), wanted[i]);
        release();
    }
    nonresident_split_free(&p);
}
END_TEST

/* An image that lies across two pages needs both. */
START_TEST(prefetch_images__image_across_pages__both)
{
    nonresident_split_in_file(&p);
    p.split.use_uring = _i; /* either way */
    if (throw_out(&p)) {
        uint32_t index = 20;
        struct dataset_split shifted = p.split;
        shifted.images += PAGE_BYTES / 2;
        ask(&shifted, &index, 1);
        wait_image(&p, 20);
        wait_image(&p, 21);
        ck_assert_uint_eq(images_in(&p), 2);
        release();
    }
    nonresident_split_free(&p);
}
END_TEST

/* Taken away from a daemon that runs: pages that were in the queue are read by the fault, later
 * ones asked for in the other way. */
START_TEST(prefetch_images__io_uring_fails__by_madvise_from_then_on)
{
    const uint32_t indices[] = {3, 9};
    struct prefetcher f = {.way = PREFETCH_NEW};
    nonresident_split_in_file(&p);
    p.split.use_uring = true;
    if (throw_out(&p)) {
        submit_code = EPERM;
        prefetch_images(&f, &p.split, &indices[0], 1);
        ck_assert_int_eq(f.way, PREFETCH_PLAIN);
        prefetch_images(&f, &p.split, &indices[1], 1);
        wait_image(&p, 9);
        prefetch_close(&f);
    }
    nonresident_split_free(&p);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dataset/prefetch");
    TCase *tc = tcase_create("prefetch_images");
    tcase_add_checked_fixture(tc, setup, support_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, prefetch_images__not_paged__nothing, 0, 2);
    tcase_add_loop_test(tc, prefetch_images__any_indices__exactly_their_pages, 0, 2);
    tcase_add_loop_test(tc, prefetch_images__image_across_pages__both, 0, 2);
    tcase_add_test(tc, prefetch_images__io_uring_fails__by_madvise_from_then_on);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
