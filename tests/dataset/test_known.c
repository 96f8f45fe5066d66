/* SPDX-License-Identifier: MIT */
/* Datasets known by name: their files, classes and published content. */
#include "dataset/known.h"
#include "dataset/known_classes.h"
#include "dataset/opener.h"

#include <unistd.h>
#include <xxhash.h>

/* ---- known by name ------------------------------------------------------------------------- */

static const char *unpublished(const char *name)
{
    static char text[256];
    snprintf(text, sizeof text,
             "dataset \"%s\": train is not the published data, test is not the published data; "
             "served as it is (data of your own is better named otherwise)\n",
             name);
    return text;
}

/* Every set of the table opens from files of its own names, with its classes, upright. */
START_TEST(dataset_open__every_known_name__files_and_classes_follow)
{
    const struct known_dataset *k;
    for (size_t n = 0; (k = known_at(n)); n++) {
        ck_assert_ptr_eq(known_find(k->name), k);
        struct bytes raw = idx_images(12, 4, 3);
        for (int s = 0; s < KNOWN_SPLITS; s++) {
            support_write(support_path("%s", k->splits[s].images), raw.data, raw.size);
            bool table = strstr(k->splits[s].labels, "idx2") != NULL;
            struct bytes l = table ? idx_make(0x0c, 2, (uint32_t[]){12, 8}, 4) : idx_labels(12);
            for (uint32_t i = 0; table && i < 12; i++) {
                put_be32(l.data + 12 + 32 * i, i % 10);
                put_be32(l.data + 12 + 32 * i + 4, 4000 + i);
            }
            put_gzip(k->splits[s].labels, l);
        }
        struct dataset_source source = {.name = k->name, .path = support_dir(), .transpose = -1};
        for (int transpose = -1; transpose <= 1; transpose++) {
            source.transpose = transpose;
            struct dataset *d;
            struct err e;
            ck_assert_msg(open_noted(&source, support_path("cache"), true, &d, &e) == 0, "%s",
                          e.text);
            /* Where nobody knows what was published, there is nothing to say. */
            ck_assert_str_eq(warnings, k->digests ? unpublished(k->name) : "");
            const struct known_classes *classes = known_classes_find(k->name);
            ck_assert_ptr_nonnull(classes);
            ck_assert_uint_eq(d->class_count, classes->count);
            for (uint32_t i = 0; i < classes->count; i++)
                ck_assert_str_eq(d->classes[i], classes->names[i]);
            bool turned = transpose < 0 ? k->transposed : transpose;
            for (int s = 0; s < KNOWN_SPLITS; s++) {
                const struct dataset_split *p = &d->splits[s];
                ck_assert_uint_eq(p->height, turned ? 3 : 4);
                ck_assert_uint_eq(p->width, turned ? 4 : 3);
                for (uint32_t i = 0; i < 12 * 12; i++) {
                    uint32_t image = i / 12, y = i % 12 / p->width, x = i % p->width;
                    uint32_t at = turned ? x * 3 + y : y * 3 + x;
                    ck_assert_uint_eq(p->images[i], raw.data[16 + image * 12 + at]);
                }
                for (uint32_t i = 0; i < 12; i++)
                    ck_assert_int_eq(p->labels[i], i % 10);
            }
            dataset_close(d);
        }
        free(raw.data);
    }
    ck_assert_ptr_null(known_find("cifar10"));
}
END_TEST

/* ---- class names without files -------------------------------------------------------------- */

struct listed {
    const char *name;
    uint32_t count, at;
    const char *text; /* of class `at` */
};

