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

/* The page of two looks, two seconds apart. */
static json_t *page_of(const char *before, const char *now)
{
    struct look a = {.status = json_loads(before, 0, NULL), .at_ns = 1000000000};
    struct look b = {.status = json_loads(now, 0, NULL), .at_ns = 3000000000};
    ck_assert(a.status && b.status);
    json_t *page = page_make(&a, &b);
    ck_assert_ptr_nonnull(page);
    json_decref(a.status);
    json_decref(b.status);
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
    ck_assert(*lines != 2 || strstr(text, "tiny"));
    (*lines)++;
}

START_TEST(page_lines__a_stream__a_head_and_two_lines)
{
    json_t *page = page_of(STATUS("5", "1", "9", ""),
                           STATUS("5", "2", "11", CLIENT("1", STREAM("20", "0.5"))));
    int lines = 0;
    page_lines(page, count_line, &lines);
    ck_assert_int_eq(lines, 4);
    json_decref(page);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl/page");
    TCase *tc = tcase_create("page");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, page__the_same_stream__differences);
    tcase_add_test(tc, page__stream_opened_in_between__since_its_opening);
    tcase_add_test(tc, page__daemon_restarted_in_between__since_its_start);
    tcase_add_test(tc, page_lines__a_stream__a_head_and_two_lines);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
