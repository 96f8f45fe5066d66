/* SPDX-License-Identifier: MIT */
/* tests of cut/: what parts of a split a text means, against scikit-learn and tensorflow_datasets,
 * and what is said about a text that means none. */
#include "cut/make.h"

#include "base/bytes.h"
#include "base/crc32.h"
#include "support/support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct err e;

static int read_cut(struct cut *c, const char *split, const char *selection)
{
    memset(c, 0, sizeof *c);
    e.text[0] = '\0';
    int rc = cut_add_split(c, split, &e);
    return rc ? rc : cut_add_selection(c, selection, &e);
}

/* The cut of those labels, `piece` images at a time. Returns its count, or a negative code. */
static int64_t make(struct cut_made *made, const char *split, const char *selection,
                    const int32_t *labels, uint64_t count, uint64_t piece)
{
    struct cut *c = calloc(1, sizeof *c);
    struct cut_source source = {.count = count, .labels = labels};
    struct cut_maker *m = NULL;
    for (uint64_t i = 0; labels && i < count; i++) {
        source.label_min = !i || labels[i] < source.label_min ? labels[i] : source.label_min;
        source.label_max = !i || labels[i] > source.label_max ? labels[i] : source.label_max;
    }
    int rc = read_cut(c, split, selection);
    if (!rc)
        rc = cut_maker_new(&m, c, &source, &e);
    while (!rc)
        rc = cut_maker_step(m, piece, &e);
    *made = (struct cut_made){0};
    if (rc > 0)
        cut_maker_take(m, made);
    cut_maker_free(m);
    free(c);
    return rc < 0 ? rc : (int64_t)made->count;
}

static void free_made(struct cut_made *made)
{
    free(made->indices);
    free(made->table);
}

static uint32_t index_of(const struct cut_made *made, uint64_t i)
{
    return made->indices ? made->indices[i] : (uint32_t)i;
}

/* ---- scikit-learn -------------------------------------------------------------------------- */

/* As make_cut.py makes them. */
static int32_t *make_labels(uint32_t count, int32_t classes)
{
    int32_t *labels = malloc(count * sizeof *labels);
    uint32_t x = count;
    for (uint32_t i = 0; i < count; i++) {
        x = x * 1664525u + 1013904223u;
        labels[i] = classes < 0 ? (int32_t)i / -classes : (int32_t)((x >> 16) % (uint32_t)classes);
    }
    return labels;
}

static uint32_t crc_of(const struct cut_made *made)
{
    uint8_t *bytes = malloc(made->count * 4 + 1);
    for (uint64_t i = 0; i < made->count; i++)
        put_le32(bytes + 4 * i, index_of(made, i));
    uint32_t crc = crc32_of(bytes, made->count * 4);
    free(bytes);
    return crc;
}

/* Every golden record, made at once and in pieces that end anywhere. */
START_TEST(cut__what_scikit_learn_parts__bit_for_bit)
{
    static const uint64_t pieces[] = {UINT64_MAX, 1, 7, 100};
    char *text = support_golden("cut.txt", NULL), *line = strchr(text, '\n') + 1;
    unsigned records = 0, refused = 0;
    for (char *end; *line && (end = strchr(line, '\n')); line = end + 1, records++) {
        unsigned count, want, crc;
        int classes, n = 0;
        char selection[100];
        *end = '\0';
        ck_assert_int_eq(
            sscanf(line, "%u|%d|%99[^|]|%u|%x|%n", &count, &classes, selection, &want, &crc, &n),
            5);
        int32_t *labels = make_labels(count, classes);
        struct cut_made made;
        int64_t got = make(&made, "train", selection, labels, count, pieces[records % 4]);
        if (want) {
            ck_assert_msg(got == want, "%s: %lld: %s", line, (long long)got, e.text);
            ck_assert_msg(crc_of(&made) == crc, "%s: begins with %u", line, index_of(&made, 0));
        } else {
            ck_assert_msg(got == -EINVAL, "%s: %lld", line, (long long)got);
            ck_assert_msg(!strncmp(e.text, "select, character 1: ", 21), "%s", e.text);
            refused++;
        }
        free_made(&made);
        free(labels);
    }
    ck_assert_uint_eq(records, 400);
    ck_assert_msg(refused > 20 && refused < 200, "%u refused", refused);
    free(text);
}
END_TEST

/* ---- tensorflow_datasets ------------------------------------------------------------------- */

