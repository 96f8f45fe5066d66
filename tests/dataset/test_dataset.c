/* SPDX-License-Identifier: MIT */
/* Opening datasets: shapes, names, bad files. */
#include "dataset/opener.h"

#include <sys/stat.h>
#include <unistd.h>

static void check_pixels(const struct dataset_split *s, struct bytes raw, size_t header)
{
    ck_assert_uint_eq(s->count * s->height * s->width * s->channels, raw.size - header);
    ck_assert_mem_eq(s->images, raw.data + header, raw.size - header);
}

/* ---- what is right ------------------------------------------------------------------------- */

/* Either form must be found under either name, and be the same data. */
START_TEST(dataset_open__gz_or_not_under_either_name__same_bytes)
{
    static const char *const stored[] = {"train-images", "train-images.gz"};
    struct bytes raw = idx_images(20, 6, 5);
    uint8_t digest[16];
    put_file("train-labels", idx_labels(20));
    for (int name = 0; name < 2; name++)
        for (int asked = 0; asked < 2; asked++)
            for (int packed = 0; packed < 2; packed++) {
                struct bytes z = gzip_make(raw.data, raw.size);
                support_write(support_path("%s", stored[name]), packed ? z.data : raw.data,
                              packed ? z.size : raw.size);
                free(z.data);
                struct dataset_source source = mine();
                source.splits[0].images = stored[asked];
                struct dataset *d;
                struct err e;
                ck_assert_msg(open_noted(&source, NULL, true, &d, &e) == 0, "%s", e.text);
                check_pixels(&d->splits[0], raw, 16);
                ck_assert_uint_eq(d->splits[0].height, 6);
                ck_assert_uint_eq(d->splits[0].width, 5);
                ck_assert_uint_eq(d->splits[1].count, 0);
                if (name + asked + packed == 0)
                    memcpy(digest, d->splits[0].digest, 16);
                ck_assert_mem_eq(digest, d->splits[0].digest, 16);
                dataset_close(d);
                unlink(support_path("%s", stored[name]));
            }
    free(raw.data);
}
END_TEST

/* Every number of channels is a shape of its own. */
START_TEST(dataset_open__one_to_four_channels__shape_kept)
{
    for (uint32_t c = 1; c <= 5; c++) {
        struct bytes raw = idx_make(0x08, 4, (uint32_t[]){7, 3, 4, c}, 1);
        for (size_t i = 20; i < raw.size; i++)
            raw.data[i] = (uint8_t)i;
        support_write(support_path("train-images"), raw.data, raw.size);
        put_file("train-labels", idx_labels(7));
        struct dataset_source source = mine();
        struct dataset *d;
        struct err e;
        int rc = open_noted(&source, NULL, true, &d, &e);
        ck_assert_int_eq(rc, c <= 4 ? 0 : -EINVAL);
        if (rc == 0) {
            ck_assert_uint_eq(d->splits[0].channels, c);
            check_pixels(&d->splits[0], raw, 20);
        }
        dataset_close(d);
        free(raw.data);
    }
}
END_TEST

/* Content is written a huge page at a time: every byte must be there wherever the images end, one
 * before, at and behind such a border among them, and so must the labels that follow. */
START_TEST(dataset_open__about_huge_pages__every_byte)
{
    static const uint32_t shapes[][3] = {{510, 64, 64},  {511, 64, 64},  {512, 64, 64},
                                         {1023, 64, 64}, {100001, 7, 9}, {33288, 7, 9},
                                         {524033, 1, 4}, {2093057, 1, 1}};
    const uint32_t *n = shapes[_i / 2];
    bool transposed = _i % 2;
    struct bytes raw = idx_images(n[0], n[1], n[2]);
    support_write(support_path("train-images"), raw.data, raw.size);
    put_file("train-labels", idx_labels(n[0]));
    struct dataset_source source = mine();
    source.transpose = transposed;
    struct dataset *d;
    struct err e;
    ck_assert_msg(open_noted(&source, NULL, true, &d, &e) == 0, "%s", e.text);
    const struct dataset_split *s = &d->splits[0];
    if (!transposed)
        check_pixels(s, raw, 16);
    const uint8_t *stored = raw.data + 16, *at = s->images;
    size_t wrong = 0;
    for (uint32_t i = 0; i < n[0]; i++, stored += n[1] * n[2])
        for (uint32_t x = 0; transposed && x < n[2]; x++)
            for (uint32_t y = 0; y < n[1]; y++)
                wrong += *at++ != stored[y * n[2] + x];
    for (uint32_t i = 0; i < n[0]; i++)
        wrong += s->labels[i] != (int32_t)(i % 10);
    ck_assert_uint_eq(wrong, 0);
    dataset_close(d);
    free(raw.data);
}
END_TEST

