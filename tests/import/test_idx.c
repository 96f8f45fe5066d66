/* SPDX-License-Identifier: MIT */
/* IDX pairs in whatever they come: archives, compressions, folders; EMNIST and QMNIST as published.
 */
#include "import/packed.h"

#include <errno.h>

static const uint32_t images_dims[] = {5, 2, 3};
static const uint32_t labels_dims[] = {5};

struct pair {
    uint8_t *images, *labels;
    size_t images_size, labels_size;
};

static struct pair make_pair(uint8_t first)
{
    struct pair p;
    p.images = make_idx(8, 1, 3, images_dims, first, &p.images_size);
    p.labels = make_idx(8, 1, 1, labels_dims, 0, &p.labels_size);
    return p;
}

static void free_pair(struct pair *p)
{
    free(p->images);
    free(p->labels);
}

/* That the set has the pair's bytes as its split. */
static void check_pair(const struct pair *p, const char *split)
{
    size_t size;
    uint8_t *b = support_read(support_path("set/%s-images-idx3-ubyte", split), &size);
    ck_assert_uint_eq(size, p->images_size);
    ck_assert_mem_eq(b, p->images, size);
    free(b);
    b = support_read(support_path("set/%s-labels-idx1-ubyte", split), &size);
    ck_assert_uint_eq(size, p->labels_size);
    ck_assert_mem_eq(b, p->labels, size);
    free(b);
}

/* Images are what has three dimensions, however small they are. */
START_TEST(idx__images_of_one_pixel__images)
{
    static const uint32_t dims[] = {5, 1, 1};
    struct import_options o = {.split = NULL};
    struct pair p = make_pair(1);
    free(p.images);
    p.images = make_idx(8, 1, 3, dims, 1, &p.images_size);
    const struct packed_file files[] = {
        {"a/train-images-idx3-ubyte", p.images, p.images_size},
        {"a/train-labels-idx1-ubyte", p.labels, p.labels_size},
    };
    must_import(pack(support_path("dots.tar"), "pax", "none", files, 2), &o);
    check_pair(&p, "train");
    remove_set();
    free_pair(&p);
}
END_TEST

/* Each archive in each compression, and members that are packed themselves. */
START_TEST(idx__however_packed__the_same_bytes)
{
    static const char *const filters[] = {"none", "gzip", "xz", "bzip2", "compress", "zstd"};
    struct pair train = make_pair(1), test = make_pair(100);
    size_t size;
    uint8_t *zipped;
    const struct packed_file one = {"train-labels-idx1-ubyte", train.labels, train.labels_size};
    for (size_t f = 0; f < 12; f++) {
        const char *filter = filters[f % 6];
        zipped = support_read(pack(support_path("one"), "raw", filter, &one, 1), &size);
        const struct packed_file files[] = {
            {"a/t10k-images-idx3-ubyte", test.images, test.images_size},
            {"a/train-labels-idx1-ubyte.packed", zipped, size},
            {"a/readme.txt", "none", 4},
            {"a/t10k-labels-idx1-ubyte", test.labels, test.labels_size},
            {"a/train-images-idx3-ubyte", train.images, train.images_size},
        };
        must_import(f < 6 ? pack(support_path("a.tar"), "tar", filter, files, 5)
                          : pack(support_path("a.zip"), "zip", "none", files, 5),
                    NULL);
        check_pair(&train, "train");
        check_pair(&test, "test");
        remove_set();
        free(zipped);
    }
    free_pair(&train);
    free_pair(&test);
}
END_TEST

/* Files that are named one by one, and the split of those that name none. */
START_TEST(idx__files_without_a_split__the_one_that_is_said)
{
    struct pair p = make_pair(7);
    struct err e;
    const char *paths[2] = {support_path("images"), support_path("labels")};
    const struct import_options o = {.split = "held-out"};
    support_write(paths[0], p.images, p.images_size);
    support_write(paths[1], p.labels, p.labels_size);
    ck_assert_int_eq(import_paths(paths, 2, NULL, NULL, &e), 0);
    ck_assert_str_eq(called, "images");
    check_pair(&p, "train");
    remove_set();
    ck_assert_int_eq(import_paths(paths, 2, NULL, &o, &e), 0);
    check_pair(&p, "held-out");
    free_pair(&p);
}
END_TEST