/* int(round(percent * count / 100.)), halves to the even number: written out from its published
 * code, core/splits.py. */
static const struct slice {
    const char *split;
    uint64_t count, from, to;
} slices[] = {
    {"train[:50000]", 60000, 0, 50000},
    {"train[50000:]", 60000, 50000, 60000},
    {"train[-10000:]", 60000, 50000, 60000},
    {"train[:-10000]", 60000, 0, 50000},
    {"train[100:200]", 60000, 100, 200},
    {"train[-3:-1]", 10, 7, 9},
    {"train[90%:]", 60000, 54000, 60000},
    {"train[:10%]", 60000, 0, 6000},
    {"train[:-5%]", 100, 0, 95},
    {"train[40%:60%]", 100, 40, 60},
    {"train[:33%]", 100, 0, 33},
    {"train[:50%]", 5, 0, 2},  /* 2.5 */
    {"train[:50%]", 7, 0, 4},  /* 3.5 */
    {"train[:50%]", 1, 0, 0},  /* 0.5: holds none */
    {"train[50%:]", 1, 0, 1},  /* 0.5 */
    {"train[:50%]", 3, 0, 2},  /* 1.5 */
    {"train[:25%]", 10, 0, 2}, /* 2.5 */
    {"train[:75%]", 10, 0, 8}, /* 7.5 */
    {"train[-50%:]", 5, 3, 5}, /* -2.5 is -2 */
    {"train[-50%:]", 7, 3, 7}, /* -3.5 is -4 */
    {"train[:1%]", 149, 0, 1}, /* 1.49 */
    {"train[:1%]", 151, 0, 2}, /* 1.51 */
    {"train[:1%]", 150, 0, 2}, /* 1.5 */
    {"train[:1%]", 250, 0, 2}, /* 2.5 */
    {"train[33%:67%]", 999, 330, 669},
    {"train[:100%]", 999, 0, 999},
    {"train[0%:]", 999, 0, 999},
    {"train[-100%:]", 999, 0, 999},
    {"train[10:50%]", 200, 20, 100}, /* a % at either end is of both */
    {"train[10%:50]", 200, 20, 100},
    {"train[ : 5 ]", 10, 0, 5},
    {"a b[:5]", 10, 0, 5},
};

START_TEST(cut__tensorflow_datasets_slices__the_same_images)
{
    const struct slice *s = &slices[_i];
    struct cut_made made;
    int64_t got = make(&made, s->split, "", NULL, s->count, 3);
    if (s->from == s->to) {
        ck_assert_msg(got == -EINVAL && strstr(e.text, "holds no image"), "%s", e.text);
        return;
    }
    ck_assert_msg(got == (int64_t)(s->to - s->from), "%s of %llu: %lld", s->split,
                  (unsigned long long)s->count, (long long)got);
    for (uint64_t i = 0; i < made.count; i++)
        ck_assert_uint_eq(index_of(&made, i), s->from + i);
    ck_assert((made.indices == NULL) == (made.count == s->count));
    free_made(&made);
}
END_TEST

/* Every whole percent of many counts, against the rule. */
START_TEST(cut_resolve__every_percent__rounded_to_the_even)
{
    for (uint64_t count = 1; count < 2000; count += 7)
        for (int64_t p = -100; p <= 100; p++) {
            struct cut_range r = {.from = {true, p}, .percent = true};
            uint64_t from, to;
            ck_assert_int_eq(cut_resolve(&r, count, &from, &to, &e), 0);
            int64_t twice = p * (int64_t)count, whole = twice / 100, rest = twice % 100;
            int64_t away = twice < 0 ? -1 : 1;
            if (rest * away > 50 || (rest * away == 50 && whole % 2))
                whole += away;
            ck_assert_int_eq((int64_t)from, whole < 0 ? whole + (int64_t)count : whole);
            ck_assert_uint_eq(to, count);
        }
}
END_TEST

/* ---- classes, labels, rows of steps ---------------------------------------------------------- */

