/* SPDX-License-Identifier: MIT */
/* Which number of workers is enough: of figures that are made up, in each way that they may lie. */
#include "ctl/advice.h"
#include "ctl/config_text.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the rule ------------------------------------------------------------------------------- */

static struct tried tried_of(unsigned workers, const double steps[ADVICE_ROUNDS])
{
    struct tried t = {.workers = workers, .rounds = ADVICE_ROUNDS};
    for (int i = 0; i < ADVICE_ROUNDS; i++) {
        t.step_us[i] = steps[i];
        t.wait_us[i] = steps[i] / 10;
    }
    return t;
}

static struct advice advised(const struct tried *tried, size_t count, size_t enough, size_t best,
                             const char *reason)
{
    char text[400];
    struct advice a = advice_of(tried, count);
    advice_text(tried, count, &a, text, sizeof text);
    ck_assert_msg(a.enough == enough && a.best == best && strstr(text, reason),
                  "enough %zu, best %zu: %s", a.enough, a.best, text);
    return a;
}

START_TEST(advice_of__slower_in_every_round__one_more_worker)
{
    const struct tried t[] = {
        tried_of(1, (double[]){200, 210, 190, 205, 195}),
        tried_of(2, (double[]){100, 110, 105, 95, 100}),
        tried_of(3, (double[]){101, 109, 106, 96, 101}),
    };
    advised(t, 3, 1, 1,
            "with 1 worker a step takes 200 us and the trainer waits 10.0 % of it, with 2 100 us "
            "and 10.0 %; more are no faster");
}
END_TEST

/* The middle is a tenth better, but one round says the opposite: no reason for a thread. */
START_TEST(advice_of__rounds_that_do_not_agree__the_fewer)
{
    const struct tried t[] = {
        tried_of(1, (double[]){110, 112, 111, 90, 110}),
        tried_of(2, (double[]){100, 101, 100, 102, 99}),
    };
    struct advice a = advised(t, 2, 0, 1,
                              "1 worker is enough: the trainer waits 10.0 % of its "
                              "time; 2 are not faster in every round");
    ck_assert(a.more_us > 10 && a.more_us < 12);
}
END_TEST

/* A machine that slows down from round to round slows both: their differences show the better one,
 * where the figures themselves overlap. */
START_TEST(advice_of__drift_larger_than_the_difference__still_seen)
{
    const struct tried t[] = {
        tried_of(1, (double[]){105, 205, 305, 405, 505}),
        tried_of(2, (double[]){100, 200, 299, 400, 499}),
    };
    struct advice a = advised(t, 2, 1, 1, "with 1 worker a step takes 305 us");
    ck_assert(a.more_us == 0);
}
END_TEST

START_TEST(advice_of__less_than_a_hundredth__the_fewer)
{
    const struct tried t[] = {
        tried_of(1, (double[]){1009, 1008, 1009, 1009, 1007}),
        tried_of(2, (double[]){1000, 1000, 1000, 1000, 1000}),
    };
    advised(t, 2, 0, 1, "; 2 save less than 1 %");
}
END_TEST

/* Workers that take the trainer's CPU. */
START_TEST(advice_of__more_are_slower__the_fewest)
{
    const struct tried t[] = {
        tried_of(1, (double[]){100, 100, 100, 100, 100}),
        tried_of(2, (double[]){150, 150, 150, 150, 150}),
    };
    advised(t, 2, 0, 0,
            "1 worker is enough: the trainer waits 10.0 % of its time; more are no "
            "faster");
    advised(t, 1, 0, 0, "; there is no CPU for another one");
    struct tried r = t[1];
    r.step_us[2] = 140;
    ck_assert(advice_spread(&r) == 10 && advice_spread(&t[0]) == 0);
}
END_TEST