/* Six sets lie in one archive, their images on the side. */
START_TEST(idx__emnist__the_set_that_is_said_upright)
{
    struct pair p = make_pair(0), other = make_pair(50);
    uint32_t dims[4];
    size_t size;
    const struct packed_file files[] = {
        {"gzip/emnist-letters-train-images-idx3-ubyte", other.images, other.images_size},
        {"gzip/emnist-letters-train-labels-idx1-ubyte", other.labels, other.labels_size},
        {"gzip/emnist-digits-train-images-idx3-ubyte", p.images, p.images_size},
        {"gzip/emnist-digits-train-labels-idx1-ubyte", p.labels, p.labels_size},
        {"gzip/LICENSE.txt", "Free \"as\"\n\nbeer", 15},
    };
    const char *path = pack(support_path("gzip.zip"), "zip", "none", files, 5);
    const struct import_options digits = {.set = "digits"}, mnist = {.set = "mnist"};
    const struct import_options column = {.label_column = "x"};
    struct err e;
    must_refuse(path, NULL, "--set byclass, bymerge, balanced, letters, digits or mnist");
    must_refuse(path, &column, "--label-column is not for what is here: IDX files");
    must_refuse(path, &mnist, "--set mnist: no file of that set");
    ck_assert_int_eq(import_paths(&path, 1, NULL, &digits, &e), 0);
    ck_assert_str_eq(called, "emnist-digits");
    uint8_t *b = read_set("train-images-idx3-ubyte", dims, &size);
    ck_assert(dims[0] == 5 && dims[1] == 3 && dims[2] == 2 && size == 30);
    for (uint32_t i = 0; i < 5; i++)
        for (uint32_t y = 0; y < 3; y++)
            for (uint32_t x = 0; x < 2; x++)
                ck_assert_uint_eq(b[i * 6 + y * 2 + x], i * 6 + x * 3 + y);
    free(b);
    char *yaml = support_read(support_path("set/dataset.yaml"), NULL);
    ck_assert_ptr_nonnull(strstr(yaml, "name: \"emnist-digits\"\n"));
    ck_assert_ptr_nonnull(strstr(yaml, "\nsource_sha256: \""));
    ck_assert_ptr_nonnull(strstr(yaml, "\ntranspose: false\norigin: \"gzip.zip\"\n"));
    ck_assert_ptr_nonnull(strstr(yaml, "\nlicence: \"Free \\\"as\\\"\\n\\nbeer\"\n"));
    free(yaml);
    free_pair(&p);
    free_pair(&other);
}
END_TEST

/* Of eight columns the first is the class; and a label over 255 needs another type. */
START_TEST(idx__tables_of_labels__classes_or_rows)
{
    static const uint32_t eight[] = {5, 8}, rows[] = {5, 3};
    struct pair p = make_pair(0);
    uint32_t dims[4];
    size_t table_size, size;
    uint8_t *table = make_idx(12, 4, 2, eight, 0, &table_size);
    struct packed_file files[] = {
        {"qmnist-train-images-idx3-ubyte", p.images, p.images_size},
        {"qmnist-train-labels-idx2-int", table, table_size},
    };
    must_import(pack(support_path("q.zip"), "zip", "none", files, 2), NULL);
    uint8_t *b = read_set("train-labels-idx1-ubyte", dims, &size);
    ck_assert(size == 5 && dims[0] == 5 && dims[1] == 0);
    for (int i = 0; i < 5; i++)
        ck_assert_uint_eq(b[i], 8 * i);
    free(b);
    remove_set();

    put_be32(table + 12, 70000);
    must_import(pack(support_path("q.zip"), "zip", "none", files, 2), NULL);
    b = read_set("train-labels-idx1-int", dims, &size);
    ck_assert(size == 20 && get_be32(b) == 70000 && get_be32(b + 4) == 8);
    free(b);
    remove_set();
    free(table);

    table = make_idx(8, 1, 2, rows, 0, &table_size);
    files[1] = (struct packed_file){"train-labels", table, table_size};
    must_import(pack(support_path("m.zip"), "zip", "none", files, 2), NULL);
    b = read_set("train-labels-idx2-ubyte", dims, &size);
    ck_assert(size == 15 && dims[0] == 5 && dims[1] == 3);
    ck_assert_mem_eq(b, table + 12, 15);
    free(b);
    char *yaml = support_read(support_path("set/dataset.yaml"), NULL);
    ck_assert_ptr_nonnull(strstr(yaml, "multi_label: true\n"));
    free(yaml);
    free(table);
    free_pair(&p);
}
END_TEST