static const struct row {
    const char *split, *selection;
    const char *want; /* "index:label ..." */
} rows[] = {
    /* labels are 0 1 2 3 4 0 1 2 3 4 */
    {"t", "classes(3, 1)", "1:1 3:3 6:1 8:3"},
    {"t", "classes(3, 1, renumber)", "1:1 3:0 6:1 8:0"},
    {"t", "classes(3, -1, 99)", "3:3 8:3"},
    {"t", "labels(4, 3, 2, 1, 0) slice(:3)", "0:4 1:3 2:2"},
    {"t", "labels(0, 0, 1, 1, -1) slice(-2:)", "8:1 9:-1"},
    {"t", "labels(4:7) classes(7, 0)", "0:0 4:7 5:0 9:7"},
    {"t", "classes(1, 2) labels(1:2, 2:1) slice(1:3)", "2:1 6:2"},
    {"t[5:]", "classes(0)", "5:0"},
    {"t[:2]+t[-2:]", "", "0:0 1:1 8:3 9:4"},
    {"t[-2:]+t[:2]", "slice(1:3)", "9:4 0:0"},
    {"t", "slice(:1, 3:4, -1:)", "0:0 3:3 9:4"},
    {"t", "held-out(1/3) slice(:2)", "4:4 5:0"},
    {"t", "training(1/3)held-out(0/3)", "0:0 1:1 2:2"},
    {"t", "  classes( 2 )  ", "2:2 7:2"},
    {"t", "labels(0:0) slice(:1)", "0:0"},
};

START_TEST(cut__rows_of_steps__each_of_what_was_left)
{
    static const int32_t labels[] = {0, 1, 2, 3, 4, 0, 1, 2, 3, 4};
    const struct row *r = &rows[_i];
    for (uint64_t piece = 1; piece < 20; piece += 6) {
        struct cut_made made;
        char got[200] = "";
        int32_t least = INT32_MAX, most = INT32_MIN;
        ck_assert_msg(make(&made, r->split, r->selection, labels, 10, piece) > 0, "%s", e.text);
        for (uint64_t i = 0; i < made.count; i++) {
            uint32_t index = index_of(&made, i);
            int32_t label = made.table ? made.table[labels[index]] : labels[index];
            snprintf(got + strlen(got), 20, "%s%u:%d", i ? " " : "", index, (int)label);
            least = label < least ? label : least;
            most = label > most ? label : most;
        }
        ck_assert_str_eq(got, r->want);
        ck_assert_int_eq(made.label_min, least);
        ck_assert_int_eq(made.label_max, most);
        free_made(&made);
    }
}
END_TEST

/* Labels that do not occur any more leave no trace in the table. */
START_TEST(cut__table__only_of_labels_that_occur)
{
    static const int32_t labels[] = {5, 6, 7, 5};
    struct cut_made a, b;
    ck_assert_int_eq(make(&a, "t", "labels(5:1, 6:2) classes(1)", labels, 4, 1), 2);
    ck_assert_int_eq(make(&b, "t", "classes(5) labels(5:1, 7:0)", labels, 4, 1), 2);
    ck_assert_uint_eq(a.table_count, 3);
    ck_assert_mem_eq(a.table, b.table, 3 * sizeof *a.table);
    free_made(&a);
    free_made(&b);
    ck_assert_int_eq(make(&a, "t", "labels(6:2) classes(5)", labels, 4, 1), 2);
    ck_assert_ptr_null(a.table);
    free_made(&a);
}
END_TEST

/* ---- steps ---------------------------------------------------------------------------------- */

/* Ten thousand classes may have ten thousand folds each, most of them without an image. */
START_TEST(cut__many_folds_of_few_images__bounded_steps)
{
    enum { IMAGES = 300, FOLDS = 100, PIECE = 50 };
    int32_t labels[IMAGES];
    for (int32_t i = 0; i < IMAGES; i++)
        labels[i] = i < FOLDS ? 0 : i;
    struct cut c;
    struct cut_source source = {.count = IMAGES, .labels = labels, .label_max = IMAGES - 1};
    struct cut_maker *m;
    ck_assert_int_eq(read_cut(&c, "t", "held-out(3/100, stratified)"), 0);
    ck_assert_int_eq(cut_maker_new(&m, &c, &source, &e), 0);
    int rc, steps = 0;
    while (!(rc = cut_maker_step(m, PIECE, &e)))
        steps++;
    ck_assert_int_eq(rc, 1);
    ck_assert_int_ge(steps, (IMAGES - FOLDS) * FOLDS / PIECE);
    cut_maker_free(m);
}
END_TEST

