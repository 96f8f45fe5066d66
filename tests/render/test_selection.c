/* SPDX-License-Identifier: MIT */
/* What a spec selects, made step by step: what it takes of the budget, and what is kept of a split
 * that breaks meanwhile. */
#include "render/fixture.h"

#include "dataset/mapping.h"
#include "render/selection.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

static struct err e;

static struct spec spec_of_part(const char *select)
{
    struct spec s = base_spec();
    strcpy(s.dataset, "fake");
    strcpy(s.split, "train");
    strcpy(s.select, select);
    return s;
}

static struct selection *begin(const char *select)
{
    struct spec spec = spec_of_part(select);
    struct selection *s;
    ck_assert_msg(selection_new(&s, &spec, &set.dataset, &caches, &e) == 0, "%s", e.text);
    return s;
}

static int make(struct selection *s, const struct index_list **out)
{
    int rc;
    while (!(rc = selection_step(s, out, &e)))
        continue;
    selection_free(s);
    return rc;
}

static struct index_list_cache_usage usage_now(void)
{
    struct index_list_cache_usage u;
    index_list_cache_usage(caches.index_lists, &u);
    return u;
}

/* As much as is taken while it is made is given back but for the list, and that when it goes. */
START_TEST(selection__made_once_and_again__budget_has_the_list)
{
    static const char *const selects[] = {
        "slice(:50)", "slice(:1) labels(0:1)", "labels(9:1)", "labels(0:1)", "classes(1, renumber)",
    };
    struct budget budget = {0};
    budget_set(&budget, 1 << 20, 1 << 20, "a test");
    caches.budget = &budget;
    index_list_cache_share(caches.index_lists, &budget);
    set.dataset.splits[DATASET_TRAIN].label_max = 60000; /* a bound: more of them than images */
    for (size_t i = 0; i < sizeof selects / sizeof *selects; i++) {
        const struct index_list *first, *again;
        struct spec spec = spec_of_part(selects[i]);
        struct selection *one = begin(selects[i]), *other = begin(selects[i]);
        ck_assert_uint_eq(budget.used,
                          2 * selection_bytes(&spec, &set.dataset.splits[DATASET_TRAIN]));
        ck_assert_msg(make(one, &first) == 1, "%s: %s", selects[i], e.text);
        ck_assert_int_eq(make(other, &again), 1);
        ck_assert_ptr_eq(first, again);
        ck_assert_uint_eq(budget.used, index_list_bytes(first));
        index_list_cache_put(caches.index_lists, first);
        index_list_cache_put(caches.index_lists, again);
        index_list_cache_drop_idle(caches.index_lists);
        ck_assert_uint_eq(budget.used, 0);
    }
    index_list_cache_free(caches.index_lists); /* before its budget */
    caches.index_lists = index_list_cache_new(0);
    caches.budget = NULL;
}
END_TEST

/* The labels are those of a file that is cut short before they are read: zeros, of which a list
 * can be made that later requests would find. */
START_TEST(selection__split_breaks_meanwhile__nothing_is_kept)
{
    static const char *const selects[] = {"classes(0)", "classes(3)"};
    struct dataset_split *split = &set.dataset.splits[DATASET_TRAIN];
    size_t bytes = split->count * sizeof *split->labels;
    for (size_t i = 0; i < sizeof selects / sizeof *selects; i++) {
        int fd = memfd_create("labels", MFD_CLOEXEC);
        ck_assert_int_eq(write(fd, set.labels, bytes), (ssize_t)bytes);
        void *map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
        ck_assert_ptr_ne(map, MAP_FAILED);
        ck_assert_int_eq(mapping_watch(&split->mapping, map, bytes, -1, &e), 0);
        split->labels = map;
        struct selection *s = begin(selects[i]);
        ck_assert_int_eq(ftruncate(fd, 0), 0);
        const struct index_list *list;
        ck_assert_int_eq(make(s, &list), -EIO);
        ck_assert_msg(strstr(e.text, "\"fake\" train"), "%s", e.text);
        ck_assert_uint_eq(usage_now().count, 0);
        mapping_end(split->mapping);
        split->mapping = NULL;
        munmap(map, bytes);
        close(fd);
    }
    split->labels = set.labels;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("render/selection");
    TCase *tc = tcase_create("selection");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, selection__made_once_and_again__budget_has_the_list);
    tcase_add_test(tc, selection__split_breaks_meanwhile__nothing_is_kept);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
