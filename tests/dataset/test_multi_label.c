/* SPDX-License-Identifier: MIT */
/* Sets whose labels are rows of bytes: opened, kept in the cache, told apart from others, and what
 * is refused. The shapes are test_shapes.c's. */
#include "dataset/cache_format.h"
#include "dataset/opener.h"

#include <sys/stat.h>

enum { COUNT = 31, SIDE = 5, LABELS = 14 };

static struct dataset *d;
static struct err err;

/* Every byte differs from its neighbours', so that a row that is out of place shows. */
static struct bytes idx_rows(uint32_t count, uint32_t columns)
{
    struct bytes b = idx_make(0x08, 2, (uint32_t[]){count, columns}, 1);
    for (size_t i = 0; i < (size_t)count * columns; i++)
        b.data[12 + i] = (uint8_t)(1 + i * 7 % 250);
    return b;
}

static struct dataset_source rows_source(void)
{
    struct dataset_source s = mine();
    s.multi_label = 1;
    return s;
}

static void setup(void)
{
    support_setup();
    put_file("train-images", idx_images(COUNT, SIDE, SIDE));
    put_file("train-labels", idx_rows(COUNT, LABELS));
}

static void check_rows(const struct dataset_split *s, uint32_t columns)
{
    struct bytes raw = idx_rows(COUNT, columns);
    ck_assert_uint_eq(s->label_count, columns);
    ck_assert_ptr_null(s->labels);
    ck_assert_mem_eq(s->label_rows, raw.data + 12, (size_t)COUNT * columns);
    free(raw.data);
}

/* In memory, built into the cache, and found there: the same rows, and the cache is not built
 * twice. */
START_TEST(dataset_open__rows__byte_for_byte_wherever_they_are_kept)
{
    const struct dataset_source s = rows_source();
    const char *const cache = support_path("cache");
    uint8_t digest[16];
    for (int round = 0; round < 3; round++) {
        ck_assert_msg(open_noted(&s, round ? cache : NULL, true, &d, &err) == 0, "%s", err.text);
        check_rows(&d->splits[0], LABELS);
        ck_assert_int_eq(d->splits[0].label_min, 1);
        ck_assert_int_eq(d->splits[0].label_max, 250);
        if (round)
            ck_assert_mem_eq(d->splits[0].digest, digest, sizeof digest);
        memcpy(digest, d->splits[0].digest, sizeof digest);
        ck_assert_msg(!strstr(notes, "built") == (round == 2), "round %d: %s", round, notes);
        dataset_close(d);
    }
}
END_TEST

/* Rows that are longer than what is read at once, and in a packed file. */
START_TEST(dataset_open__rows_of_any_length__as_in_the_file)
{
    static const uint32_t lengths[] = {1, 3, 15, 16, 17, 4096};
    const struct dataset_source s = rows_source();
    support_write(support_path("train-labels"), "", 0);
    ck_assert_int_eq(remove(support_path("train-labels")), 0);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        put_gzip("train-labels.gz", idx_rows(COUNT, lengths[i]));
        ck_assert_msg(open_noted(&s, support_path("cache"), true, &d, &err) == 0, "%s", err.text);
        check_rows(&d->splits[0], lengths[i]);
        dataset_close(d);
    }
}
END_TEST

/* The digest is the identity: rows of other lengths with the same bytes are other data, and a list
 * is no row. */
START_TEST(dataset_open__same_bytes_in_other_rows__other_digests)
{
    uint8_t seen[3][16];
    for (int i = 0; i < 3; i++) {
        struct bytes labels = i < 2 ? idx_make(0x08, 2, (uint32_t[]){4, 1 + 3 * (uint32_t)i}, 1)
                                    : idx_make(0x08, 1, (uint32_t[]){4}, 1);
        struct dataset_source s = rows_source();
        s.multi_label = i < 2;
        put_file("train-images", idx_images(4, SIDE, SIDE));
        put_file("train-labels", labels);
        ck_assert_msg(open_noted(&s, NULL, true, &d, &err) == 0, "%s", err.text);
        memcpy(seen[i], d->splits[0].digest, 16);
        dataset_close(d);
    }
    for (int i = 0; i < 3; i++)
        ck_assert_int_ne(memcmp(seen[i], seen[(i + 1) % 3], 16), 0);
}
END_TEST

/* A table of one column is a label an image or a row of one, as the entry says: what one of them
 * left in the cache is not the other's. */