/* What is read of a mapping that broke behind the reader's back. */
START_TEST(cut__labels_become_others_meanwhile__stays_within_its_tables)
{
    static const char *const selections[] = {
        "held-out(0.5, seed=1, stratified)", "held-out(0/2, stratified)",
        "classes(1001, renumber)",           "labels(1001:5)",
        "labels(1001:5) classes(5)",
    };
    for (size_t i = 0; i < sizeof selections / sizeof *selections; i++)
        for (int32_t other = -70000; other <= 70000; other += 70000) {
            int32_t labels[] = {1001, 1002, 1001, 1002, 1003, 1003, 1001};
            struct cut *c = calloc(1, sizeof *c);
            struct cut_source source = {
                .count = 7, .labels = labels, .label_min = 1001, .label_max = 1003};
            struct cut_maker *m;
            int rc = read_cut(c, "t", selections[i]);
            if (!rc)
                rc = cut_maker_new(&m, c, &source, &e);
            ck_assert_int_eq(rc, 0);
            for (uint64_t k = 0; !rc; k++) {
                rc = cut_maker_step(m, 1, &e);
                labels[k % 7] = other;
            }
            ck_assert_msg(rc == 1 || rc == -EINVAL, "%d", rc);
            cut_maker_free(m);
            free(c);
        }
}
END_TEST

/* ---- what is refused ------------------------------------------------------------------------ */

static const struct fault {
    const char *split, *selection, *part;
} faults[] = {
    {"t[", "", "split, character 3: want ':' in a slice"},
    {"t[5]", "", "split, character 4: want ':' in a slice, as [:50000], [90%:] or [-10000:]"},
    {"t[:]", "", "split, character 3: a slice without an end"},
    {"t[:5", "", "split, character 5: want ']'"},
    {"t[:5]x", "", "split, character 6: want the end behind a slice, or '+'"},
    {"t[:5]+u[:5]", "", "split, character 7: want another slice of t"},
    {"t[:5]+t", "", "split, character 8: want another slice of t"},
    {"t[:5]+", "", "split, character 7: want another slice of t"},
    {"t[:101%]", "", "split, character 4: percent: want -100 to 100"},
    {"t[-101%:]", "", "split, character 3: percent: want -100 to 100"},
    {"t[500:5%]", "", "split, character 3: percent: want -100 to 100"},
    {"t[:4294967296]", "", "split, character 4: a number beyond 4294967295"},
    {"t[--1:]", "", "split, character 4: want a number"},
    {"t[:11]", "", "split: a slice from 0 to 11 of 10 images: want ends within them"},
    {"t[-11:]", "", "split: a slice from -11 to 10 of 10 images: want ends within them"},
    {"t[5:5]", "", "split: the slice holds no image of 10"},
    {"t[7:3]", "", "split: the slice holds no image of 10"},
    {"t[:6]+t[4:]", "", "split: slices of 12 images in all, of 10: want each once"},
    {"t", "foo(1)", "select, character 1: want slice(...), held-out(...)"},
    {"t", "classes (3) x", "select, character 13: want slice(...)"},
    {"t", "classes", "select, character 8: want '(' behind classes"},
    {"t", "classes(", "select, character 9: want a number"},
    {"t", "classes()", "select, character 9: want a number"},
    {"t", "classes(3", "select, character 10: want ')' behind classes's arguments"},
    {"t", "classes(3, 3)", "select, character 12: class 3 is here a second time"},
    {"t", "classes(renumber)", "select, character 9: want a number"},
    {"t", "classes(77)", "select, character 1: classes(...) holds no image of 10"},
    {"t", "classes(2147483648)", "select, character 9: a number beyond 2147483647"},
    {"t", "labels(0, 1:2)", "select, character 11: want a number for each label, or pairs"},
    {"t", "labels(0:1, 0:2)", "select, character 13: label 0 is here a second time"},
    {"t", "labels(0, 1)", "select, character 1: 2 labels, and image 2 has label 2"},
    {"t", "held-out(0.1)", "select, character 13: want seed=N"},
    {"t", "held-out(1.5, seed=1)", "select, character 10: a fraction: want more than 0"},
    {"t", "held-out(0.0, seed=1)", "select, character 10: a fraction: want more than 0"},
    {"t", "held-out(1., seed=1)", "select, character 12: want digits behind the point"},
    {"t", "held-out(0.1234567890123456, seed=1)", "a fraction of more than 15 digits"},
    {"t", "held-out(.1, seed=1)", "select, character 10: want a number"},
    {"t", "held-out(0, seed=1)", "select, character 11: 0 images"},
    {"t", "held-out(10, seed=1)", "select, character 1: 10 images of 10 held out"},
    {"t", "held-out(0.99, seed=1)", "select, character 1: 10 images of 10 held out"},
    {"t", "held-out(3/3)", "select, character 10: fold 3 of 3: want 2 folds or more"},
    {"t", "held-out(0/1)", "select, character 10: fold 0 of 1"},
    {"t", "held-out(0/11)", "select, character 1: 11 folds of 10 images"},
    {"t", "held-out(0/10001)", "a number beyond 10000"},
    {"t", "held-out(0/5, seed)", "want '=' behind seed"},
    {"t", "held-out(0/5, seed=1, seed=2)", "want seed=N or stratified, each once"},
    {"t", "held-out(0/5, stratified, stratified)", "want seed=N or stratified, each once"},
    {"t", "held-out(0/5, stratifiedx)", "want seed=N or stratified, each once"},
    {"t", "held-out(0.1, seed=4294967296)", "a number beyond 4294967295"},
    {"t", "held-out(0/3, stratified)", "no class has an image for each of 3 folds"},
    {"t",
     "slice(:1) slice(:1) slice(:1) slice(:1) slice(:1) slice(:1) slice(:1) slice(:1) "
     "slice(:1) slice(:1) slice(:1) slice(:1) slice(:1) slice(:1) slice(:1) slice(:1) "
     "slice(:1)",
     "more than 16 steps in all"},
    {"t", "slice(:1, :1, :1, :1, :1, :1, :1, :1, :1)", "more than 8 slices"},
};

