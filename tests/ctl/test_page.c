/* SPDX-License-Identifier: MIT */
/* A page of top is what happened between two looks, whatever happened in between. */
#include "ctl/page.h"
#include "support/support.h"

#include <string.h>

#define STREAM(taken, seconds)                                                                   \
    "{\"dataset\":\"tiny\",\"split\":\"train\",\"seconds\":" seconds ",\"batches_taken\":" taken \
    ",\"waited_seconds\":0.5,\"render_seconds\":0.25,\"steps\":10,\"epoch_samples\":640,"        \
    "\"batches_ready\":3,\"slots\":4}"

#define STATUS(pid, cpu, up, clients)                                             \
    "{\"version\":\"1\",\"pid\":" pid ",\"uptime_seconds\":" up ",\"workers\":2," \
    "\"cpu_seconds\":" cpu ",\"clients\":[" clients "]}"

#define CLIENT(id, stream) "{\"id\":" id ",\"pid\":77,\"stream\":" stream "}"

static json_t *page_of(const char *before, const char *now)
{
    json_t *a = json_loads(before, 0, NULL), *b = json_loads(now, 0, NULL);
    ck_assert(a && b);
    json_t *page = page_make(a, b);
    ck_assert_ptr_nonnull(page);
    json_decref(a);
    json_decref(b);
    return page;
}

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    ck_assert_msg(json_is_number(value), "%s", key);
    return json_number_value(value);
}

static const json_t *only_stream(const json_t *page)
{
    const json_t *streams = json_object_get(page, "streams");
    ck_assert_uint_eq(json_array_size(streams), 1);
    return json_array_get(streams, 0);
}

START_TEST(page__the_same_stream__differences)
{
    json_t *page = page_of(STATUS("5", "1.0", "9", CLIENT("1", STREAM("100", "8"))),
                           STATUS("5", "2.5", "11", CLIENT("1", STREAM("150", "10"))));
    ck_assert_double_eq(number(page, "seconds"), 2);
    ck_assert_double_eq(number(page, "cpu_seconds"), 1.5);
    const json_t *s = only_stream(page);
    ck_assert_double_eq(number(s, "seconds"), 2);
    ck_assert_double_eq(number(s, "batches"), 50);
    ck_assert_double_eq(number(s, "images_per_second"), 50 * 64 / 2);
    ck_assert_double_eq(number(s, "waited_seconds"), 0);
    json_decref(page);
}
END_TEST

/* What passed is what the daemon says that passed, when it says so late, too: a reader that always
 * waits waits 100 %, and one of two workers that always renders is half of them. */
START_TEST(page__full_use__neither_more_nor_less_than_all)
{
    static const char before[] = "{\"pid\":5,\"uptime_seconds\":9,\"workers\":2,"
                                 "\"workers_busy_seconds\":3,\"clients\":[{\"id\":1,\"pid\":7,"
                                 "\"stream\":{\"seconds\":8,\"waited_seconds\":1,"
                                 "\"render_seconds\":2,\"batches_taken\":1}}]}";
    static const char now[] = "{\"pid\":5,\"uptime_seconds\":10.25,\"workers\":2,"
                              "\"workers_busy_seconds\":5.5,\"clients\":[{\"id\":1,\"pid\":7,"
                              "\"program\":\"trainer\",\"stream\":{\"seconds\":9.5,"
                              "\"waited_seconds\":2.5,\"render_seconds\":3.5,"
                              "\"batches_taken\":2,\"batches_ready\":0,\"slots\":4}}]}";
    json_t *page = page_of(before, now);
    ck_assert_double_eq(number(page, "workers_busy"), 1);
    const json_t *s = only_stream(page);
    ck_assert_double_eq(number(s, "seconds"), 1.5);
    ck_assert_double_eq(number(s, "waited_share"), 1);
    ck_assert_double_eq(number(s, "workers_share"), 0.5);
    ck_assert_str_eq(json_string_value(json_object_get(s, "program")), "trainer");
    ck_assert(json_is_null(json_object_get(s, "command")));
    ck_assert_str_eq(json_string_value(json_object_get(s, "bottleneck_side")), "workers");
    json_decref(page);
}
END_TEST