/* Its test split's parts are splits of their own, as torchvision has them; xnist is nist. */
START_TEST(idx__qmnist__parts_of_its_test_split_and_nist)
{
    static const uint32_t images[] = {10003, 2, 1}, labels[] = {10003, 8};
    static const char *const sets[][2] = {{"qmnist-test-images-idx3-ubyte", "test"},
                                          {"xnist-images-idx3-ubyte", "nist"}};
    uint32_t dims[4];
    size_t pixels_size, table_size, size;
    uint8_t *pixels = make_idx(8, 1, 3, images, 0, &pixels_size);
    uint8_t *table = make_idx(12, 4, 2, labels, 0, &table_size);
    const struct packed_file files[] = {
        {sets[0][0], pixels, pixels_size},
        {"qmnist-test-labels-idx2-int", table, table_size},
        {sets[1][0], pixels, pixels_size},
        {"xnist-labels-idx2-int", table, table_size},
    };
    must_import(pack(support_path("q.tar.xz"), "tar", "xz", files, 4), NULL);
    for (int i = 0; i < 2; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s-images-idx3-ubyte", sets[i][1]);
        uint8_t *b = read_set(name, dims, &size);
        ck_assert(dims[0] == 10003 && size == 20006);
        ck_assert_mem_eq(b, pixels + 16, size);
        free(b);
    }
    uint8_t *b = read_set("test10k-images-idx3-ubyte", dims, &size);
    ck_assert_uint_eq(size, 20000);
    ck_assert_mem_eq(b, pixels + 16, size);
    free(b);
    b = read_set("test50k-images-idx3-ubyte", dims, &size);
    ck_assert_uint_eq(size, 6);
    ck_assert_mem_eq(b, pixels + 16 + 20000, size);
    free(b);
    b = read_set("test50k-labels-idx1-ubyte", dims, &size);
    ck_assert_uint_eq(size, 3);
    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq(b[i], (uint8_t)(8 * (10000 + i)));
    free(b);
    free(pixels);
    free(table);
}
END_TEST

/* Whatever is wrong is told in a line, with its place, and leaves nothing. */
START_TEST(idx__wrong_files__refused_and_nothing_left)
{
    struct pair p = make_pair(0);
    const struct packed_file both[] = {
        {"train-images", p.images, p.images_size - 1},
        {"train-labels", p.labels, p.labels_size},
    };
    must_refuse(pack(support_path("a.zip"), "zip", "none", both, 2), NULL,
                "a.zip: train-images: it ends at byte 45, want 46 bytes");
    const struct packed_file alone[] = {{"train-images", p.images, p.images_size}};
    must_refuse(pack(support_path("b.zip"), "zip", "none", alone, 1), NULL,
                "split train has images, but no labels");
    const struct packed_file twice[] = {{"train-images", p.images, p.images_size},
                                        {"train/images", p.images, p.images_size}};
    must_refuse(pack(support_path("c.zip"), "zip", "none", twice, 2), NULL,
                "c.zip: train/images: these are the split's images a second time");
    const struct packed_file out[] = {{"../train-images", p.images, p.images_size}};
    must_refuse(pack(support_path("d.tar"), "tar", "none", out, 1), NULL,
                "\"../train-images\" leads out of its folder");
    const struct packed_file page[] = {{"train-images", "<!DOCTYPE html>", 15}};
    must_refuse(pack(support_path("e"), "raw", "none", page, 1), NULL, "an HTML or XML page");
    support_write(support_path("f"), "", 0);
    must_refuse(support_path("f"), NULL, "an empty file");
    free_pair(&p);
}
END_TEST

static int looks, looks_until;

static int look(struct err *e)
{
    return ++looks == looks_until ? err_set(e, -ECANCELED, "ended") : 0;
}

/* At each moment at which it asks, also while images are put in order and before the rename. */
START_TEST(set__ended_while_it_finishes__nothing_left)
{
    const struct import_shape shape = {2, 2, 1};
    const uint32_t order[] = {2, 0, 1};
    struct import_set *set;
    struct err e = {""};
    struct stat st;
    int rc = -ECANCELED;
    for (looks_until = 1; rc; looks_until++) {
        looks = 0;
        ck_assert_int_eq(import_set_new(&set, support_path("set"), "x", &e), 0);
        import_set_ask(set, look);
        ck_assert_int_eq(import_set_split(set, "train", &e), 0);
        ck_assert_int_eq(import_set_images(set, 0, shape, (const uint8_t *)"abcdefghijkl", 3, &e),
                         0);
        ck_assert_int_eq(import_set_labels(set, 0, 1, (const int32_t[]){0, 1, 2}, 3, &e), 0);
        rc = import_set_permute(set, 0, order, &e);
        if (!rc)
            rc = import_set_commit(set, &e);
        ck_assert(rc == 0 || rc == -ECANCELED);
        import_set_free(set);
        ck_assert_int_eq(lstat(support_path("set"), &st), rc ? -1 : 0);
        check_nothing_left();
    }
    ck_assert_int_ge(looks, 4); /* images and labels in order, labels as they go out, the rename */
    remove_set();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("import/idx");
    TCase *tc = tcase_create("idx");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, packed_setup, support_teardown);
    tcase_add_test(tc, idx__images_of_one_pixel__images);
    tcase_add_test(tc, idx__however_packed__the_same_bytes);
    tcase_add_test(tc, idx__files_without_a_split__the_one_that_is_said);
    tcase_add_test(tc, idx__emnist__the_set_that_is_said_upright);
    tcase_add_test(tc, idx__tables_of_labels__classes_or_rows);
    tcase_add_test(tc, idx__qmnist__parts_of_its_test_split_and_nist);
    tcase_add_test(tc, idx__wrong_files__refused_and_nothing_left);
    tcase_add_test(tc, set__ended_while_it_finishes__nothing_left);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