START_TEST(cut__one_fault__place_and_words)
{
    static const int32_t labels[] = {0, 1, 2, 3, 4, 0, 1, 2, 3, 4};
    const struct fault *f = &faults[_i];
    struct cut_made made;
    ck_assert_msg(make(&made, f->split, f->selection, labels, 10, 2) == -EINVAL, "accepted: %s %s",
                  f->split, f->selection);
    ck_assert_msg(strstr(e.text, f->part), "\"%s\" expected: %s", f->part, e.text);
}
END_TEST

/* A label that is a row, or labels too far apart for tables, are no classes. */
START_TEST(cut__labels_that_are_no_classes__refused)
{
    static const int32_t far[] = {-40000, 30000, 30000, -40000};
    static const int32_t furthest[] = {INT32_MIN, 0, 1, INT32_MAX};
    struct cut_made made;
    ck_assert_int_eq(make(&made, "t", "classes(1)", NULL, 4, 9), -EINVAL);
    ck_assert_msg(strstr(e.text, "a label of this split is a row"), "%s", e.text);
    ck_assert_int_eq(make(&made, "t", "held-out(0.5, seed=1, stratified)", far, 4, 9), -EINVAL);
    ck_assert_msg(strstr(e.text, "labels from -40000 to 30000"), "%s", e.text);
    ck_assert_int_eq(make(&made, "t", "labels(1:2)", far, 4, 9), -EINVAL);
    ck_assert_int_eq(make(&made, "t", "held-out(0.5, seed=1)", far, 4, 9), 2);
    free_made(&made);
    ck_assert_int_eq(make(&made, "t", "held-out(0.5, seed=1)", furthest, 4, 9), 2);
    free_made(&made);
    ck_assert_int_eq(make(&made, "t[:3]", "held-out(1, seed=1)", NULL, 4, 9), 1);
    free_made(&made);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cut");
    TCase *tc = tcase_create("cut");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, cut__what_scikit_learn_parts__bit_for_bit);
    tcase_add_loop_test(tc, cut__tensorflow_datasets_slices__the_same_images, 0,
                        sizeof slices / sizeof slices[0]);
    tcase_add_test(tc, cut_resolve__every_percent__rounded_to_the_even);
    tcase_add_loop_test(tc, cut__rows_of_steps__each_of_what_was_left, 0,
                        sizeof rows / sizeof rows[0]);
    tcase_add_test(tc, cut__table__only_of_labels_that_occur);
    tcase_add_test(tc, cut__many_folds_of_few_images__bounded_steps);
    tcase_add_test(tc, cut__labels_become_others_meanwhile__stays_within_its_tables);
    tcase_add_loop_test(tc, cut__one_fault__place_and_words, 0, sizeof faults / sizeof faults[0]);
    tcase_add_test(tc, cut__labels_that_are_no_classes__refused);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