/* Two workers were busy all the second, and had a CPU for a tenth of it. */
START_TEST(page__busy_without_a_cpu__not_the_workers)
{
    static const char *const sides[] = {"elsewhere", "workers"}, *const cpu[] = {"1.2", "2.5"};
    for (int i = 0; i < 2; i++) {
        char now[512];
        snprintf(now, sizeof now,
                 "{\"pid\":5,\"uptime_seconds\":10,\"workers\":2,\"workers_busy_seconds\":5,"
                 "\"cpu_seconds\":%s,\"clients\":[{\"id\":1,\"pid\":7,\"stream\":{"
                 "\"seconds\":9,\"waited_seconds\":2,\"batches_taken\":2,\"batches_ready\":0,"
                 "\"slots\":4}}]}",
                 cpu[i]);
        json_t *page =
            page_of("{\"pid\":5,\"uptime_seconds\":9,\"workers\":2,\"workers_busy_seconds\":3,"
                    "\"cpu_seconds\":1,\"clients\":[{\"id\":1,\"pid\":7,\"stream\":{"
                    "\"seconds\":8,\"waited_seconds\":1,\"batches_taken\":1}}]}",
                    now);
        ck_assert_str_eq(json_string_value(json_object_get(only_stream(page), "bottleneck_side")),
                         sides[i]);
        json_decref(page);
    }
}
END_TEST

/* A new stream, of a new client or of one that had another: since its opening, never less than 0.
 */
START_TEST(page__stream_opened_in_between__since_its_opening)
{
    static const char *const before[] = {
        STATUS("5", "1", "9", ""),
        STATUS("5", "1", "9", CLIENT("1", "null")),
        STATUS("5", "1", "9", CLIENT("2", STREAM("3", "0.1"))),
        STATUS("5", "1", "9", CLIENT("1", STREAM("100", "8"))),
    };
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        json_t *page = page_of(before[i], STATUS("5", "2", "11", CLIENT("1", STREAM("20", "0.5"))));
        const json_t *s = only_stream(page);
        ck_assert_double_eq(number(s, "seconds"), 0.5);
        ck_assert_double_eq(number(s, "batches"), 20);
        ck_assert_double_eq(number(s, "images_per_second"), 20 * 64 / 0.5);
        json_decref(page);
    }
}
END_TEST

/* Counters that began again would give a speed below 0. */
START_TEST(page__daemon_restarted_in_between__since_its_start)
{
    json_t *page = page_of(STATUS("5", "100", "900", CLIENT("1", STREAM("10", "0.25"))),
                           STATUS("6", "0.5", "1", CLIENT("1", STREAM("20", "0.5"))));
    ck_assert_double_eq(number(page, "pid"), 6);
    ck_assert_double_eq(number(page, "seconds"), 1);
    ck_assert_double_eq(number(page, "cpu_seconds"), 0.5);
    ck_assert_double_eq(number(only_stream(page), "batches"), 20);
    json_decref(page);
}
END_TEST

static void count_line(void *to, const char *text)
{
    int *lines = to;
    ck_assert_ptr_null(strchr(text, '\n'));
    ck_assert_uint_lt(strlen(text), 80);
    ck_assert(*lines != 2 || strstr(text, "tiny"));
    (*lines)++;
}

START_TEST(page_lines__a_stream__a_head_and_lines_that_fit)
{
    json_t *page = page_of(STATUS("5", "1", "9", ""),
                           STATUS("5", "2", "11", CLIENT("1", STREAM("20", "0.5"))));
    int lines = 0;
    page_lines(page, count_line, &lines);
    ck_assert_int_eq(lines, 5); /* the sentence is longer than a line */
    json_decref(page);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl/page");
    TCase *tc = tcase_create("page");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, page__the_same_stream__differences);
    tcase_add_test(tc, page__full_use__neither_more_nor_less_than_all);
    tcase_add_test(tc, page__busy_without_a_cpu__not_the_workers);
    tcase_add_test(tc, page__stream_opened_in_between__since_its_opening);
    tcase_add_test(tc, page__daemon_restarted_in_between__since_its_start);
    tcase_add_test(tc, page_lines__a_stream__a_head_and_lines_that_fit);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