/* Each list's length, and a name in it that one entry too many or too few before it would move. */
START_TEST(known_classes_find__every_set__length_and_last_names)
{
    static const struct listed all[] = {
        {"emnist-byclass", 62, 61, "z"},
        {"emnist-balanced", 47, 46, "t"},
        {"emnist-bymerge", 47, 46, "t"},
        {"emnist-letters", 27, 26, "z"},
        {"k49", 49, 47, "n"},
        {"usps", 10, 9, "9"},
        {"svhn", 10, 0, "0"},
        {"notmnist", 10, 9, "J"},
        {"cifar-10", 10, 9, "truck"},
        {"cifar-100", 100, 99, "worm"},
        {"cifar-100", 100, 50, "mouse"},
        {"cifar-100-coarse", 20, 19, "vehicles_2"},
        {"stl-10", 10, 7, "monkey"},
        {"pathmnist", 9, 8, "colorectal adenocarcinoma epithelium"},
        {"chestmnist", 14, 13, "hernia"},
        {"dermamnist", 7, 6, "vascular lesions"},
        {"octmnist", 4, 3, "normal"},
        {"pneumoniamnist", 2, 1, "pneumonia"},
        {"retinamnist", 5, 4, "4"},
        {"breastmnist", 2, 1, "normal, benign"},
        {"bloodmnist", 8, 7, "platelet"},
        {"tissuemnist", 8, 7, "Thick Ascending Limb"},
        {"organamnist", 11, 10, "spleen"},
        {"organcmnist", 11, 10, "spleen"},
        {"organsmnist", 11, 10, "spleen"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const struct known_classes *k = known_classes_find(all[i].name);
        ck_assert_msg(k, "%s", all[i].name);
        ck_assert_uint_eq(k->count, all[i].count);
        ck_assert_str_eq(k->names[all[i].at], all[i].text);
    }
    for (size_t i = 0; known_classes_at(i); i++)
        for (uint32_t c = 0; c < known_classes_at(i)->count; c++)
            ck_assert(known_classes_at(i)->names[c][0]);
    /* CIFAR-100's fine names are in the alphabet's order. */
    const struct known_classes *fine = known_classes_find("cifar-100");
    for (uint32_t c = 1; c < fine->count; c++)
        ck_assert_msg(strcmp(fine->names[c - 1], fine->names[c]) < 0, "%s", fine->names[c]);
}
END_TEST

/* What is known is listed where a reader looks for it. */
START_TEST(known_classes_at__each_name__stands_in_the_docs)
{
    size_t size;
    char *text = support_read("docs/datasets.md", &size);
    const struct known_classes *k;
    for (size_t i = 0; (k = known_classes_at(i)) != NULL; i++) {
        char of_import[64], of_table[64], in_entry[64];
        snprintf(of_import, sizeof of_import, "--name %s", k->name);
        snprintf(of_table, sizeof of_table, "| `%s` |", k->name);
        snprintf(in_entry, sizeof in_entry, "{name: %s,", k->name);
        bool other = !strcmp(k->name, "kuzushiji-49") || !strncmp(k->name, "emnist-", 7) ||
                     !strncmp(k->name, "cifar-100-", 10);
        ck_assert_msg(other || strstr(text, of_import) || strstr(text, of_table) ||
                          strstr(text, in_entry),
                      "%s", k->name);
    }
    free(text);
}
END_TEST

START_TEST(known_classes_find__other_spellings__the_same_list)
{
    static const char *const same[][2] = {
        {"cifar10", "cifar-10"},
        {"CIFAR100", "cifar-100"},
        {"CIFAR-100-fine", "cifar-100"},
        {"FashionMNIST", "fashion-mnist"},
        {"fashion_mnist", "fashion-mnist"},
        {"pathmnist_224", "pathmnist"},
        {"OrganAMNIST-64", "organamnist"},
        {"notMNIST", "notmnist"},
        {"Kuzushiji-49", "k49"},
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        const struct known_classes *k = known_classes_find(same[i][0]);
        ck_assert_msg(k, "%s", same[i][0]);
        ck_assert_ptr_eq(k->names, known_classes_find(same[i][1])->names);
    }
    static const char *const none[] = {"",
                                       "-",
                                       "cifar",
                                       "cifar-1000",
                                       "cifar-10-mine",
                                       "mnist-12",
                                       "128",
                                       "usps-28",
                                       "svhn_extra",
                                       "pathmnist2",
                                       "pathmnist-28-and-very-much-more-behind-it"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        ck_assert_msg(!known_classes_find(none[i]), "%s", none[i]);
}
END_TEST

/* A name alone gives names to labels that fit them, and never refuses labels that do not. */
START_TEST(dataset_open__name_of_known_classes__names_where_they_fit)
{
    struct bytes raw = idx_images(40, 4, 3);
    support_write(support_path("images"), raw.data, raw.size);
    for (uint8_t highest = 9; highest <= 10; highest++) {
        uint8_t labels[40];
        for (uint8_t i = 0; i < 40; i++)
            labels[i] = i % (highest + 1);
        struct bytes l = idx_make(0x08, 1, (uint32_t[]){40}, 1);
        memcpy(l.data + 8, labels, sizeof labels);
        support_write(support_path("labels"), l.data, l.size);
        free(l.data);
        struct dataset_source source = {.name = "USPS",
                                        .path = support_dir(),
                                        .splits = {{.images = "images", .labels = "labels"}},
                                        .transpose = -1};
        struct dataset *d;
        struct err e;
        ck_assert_msg(open_noted(&source, NULL, true, &d, &e) == 0, "%s", e.text);
        ck_assert_uint_eq(d->class_count, highest == 9 ? 10 : 0);
        if (highest == 9)
            ck_assert_str_eq(d->classes[9], "9");
        else
            ck_assert_text(notes, "train has not the labels of the 10 classes");
        dataset_close(d);
    }
    free(raw.data);
}
END_TEST

/* Of a multi-label set a name belongs to each column. */
START_TEST(dataset_open__columns_of_known_classes__names_where_they_are_as_many)
{
    struct bytes raw = idx_images(12, 4, 3);
    support_write(support_path("images"), raw.data, raw.size);
    free(raw.data);
    for (uint32_t columns = 13; columns <= 15; columns++) {
        put_file("labels", idx_make(0x08, 2, (uint32_t[]){12, columns}, 1));
        struct dataset_source source = {.name = "chestmnist_64",
                                        .path = support_dir(),
                                        .splits = {{.images = "images", .labels = "labels"}},
                                        .transpose = -1,
                                        .multi_label = 1};
        struct dataset *d;
        struct err e;
        ck_assert_msg(open_noted(&source, NULL, true, &d, &e) == 0, "%s", e.text);
        ck_assert_uint_eq(d->class_count, columns == 14 ? 14 : 0);
        dataset_close(d);
    }
}
END_TEST

/* ---- the real set -------------------------------------------------------------------------- */

static const char real_folder[] = "/usr/share/datasets/fashion-mnist";

static bool real_is_here(void)
{
    if (access(real_folder, R_OK) == 0)
        return true;
    printf("skipped: %s is not there (Debian's dataset-fashion-mnist)\n", real_folder);
    return false;
}

static void check_hash(const void *data, size_t size, const char *want)
{
    XXH128_canonical_t h;
    char text[33];
    XXH128_canonicalFromHash(&h, XXH3_128bits(data, size));
    for (int i = 0; i < 16; i++)
        snprintf(text + 2 * i, 3, "%02x", h.digest[i]);
    ck_assert_str_eq(text, want);
}

/* The published data, by the sums of its pixels and labels as another program read them. */
START_TEST(dataset_open__the_real_fashion_mnist__its_digests)
{
    if (!real_is_here())
        return;
    struct dataset_source source = {.name = "fashion-mnist", .path = real_folder, .transpose = -1};
    for (int i = 0; i < 3; i++) { /* built, found, in memory */
        struct dataset *d;
        struct err e;
        int rc = open_noted(&source, i < 2 ? support_path("cache") : NULL, i != 2, &d, &e);
        ck_assert_msg(rc == 0, "%s", e.text);
        ck_assert_str_eq(warnings, "");
        const struct dataset_split *train = &d->splits[0], *test = &d->splits[1];
        ck_assert_uint_eq(train->count, 60000);
        ck_assert_uint_eq(test->count, 10000);
        check_hash(train->images, 47040000, "88873690894f7298c11b6543ae1530f3");
        check_hash(train->labels, 240000, "66a2ed6761bebf2b1b75ba136467d3e3");
        check_hash(test->images, 7840000, "0f6eafffbba70588acf1cd2c87a40a9b");
        check_hash(test->labels, 40000, "6e9b05c11d8722561d45483c370bde0f");
        dataset_close(d);
    }
}
END_TEST

/* The files of several sets have the same names: under the wrong one their labels would be given
 * the wrong names, and nobody would notice. */
START_TEST(dataset_open__known_content_under_another_known_name__refused)
{
    if (!real_is_here())
        return;
    static const char *const names[] = {"mnist", "kmnist", "mine"};
    for (int i = 0; i < 6; i++) { /* twice: built, then found */
        struct dataset_source source = {.name = names[i / 2],
                                        .path = real_folder,
                                        .splits = {[1] = {.images = "t10k-images-idx3-ubyte",
                                                          .labels = "t10k-labels-idx1-ubyte"}},
                                        .transpose = -1};
        struct dataset *d;
        struct err e;
        int rc = open_noted(&source, support_path("cache"), true, &d, &e);
        ck_assert_str_eq(warnings, "");
        ck_assert_int_eq(rc, i < 4 ? -EINVAL : 0);
        if (rc)
            ck_assert_text(e.text, "published train split of \"fashion-mnist\", not of \"");
        if (rc)
            ck_assert_text(e.text, "name it \"fashion-mnist\"");
        dataset_close(d);
    }
}
END_TEST

/* Evaluating on the training data is the classical mistake. */
START_TEST(dataset_open__known_content_in_the_other_split__one_warning)
{
    if (!real_is_here())
        return;
    struct dataset_source source = {.name = "fashion-mnist",
                                    .path = real_folder,
                                    .splits = {[1] = {.images = "train-images-idx3-ubyte",
                                                      .labels = "train-labels-idx1-ubyte"}},
                                    .transpose = -1};
    struct err e;
    ck_assert_int_eq(try_open(&source, &e), 0);
    ck_assert_str_eq(warnings,
                     "dataset \"fashion-mnist\": test is the other split of the published "
                     "data; served as it is (data of your own is better named "
                     "otherwise)\n");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("dataset/known");
    TCase *tc = tcase_create("known");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, dataset_open__every_known_name__files_and_classes_follow);
    tcase_add_test(tc, known_classes_find__every_set__length_and_last_names);
    tcase_add_test(tc, known_classes_at__each_name__stands_in_the_docs);
    tcase_add_test(tc, known_classes_find__other_spellings__the_same_list);
    tcase_add_test(tc, dataset_open__name_of_known_classes__names_where_they_fit);
    tcase_add_test(tc, dataset_open__columns_of_known_classes__names_where_they_are_as_many);
    tcase_add_test(tc, dataset_open__the_real_fashion_mnist__its_digests);
    tcase_add_test(tc, dataset_open__known_content_under_another_known_name__refused);
    tcase_add_test(tc, dataset_open__known_content_in_the_other_split__one_warning);
    suite_add_tcase(s, tc);
    return support_run(s);
}