/* Labels of 4 bytes are big-endian and signed; dimensions of 1 behind the count change nothing. */
START_TEST(dataset_open__labels_of_every_kind__int32)
{
    const struct {
        uint8_t type;
        unsigned dims;
        size_t bytes;
    } kinds[] = {{0x08, 1, 1}, {0x0c, 1, 4}, {0x08, 2, 1}, {0x0c, 2, 4}, {0x0c, 3, 4}};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        struct bytes l =
            idx_make(kinds[k].type, kinds[k].dims, (uint32_t[]){9000, 1, 1}, kinds[k].bytes);
        size_t at = 4 + 4 * kinds[k].dims;
        for (uint32_t i = 0; i < 9000; i++) {
            if (kinds[k].bytes == 1)
                l.data[at + i] = (uint8_t)(i * 3);
            else
                put_be32(l.data + at + 4 * i, i - 5);
        }
        put_gzip("train-labels", l);
        put_file("train-images", idx_images(9000, 1, 2));
        struct dataset_source source = mine();
        struct dataset *d;
        struct err e;
        ck_assert_msg(open_noted(&source, NULL, true, &d, &e) == 0, "%s", e.text);
        const struct dataset_split *s = &d->splits[0];
        for (uint32_t i = 0; i < 9000; i++)
            ck_assert_int_eq(s->labels[i], kinds[k].bytes == 1 ? (uint8_t)(i * 3) : (int32_t)i - 5);
        ck_assert_int_eq(s->label_min, kinds[k].bytes == 1 ? 0 : -5);
        ck_assert_int_eq(s->label_max, kinds[k].bytes == 1 ? 255 : 8994);
        dataset_close(d);
    }
}
END_TEST

/* Of a table the first column was once served for the labels: of one-hot labels 0 or 1. */
START_TEST(dataset_open__labels_are_a_table__refused_but_for_qmnist)
{
    static const struct {
        const char *name;
        uint8_t type;
        uint32_t columns;
        const char *says; /* NULL: column 0 is the class */
    } cases[] = {
        {"mine", 0x0c, 10, "train-labels: int32 of shape 6x10, 10 numbers an image"},
        {"mine", 0x08, 10, "uint8 of shape 6x10, 10 numbers an image, want one label an image"},
        {"mine", 0x0c, 10, "labels.argmax(1)), as uint8 of shape 6"},
        {"mine", 0x0c, 2, "2 numbers an image"},
        {"mine", 0x0c, 8, "QMNIST's 8 columns are read under the name \"qmnist\" only"},
        {"mnist", 0x0c, 8, "under the name \"qmnist\" only"},
        {"qmnist", 0x0c, 10, "10 numbers an image"},
        {"qmnist", 0x08, 8, "8 numbers an image"},
        {"qmnist", 0x0c, 8, NULL},
    };
    put_file("train-images", idx_images(6, 3, 3));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t bytes = cases[i].type == 0x0c ? 4 : 1;
        struct bytes l = idx_make(cases[i].type, 2, (uint32_t[]){6, cases[i].columns}, bytes);
        for (uint32_t k = 0; k < 6; k++)
            l.data[12 + (k * cases[i].columns + 1) * bytes - 1] = (uint8_t)(k % 2);
        put_file("train-labels", l);
        struct dataset_source source = mine();
        source.name = cases[i].name;
        struct dataset *d;
        struct err e;
        int rc = open_noted(&source, support_path("cache"), true, &d, &e);
        ck_assert_int_eq(rc, cases[i].says ? -EINVAL : 0);
        if (rc)
            ck_assert_text(e.text, cases[i].says);
        for (uint32_t k = 0; !rc && k < 6; k++)
            ck_assert_int_eq(d->splits[0].labels[k], k % 2);
        dataset_close(d);
    }
}
END_TEST

/* The digest is of the content: each of dimensions, pixels and labels must move it. */
START_TEST(dataset_open__content_differs__digest_differs)
{
    uint8_t digests[4][16];
    for (int i = 0; i < 4; i++) {
        struct bytes images = i == 1 ? idx_images(6, 2, 8) : idx_images(6, 4, 4);
        struct bytes labels = idx_labels(6);
        images.data[images.size - 1] ^= i == 2;
        labels.data[labels.size - 1] ^= i == 3;
        put_file("train-images", images);
        put_file("train-labels", labels);
        struct dataset_source source = mine();
        struct dataset *d;
        struct err e;
        ck_assert_int_eq(open_noted(&source, NULL, true, &d, &e), 0);
        memcpy(digests[i], d->splits[0].digest, 16);
        dataset_close(d);
        for (int k = 0; k < i; k++)
            ck_assert_mem_ne(digests[i], digests[k], 16);
    }
}
END_TEST