START_TEST(dataset_open__entry_says_otherwise__cache_file_built_again)
{
    struct dataset_source s = mine();
    const char *const cache = support_path("cache");
    put_file("train-labels", idx_rows(COUNT, 1));
    for (int round = 0; round < 4; round++) {
        s.multi_label = round % 2 ? 1 : round / 2 - 1; /* -1: not said */
        ck_assert_msg(open_noted(&s, cache, true, &d, &err) == 0, "%s", err.text);
        ck_assert_uint_eq(d->splits[0].label_count, round % 2);
        if (round % 2)
            check_rows(&d->splits[0], 1);
        else
            ck_assert_int_eq(d->splits[0].labels[1], 8);
        if (round)
            ck_assert_text(notes, round % 2 ? "rebuilding the cache file: it was made with labels "
                                              "that are one an image"
                                            : "it was made with labels in rows");
        dataset_close(d);
    }
}
END_TEST

/* Of every byte of the header page and the rows: found out, and built again. */
START_TEST(dataset_open__cache_file_of_rows_damaged__rebuilt)
{
    const struct dataset_source s = rows_source();
    const char *const cache = support_path("cache");
    ck_assert_int_eq(open_noted(&s, cache, true, &d, &err), 0);
    struct cache_layout l = cache_layout(&d->splits[0]);
    dataset_close(d);
    for (uint64_t at = l.labels; at < l.end; at += 29) {
        FILE *f = fopen(support_path("cache/mine-train.cache"), "r+e");
        ck_assert(f && fseek(f, (long)at, SEEK_SET) == 0);
        int byte = fgetc(f);
        ck_assert(fseek(f, (long)at, SEEK_SET) == 0 && fputc(byte ^ 1, f) != EOF);
        ck_assert_int_eq(fclose(f), 0);
        ck_assert_int_eq(open_noted(&s, cache, true, &d, &err), 0);
        ck_assert_text(notes, "its content is damaged");
        check_rows(&d->splits[0], LABELS);
        dataset_close(d);
    }
}
END_TEST

/* Names are those of the columns; the bytes of a row are no classes, and may be any. */
START_TEST(dataset_open__class_names__one_for_each_column)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    struct dataset_source s = rows_source();
    put_file("train-labels", idx_rows(COUNT, 3));
    s.classes = names;
    for (s.class_count = 2; s.class_count <= 4; s.class_count++) {
        int rc = open_noted(&s, NULL, true, &d, &err);
        ck_assert_int_eq(rc, s.class_count == 3 ? 0 : -EINVAL);
        if (rc == 0)
            ck_assert_uint_eq(d->class_count, 3);
        else
            ck_assert_text(err.text, "train-labels: rows of 3 labels, but");
        dataset_close(d);
    }
}
END_TEST

START_TEST(dataset_look__rows__as_they_are_opened)
{
    struct dataset_source s = rows_source();
    ck_assert_msg(dataset_look(&s, &err) == 0, "%s", err.text);
    s.multi_label = 0;
    ck_assert_int_eq(dataset_look(&s, &err), -EINVAL);
    ck_assert_text(err.text, "14 numbers an image, want one label an image");
    ck_assert_text(err.text, "say multi_label: true");
    s.multi_label = 1;
    put_file("train-labels", idx_labels(COUNT));
    ck_assert_int_eq(dataset_look(&s, &err), -EINVAL);
    ck_assert_text(err.text, "uint8 of shape 31, want uint8 labels of shape count x classes");
}
END_TEST

/* Rows are checked against the header like all else. */
START_TEST(dataset_open__rows_cut_or_too_many__einval)
{
    const struct dataset_source s = rows_source();
    for (int more = -1; more <= 1; more += 2) {
        struct bytes b = idx_rows(COUNT, LABELS);
        uint8_t *data = realloc(b.data, b.size + 1);
        ck_assert_ptr_nonnull(data);
        data[b.size] = 0;
        put_gzip("train-labels", (struct bytes){data, b.size + (size_t)more});
        ck_assert_int_eq(try_open(&s, &err), -EINVAL);
        ck_assert_text(err.text, more < 0 ? "truncated: 433 bytes of items" : "more than the 446");
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dataset/multi_label");
    TCase *tc = tcase_create("multi_label");
    tcase_add_checked_fixture(tc, setup, support_teardown);
    tcase_add_test(tc, dataset_open__rows__byte_for_byte_wherever_they_are_kept);
    tcase_add_test(tc, dataset_open__rows_of_any_length__as_in_the_file);
    tcase_add_test(tc, dataset_open__same_bytes_in_other_rows__other_digests);
    tcase_add_test(tc, dataset_open__entry_says_otherwise__cache_file_built_again);
    tcase_add_test(tc, dataset_open__cache_file_of_rows_damaged__rebuilt);
    tcase_add_test(tc, dataset_open__class_names__one_for_each_column);
    tcase_add_test(tc, dataset_look__rows__as_they_are_opened);
    tcase_add_test(tc, dataset_open__rows_cut_or_too_many__einval);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