START_TEST(advice_counts__each_machine__rising_and_all_its_cpus)
{
    unsigned counts[ADVICE_TRIED_MAX];
    ck_assert_uint_eq(advice_counts(0, counts), 1);
    for (unsigned cpus = 1; cpus <= 4096; cpus++) {
        size_t n = advice_counts(cpus, counts);
        ck_assert_uint_le(n, ADVICE_TRIED_MAX);
        ck_assert(counts[0] == 1 && counts[n - 1] == cpus);
        for (size_t i = 1; i < n; i++)
            ck_assert_msg(counts[i] > counts[i - 1], "%u CPUs", cpus);
    }
    static const unsigned sixteen[] = {1, 2, 3, 4, 6, 8, 12, 16};
    ck_assert_uint_eq(advice_counts(16, counts), 8);
    ck_assert_mem_eq(counts, sixteen, sizeof sixteen);
}
END_TEST

/* ---- the config ----------------------------------------------------------------------------- */

static const char printed[] = "# What is in force, and where in the config file it stands.\n"
                              "socket: \"/run/s\" # line 1\n"
                              "socket_mode: \"0660\" # with a socket_group\n"
                              "socket_group: \"ml\" # line 2\n"
                              "cache: \"/var/cache/fmnistd\" # default\n"
                              "workers: 4 # default, the CPUs that it may use\n"
                              "log_level: debug # line 3\n"
                              "ledger:\n"
                              "  path: \"/var/log/ledger\" # line 4\n"
                              "  files: 4 # default\n"
                              "limits:\n"
                              "  clients: 256 # default\n"
                              "datasets:\n"
                              "  - name: \"mnist\"\n"
                              "    path: \"/data/mnist\" # line 9\n"
                              "  - name: \"mnist-2\"\n"
                              "    path: \"/data/two\" # line 11\n"
                              "    classes:\n"
                              "      - \"mnist\"\n"
                              "      - \"b\"\n";

START_TEST(config_text_for__a_config__its_datasets_and_limits_alone)
{
    char *text = config_text_for(printed, "mnist-2", 3);
    ck_assert_ptr_nonnull(text);
    ck_assert_str_eq(text, "workers: 3\n"
                           "log_level: warning\n"
                           "# What is in force, and where in the config file it stands.\n"
                           "cache: \"/var/cache/fmnistd\" # default\n"
                           "limits:\n"
                           "  clients: 256 # default\n"
                           "datasets:\n"
                           "  - name: \"mnist-2\"\n"
                           "    path: \"/data/two\" # line 11\n"
                           "    classes:\n"
                           "      - \"mnist\"\n"
                           "      - \"b\"\n");
    free(text);
    text = config_text_for(printed, "none", 0);
    ck_assert(!strncmp(text, "workers: auto\n", 14) && strstr(text, "/data/mnist") &&
              strstr(text, "/data/two"));
    free(text);
}
END_TEST

START_TEST(config_text_workers__value_and_where_it_is_from)
{
    char text[64];
    config_text_workers(printed, text, sizeof text);
    ck_assert_str_eq(text, "4 (default, the CPUs that it may use)");
    config_text_workers("workers: 2\nx: 1 # y\n", text, sizeof text);
    ck_assert_str_eq(text, "2");
    config_text_workers("x: 1\n", text, sizeof text);
    ck_assert_str_eq(text, "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl/advice");
    TCase *tc = tcase_create("advice");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, advice_of__slower_in_every_round__one_more_worker);
    tcase_add_test(tc, advice_of__rounds_that_do_not_agree__the_fewer);
    tcase_add_test(tc, advice_of__drift_larger_than_the_difference__still_seen);
    tcase_add_test(tc, advice_of__less_than_a_hundredth__the_fewer);
    tcase_add_test(tc, advice_of__more_are_slower__the_fewest);
    tcase_add_test(tc, advice_counts__each_machine__rising_and_all_its_cpus);
    tcase_add_test(tc, config_text_for__a_config__its_datasets_and_limits_alone);
    tcase_add_test(tc, config_text_workers__value_and_where_it_is_from);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
