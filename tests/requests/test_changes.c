/* SPDX-License-Identifier: MIT */
/* What a reload says of two configs. */
#include "requests/changes.h"

#include "support/support.h"

#include <stdlib.h>
#include <string.h>

static struct dataset_source sources[2], others[2];
static struct config before, after;
/* Only compared. */
static struct dataset opened[3], *served[2] = {&opened[0], &opened[1]}, *serves[2];
static char socket_path[] = "/s", other_path[] = "/t";

static void setup(void)
{
    support_setup();
    sources[0] = others[0] = (struct dataset_source){.name = "a", .path = "/a", .transpose = -1};
    sources[1] = others[1] = (struct dataset_source){.name = "b", .path = "/b", .transpose = -1};
    before = (struct config){.socket = socket_path, .datasets = sources, .dataset_count = 2};
    after = before;
    after.datasets = others;
    memcpy(serves, served, sizeof serves);
}

static void check_workers(uint32_t workers, const char *want)
{
    char *text = changes_tell(&(struct changes_side){&before, 2, served},
                              &(struct changes_side){&after, workers, serves});
    ck_assert_str_eq(text, want);
    free(text);
}

static void check(const char *want)
{
    check_workers(2, want);
}

START_TEST(changes__none__said)
{
    check("nothing changed\n");
}
END_TEST

START_TEST(changes__numbers__old_and_new)
{
    before.ring_bytes = 0;
    after.ring_bytes = 65536;
    after.limits.clients = 5;
    check("ring (of new streams): auto -> 65536\nlimits.clients: 0 -> 5\n");
}
END_TEST

START_TEST(changes__workers__by_what_auto_comes_to)
{
    check_workers(3, "workers: 2 -> 3\n");
}
END_TEST

START_TEST(changes__datasets__added_removed_and_changed)
{
    others[0].path = "/elsewhere";
    others[1].name = "c";
    check("dataset \"a\": opened anew; its streams go on with the old one\n"
          "dataset \"c\": added\n"
          "dataset \"b\": removed; its streams go on\n");
}
END_TEST

START_TEST(changes__dataset_that_was_not_whole__said)
{
    serves[1] = &opened[2];
    check("dataset \"b\": opened anew; its cache file was not whole any more\n");
}
END_TEST

START_TEST(changes__what_needs_a_restart__said)
{
    after.socket = other_path;
    after.socket_gid = 7;
    after.cache = other_path;
    after.io_uring = 1;
    check("socket: needs a restart\nsocket_group: needs a restart\ncache: needs a restart\n"
          "io_uring: needs a restart\n");
}
END_TEST

/* Whatever is not the same in an entry opens its files again. */
START_TEST(changes_same_source__each_field__differs)
{
    const char *one[] = {"x"}, *other[] = {"y"};
    struct dataset_source a = {.name = "a", .path = "/a", .classes = one, .class_count = 1};
    struct dataset_source b = a;
    ck_assert(changes_same_source(&a, &b));
    b.classes = other;
    ck_assert(!changes_same_source(&a, &b));
    b = a, b.class_count = 0;
    ck_assert(!changes_same_source(&a, &b));
    b = a, b.classes = NULL;
    ck_assert(!changes_same_source(&a, &b));
    b = a, b.transpose = 1;
    ck_assert(!changes_same_source(&a, &b));
    b = a, b.splits[1].labels = "l";
    ck_assert(!changes_same_source(&a, &b));
    b = a, b.splits[0].images = "i";
    ck_assert(!changes_same_source(&a, &b));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("requests/changes");
    TCase *tc = tcase_create("changes");
    tcase_add_checked_fixture(tc, setup, support_teardown);
    tcase_add_test(tc, changes__none__said);
    tcase_add_test(tc, changes__numbers__old_and_new);
    tcase_add_test(tc, changes__workers__by_what_auto_comes_to);
    tcase_add_test(tc, changes__datasets__added_removed_and_changed);
    tcase_add_test(tc, changes__dataset_that_was_not_whole__said);
    tcase_add_test(tc, changes__what_needs_a_restart__said);
    tcase_add_test(tc, changes_same_source__each_field__differs);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
