/* SPDX-License-Identifier: MIT */
/* Labels in words: a class, and the classes of a row, in every type and in lines that fit. */
#include "ctl/label.h"

#include "support/support.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"Atelectasis", "Effusion", "Mass", "Nodule", "Pneumonia"};
static const struct fmnist_dataset dataset = {
    .size = sizeof dataset, .class_count = 5, .class_names = names};
static const uint32_t dtypes[] = {FMNIST_UINT8, FMNIST_INT32, FMNIST_INT64};

static char text[4096];

static void keep(void *to, const char *line)
{
    const size_t *width = to;
    ck_assert_msg(!width || strlen(line) <= *width, "\"%s\"", line);
    ck_assert_uint_lt(strlen(text) + strlen(line) + 2, sizeof text);
    strcat(text, line);
    strcat(text, "\n");
}

/* Row 1 of a batch of two, with another row before it; the memory is the test's end's. */
static struct label row_of(const int64_t *numbers, uint32_t count, uint32_t dtype,
                           const struct fmnist_dataset *named)
{
    static _Alignas(8) uint8_t memory[2 * 8 * 5];
    static const int64_t indices[] = {3, 12};
    uint32_t columns = count ? count : 1;
    uint32_t bytes = dtype == FMNIST_UINT8 ? 1 : dtype == FMNIST_INT32 ? 4 : 8;
    memset(memory, 0xee, sizeof memory);
    for (uint32_t i = 0; i < columns; i++) {
        int32_t narrow = (int32_t)numbers[i];
        uint8_t *at = memory + (columns + i) * bytes;
        if (dtype == FMNIST_UINT8)
            *at = (uint8_t)numbers[i];
        else
            memcpy(at, dtype == FMNIST_INT32 ? (const void *)&narrow : &numbers[i], bytes);
    }
    const struct fmnist_stream_info info = {
        .label_count = count, .label_dtype = dtype, .label_bytes = columns * bytes};
    const struct fmnist_batch batch = {.count = 2, .labels = memory, .indices = indices};
    return label_of(named, &info, &batch, 1);
}

START_TEST(label_text__one_label__its_class_or_number)
{
    for (int i = 0; i < 3; i++) {
        struct label l = row_of((const int64_t[]){2}, 0, dtypes[i], &dataset);
        label_text(&l, text, 64);
        ck_assert_str_eq(text, "12: Mass");
        l = row_of((const int64_t[]){7}, 0, dtypes[i], &dataset);
        label_text(&l, text, 64);
        ck_assert_str_eq(text, "12: 7");
        *text = 0;
        label_lines(&l, 3, keep, NULL);
        ck_assert_str_eq(text, "12: 7\n");
    }
}
END_TEST

START_TEST(label_text__rows__the_classes_that_they_have)
{
    static const struct {
        int64_t numbers[5];
        const char *named, *bare;
    } rows[] = {
        {{0, 0, 0, 0, 0}, "12: none", "12: none"},
        {{0, 1, 0, 0, 0}, "12: Effusion", "12: 1"},
        {{1, 1, 0, 0, 1}, "12: Atelectasis, Effusion, Pneumonia", "12: 0, 1, 4"},
        {{0, 2, 1, 255, 0}, "12: Effusion=2, Mass, Nodule=255", "12: 1=2, 2, 3=255"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int k = 0; k < 3; k++) {
            struct label l = row_of(rows[i].numbers, 5, dtypes[k], &dataset);
            label_text(&l, text, 64);
            ck_assert_str_eq(text, rows[i].named);
            l.dataset = NULL;
            label_text(&l, text, 64);
            ck_assert_str_eq(text, rows[i].bare);
        }
}
END_TEST

/* Of every size: what has no room is counted, never lost without a word, and nothing is written
 * behind. */
START_TEST(label_text__no_room__says_how_many_more)
{
    const int64_t all[] = {1, 1, 1, 1, 1};
    struct label l = row_of(all, 5, FMNIST_INT64, &dataset);
    label_text(&l, text, 29);
    ck_assert_str_eq(text, "12: Atelectasis and 4 more");
    label_text(&l, text, 41);
    ck_assert_str_eq(text, "12: Atelectasis, Effusion and 3 more");
    label_text(&l, text, 47);
    ck_assert_str_eq(text, "12: Atelectasis, Effusion, Mass and 2 more");
    for (size_t size = 1; size < 64; size++) {
        char *exact = malloc(size);
        ck_assert_ptr_nonnull(exact);
        label_text(&l, exact, size);
        ck_assert_uint_lt(strlen(exact), size);
        ck_assert(size < 27 || size > 50 || strstr(exact, " more"));
        free(exact);
    }
}
END_TEST

START_TEST(label_lines__rows__folded_between_names)
{
    size_t width = 24;
    const int64_t all[] = {1, 1, 1, 3, 1};
    struct label l = row_of(all, 5, FMNIST_UINT8, &dataset);
    *text = 0;
    label_lines(&l, width - 1, keep, &width);
    ck_assert_str_eq(text, "12: Atelectasis,\n  Effusion, Mass,\n  Nodule=3, Pneumonia\n");
    l = row_of((const int64_t[]){0, 0, 0, 0, 0}, 5, FMNIST_INT32, NULL);
    *text = 0;
    label_lines(&l, width, keep, &width);
    ck_assert_str_eq(text, "12: none\n");
}
END_TEST

static void check_json(const struct label *l, const char *want)
{
    json_t *all = json_object();
    label_add_json(l, all);
    char *said = json_dumps(all, JSON_COMPACT);
    ck_assert_str_eq(said, want);
    free(said);
    json_decref(all);
}

START_TEST(label_add_json__either_kind__null_where_the_other_is)
{
    struct label l = row_of((const int64_t[]){1}, 0, FMNIST_INT64, &dataset);
    check_json(&l, "{\"label\":1,\"class\":\"Effusion\",\"labels\":null,\"classes\":null}");
    l = row_of((const int64_t[]){9}, 0, FMNIST_INT64, &dataset);
    check_json(&l, "{\"label\":9,\"class\":null,\"labels\":null,\"classes\":null}");
    l = row_of((const int64_t[]){0, 2, 0, 1, 0}, 5, FMNIST_INT32, &dataset);
    check_json(&l, "{\"label\":null,\"class\":null,\"labels\":[0,2,0,1,0],"
                   "\"classes\":[\"Effusion\",\"Nodule\"]}");
    l.dataset = NULL;
    check_json(&l, "{\"label\":null,\"class\":null,\"labels\":[0,2,0,1,0],\"classes\":[1,3]}");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl/label");
    TCase *tc = tcase_create("label");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, label_text__one_label__its_class_or_number);
    tcase_add_test(tc, label_text__rows__the_classes_that_they_have);
    tcase_add_test(tc, label_text__no_room__says_how_many_more);
    tcase_add_test(tc, label_lines__rows__folded_between_names);
    tcase_add_test(tc, label_add_json__either_kind__null_where_the_other_is);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
