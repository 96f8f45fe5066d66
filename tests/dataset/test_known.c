/* Datasets known by name: their files, classes and published content. */
#include "dataset/known.h"
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
        for (int s = 0; s < DATASET_SPLITS; s++) {
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
            ck_assert_uint_eq(d->class_count, k->class_count);
            for (uint32_t i = 0; i < k->class_count; i++)
                ck_assert_str_eq(d->classes[i], k->classes[i]);
            bool turned = transpose < 0 ? k->transposed : transpose;
            for (int s = 0; s < DATASET_SPLITS; s++) {
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
    ck_assert_uint_eq(known_find("emnist-byclass")->class_count, 62);
    ck_assert_uint_eq(known_find("emnist-balanced")->class_count, 47);
    ck_assert_str_eq(known_find("emnist-bymerge")->classes[46], "t");
    ck_assert_str_eq(known_find("emnist-letters")->classes[26], "z");
    ck_assert_ptr_null(known_find("cifar10"));
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
        struct dataset_source source = {
            .name = names[i / 2],
            .path = real_folder,
            .splits = {{NULL, NULL}, {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}},
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
    struct dataset_source source = {
        .name = "fashion-mnist",
        .path = real_folder,
        .splits = {{NULL, NULL}, {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"}},
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
    tcase_add_test(tc, dataset_open__the_real_fashion_mnist__its_digests);
    tcase_add_test(tc, dataset_open__known_content_under_another_known_name__refused);
    tcase_add_test(tc, dataset_open__known_content_in_the_other_split__one_warning);
    suite_add_tcase(s, tc);
    return support_run(s);
}