/* Workers map what they are given; a writable mapping could be changed by a stray store. */
START_TEST(dataset_open__mapping__read_only)
{
    put_file("train-images", idx_images(6, 4, 4));
    put_file("train-labels", idx_labels(6));
    const char *caches[] = {NULL, support_path("cache")};
    for (int i = 0; i < 2; i++) {
        struct dataset_source source = mine();
        struct dataset *d;
        struct err e;
        ck_assert_int_eq(open_noted(&source, caches[i], true, &d, &e), 0);
        FILE *maps = fopen("/proc/self/maps", "re");
        char line[1024], want[32];
        bool found = false;
        snprintf(want, sizeof want, "%lx-", (unsigned long)(uintptr_t)d->splits[0].map);
        while (fgets(line, sizeof line, maps))
            if (strncmp(line, want, strlen(want)) == 0) {
                found = true;
                ck_assert_ptr_nonnull(strstr(line, " r--s "));
            }
        fclose(maps);
        ck_assert(found);
        dataset_close(d);
    }
}
END_TEST

/* ---- what is wrong ------------------------------------------------------------------------- */

/* The pieces fit together, or there is no dataset. */
START_TEST(dataset_open__wrong_content__einval_says_what)
{
    const struct {
        struct bytes images, labels;
        const char *says;
    } cases[] = {
        {idx_images(5, 3, 3), idx_labels(6), "6 labels, but"},
        {idx_labels(5), idx_labels(5), "train-images: uint8 of shape 5, which are labels, want"},
        {idx_make(0x0c, 3, (uint32_t[]){5, 3, 3}, 4), idx_labels(5), "int32 of shape 5x3x3"},
        {idx_images(5, 3, 3), idx_images(5, 3, 3),
         "train-labels: uint8 of shape 5x3x3, which are images, want"},
        {idx_images(5, 3, 3), idx_make(0x0d, 1, (uint32_t[]){5}, 4), "float32 of shape 5"},
        {idx_images(1, 4097, 1), idx_labels(1), "4096 x 4096"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_file("train-images", cases[i].images);
        put_gzip("train-labels", cases[i].labels);
        struct dataset_source source = mine();
        struct err e;
        ck_assert_int_eq(try_open(&source, &e), -EINVAL);
        ck_assert_text(e.text, cases[i].says);
        ck_assert_text(e.text, "opening dataset \"mine\": train: ");
    }
}
END_TEST

/* A byte more or less than the header states, packed or not. */
START_TEST(dataset_open__bytes_beyond_or_missing__einval)
{
    for (int packed = 0; packed < 2; packed++)
        for (int more = -1; more <= 1; more += 2) {
            struct bytes b = idx_images(5, 3, 3);
            b.data = realloc(b.data, b.size + 1);
            b.data[b.size] = 0;
            b.size += (size_t)more;
            (packed ? put_gzip : put_file)("train-images", b);
            put_file("train-labels", idx_labels(5));
            struct dataset_source source = mine();
            struct err e;
            ck_assert_int_eq(try_open(&source, &e), -EINVAL);
            ck_assert_text(e.text, "train-images");
        }
}
END_TEST

/* Every prefix of a file, packed or not, is an error: never a smaller dataset. */
START_TEST(dataset_open__every_truncation__einval)
{
    struct bytes raw = idx_images(4, 3, 3), z = gzip_make(raw.data, raw.size);
    put_file("train-labels", idx_labels(4));
    struct dataset_source source = mine();
    struct err e;
    for (int packed = 0; packed < 2; packed++)
        for (size_t n = 0; n < (packed ? z.size : raw.size); n++) {
            support_write(support_path("train-images"), packed ? z.data : raw.data, n);
            ck_assert_int_eq(try_open(&source, &e), -EINVAL);
        }
    free(raw.data);
    free(z.data);
}
END_TEST

/* A flipped bit gives an error or, where gzip does not care (its time stamp), the same data. */
START_TEST(dataset_open__every_bit_flip_of_a_gz__error_or_the_same_data)
{
    struct bytes raw = idx_images(4, 3, 3), z = gzip_make(raw.data, raw.size);
    put_file("train-labels", idx_labels(4));
    struct dataset_source source = mine();
    for (size_t bit = 0; bit < 8 * z.size; bit++) {
        z.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        support_write(support_path("train-images"), z.data, z.size);
        z.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        struct dataset *d;
        struct err e;
        int rc = open_noted(&source, NULL, false, &d, &e);
        ck_assert(rc == 0 || rc == -EINVAL);
        if (rc == 0)
            check_pixels(&d->splits[0], raw, 16);
        dataset_close(d);
    }
    free(raw.data);
    free(z.data);
}
END_TEST

/* A header may state what its file cannot hold; nothing may be taken for it. */
START_TEST(dataset_open__header_states_terabytes__refused_at_once)
{
    struct bytes b = idx_images(5, 3, 3);
    put_be32(b.data + 4, 1u << 27);
    put_be32(b.data + 8, 4096);
    put_be32(b.data + 12, 4096);
    put_gzip("train-images", b);
    put_file("train-labels", idx_labels(5));
    struct dataset_source source = mine();
    struct err e;
    ck_assert_int_eq(try_open(&source, &e), -EINVAL);
    ck_assert_text(e.text, "cannot hold");
}
END_TEST

/* A bomb behind a small header: the header's size is the limit. */
START_TEST(dataset_open__bomb__einval)
{
    struct bytes b = {calloc(1, 64 << 20), 64 << 20}, header = idx_images(5, 3, 3);
    memcpy(b.data, header.data, 16);
    free(header.data);
    put_gzip("train-images", b);
    put_file("train-labels", idx_labels(5));
    struct dataset_source source = mine();
    struct err e;
    ck_assert_int_eq(try_open(&source, &e), -EINVAL);
    ck_assert_text(e.text, "more than the 61 bytes");
}
END_TEST

/* A label without a class would index behind the class names. */
START_TEST(dataset_open__label_beyond_the_classes__einval_says_which)
{
    static const char *const classes[] = {"a", "b", "c"};
    put_file("train-images", idx_images(5, 3, 3));
    put_file("train-labels", idx_labels(5));
    struct dataset_source source = mine();
    source.classes = classes;
    source.class_count = 3;
    struct err e;
    ck_assert_int_eq(try_open(&source, &e), -EINVAL);
    ck_assert_text(e.text, "label 3 is 3, want 0 to 2");
}
END_TEST

/* A split that is named must be there; not being named is no error but an absence. */
START_TEST(dataset_open__files_missing__enoent_or_left_out)
{
    struct dataset_source source = mine();
    struct err e;
    ck_assert_int_eq(try_open(&source, &e), -ENOENT);
    ck_assert_text(e.text, "train-images");
    put_file("train-images", idx_images(5, 3, 3));
    ck_assert_int_eq(try_open(&source, &e), -ENOENT);
    ck_assert_text(e.text, "train-labels");
    source.splits[0].labels = NULL;
    ck_assert_int_eq(try_open(&source, &e), -EINVAL);
    source.splits[0].images = NULL;
    ck_assert_int_eq(try_open(&source, &e), -EINVAL);
    ck_assert_text(e.text, "no files are named");
    source.name = "mnist";
    ck_assert_int_eq(try_open(&source, &e), -ENOENT);
    put_file("train-images-idx3-ubyte", idx_images(5, 3, 3));
    ck_assert_int_eq(try_open(&source, &e), -ENOENT);
    put_gzip("train-labels-idx1-ubyte.gz", idx_labels(5));
    ck_assert_int_eq(try_open(&source, &e), 0);
}
END_TEST

/* A FIFO would hold the daemon up, a folder would be read. */
START_TEST(dataset_open__not_a_regular_file__einval)
{
    put_file("train-labels", idx_labels(5));
    struct dataset_source source = mine();
    struct err e;
    ck_assert_int_eq(mkfifo(support_path("train-images"), 0600), 0);
    ck_assert_int_eq(try_open(&source, &e), -EINVAL);
    unlink(support_path("train-images"));
    ck_assert_int_eq(mkdir(support_path("train-images"), 0700), 0);
    ck_assert_int_eq(try_open(&source, &e), -EINVAL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("dataset/dataset");
    TCase *tc = tcase_create("dataset_open");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, dataset_open__gz_or_not_under_either_name__same_bytes);
    tcase_add_test(tc, dataset_open__one_to_four_channels__shape_kept);
    tcase_add_loop_test(tc, dataset_open__about_huge_pages__every_byte, 0, 16);
    tcase_add_test(tc, dataset_open__labels_of_every_kind__int32);
    tcase_add_test(tc, dataset_open__labels_are_a_table__refused_but_for_qmnist);
    tcase_add_test(tc, dataset_open__content_differs__digest_differs);
    tcase_add_test(tc, dataset_open__mapping__read_only);
    tcase_add_test(tc, dataset_open__wrong_content__einval_says_what);
    tcase_add_test(tc, dataset_open__bytes_beyond_or_missing__einval);
    tcase_add_test(tc, dataset_open__every_truncation__einval);
    tcase_add_test(tc, dataset_open__every_bit_flip_of_a_gz__error_or_the_same_data);
    tcase_add_test(tc, dataset_open__header_states_terabytes__refused_at_once);
    tcase_add_test(tc, dataset_open__bomb__einval);
    tcase_add_test(tc, dataset_open__label_beyond_the_classes__einval_says_which);
    tcase_add_test(tc, dataset_open__files_missing__enoent_or_left_out);
    tcase_add_test(tc, dataset_open__not_a_regular_file__einval);
    suite_add_tcase(s, tc);
    return support_run(s);
}
