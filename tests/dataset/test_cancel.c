/* SPDX-License-Identifier: MIT */
/* Cancelling an opening at every place where it looks whether it is still wanted.
 *
 * The pulse is this program's own: the n-th beat is the one that is told so. */
#include "dataset/pulse.h"

#include "dataset/opener.h"

#include <dirent.h>
#include <unistd.h>

static unsigned beats, cancel_at;

int pulse_beat(struct pulse *p, struct err *e)
{
    return ++beats == cancel_at ? err_set(e, -ECANCELED, "it was cancelled") : 0;
}

void pulse_hold(struct pulse *p, int lock)
{
}

static void put_mine(void)
{
    put_gzip("train-images.gz", idx_images(9000, 30, 30));
    put_file("train-labels", idx_labels(9000));
}

static int open_cancelled(const char *cache, unsigned at, struct err *e)
{
    struct dataset_source source = mine();
    struct dataset *d;
    beats = 0;
    cancel_at = at;
    int rc = open_noted(&source, cache, true, &d, e);
    dataset_close(d);
    return rc;
}

static unsigned files_with(const char *folder, const char *ending)
{
    unsigned n = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        n += strstr(entry->d_name, ending) != NULL;
    if (dir)
        closedir(dir);
    return n;
}

static void empty_cache(void)
{
    unlink(support_path("cache/mine-train.cache"));
}

/* Whatever it was at, it ends there, and leaves nothing that is half. */
static unsigned cancel_everywhere(bool cached, void (*prepare)(void))
{
    struct err e;
    unsigned at = 0;
    int rc;
    do {
        prepare();
        const char *cache = cached ? support_path("cache") : NULL;
        rc = open_cancelled(cache, ++at, &e);
        if (cache)
            ck_assert_uint_eq(files_with(cache, ".tmp"), 0);
        if (rc) {
            ck_assert_int_eq(rc, -ECANCELED);
            ck_assert_uint_eq(beats, at);
            ck_assert_text(e.text, "opening dataset \"mine\": train: ");
        }
    } while (rc);
    return at - 1;
}

static void nothing(void)
{
}

/* Reading, inflating, writing, mapping. */
START_TEST(dataset_open__cancelled_at_each_step_of_a_build__nothing_half_is_left)
{
    put_mine();
    ck_assert_uint_gt(cancel_everywhere(true, empty_cache), 20);
    ck_assert_text(notes, "built in the cache");
}
END_TEST

START_TEST(dataset_open__cancelled_at_each_step_of_a_build_in_memory__ecanceled)
{
    put_mine();
    ck_assert_uint_gt(cancel_everywhere(false, nothing), 20);
}
END_TEST

/* Checking a cache file, which is whole afterwards as before. */
START_TEST(dataset_open__cancelled_at_each_step_of_a_check__the_cache_file_stays)
{
    struct err e;
    put_mine();
    ck_assert_int_eq(open_cancelled(support_path("cache"), 0, &e), 0);
    ck_assert_uint_gt(cancel_everywhere(true, nothing), 1);
    ck_assert_str_eq(notes, "");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("dataset/cancel");
    TCase *tc = tcase_create("dataset_open");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, dataset_open__cancelled_at_each_step_of_a_build__nothing_half_is_left);
    tcase_add_test(tc, dataset_open__cancelled_at_each_step_of_a_build_in_memory__ecanceled);
    tcase_add_test(tc, dataset_open__cancelled_at_each_step_of_a_check__the_cache_file_stays);
    suite_add_tcase(s, tc);
    return support_run(s);
}
