/* SPDX-License-Identifier: MIT */
/* Pictures in folders and archives: what paths say, the order that comes of it, what is left out
 * and what is refused. That pixels are Pillow's is test_picture's, that sets are torchvision's
 * tests/python/test_import_pictures.py's. */
#include "import/packed.h"
#include "import/picture.h"
#include "import/picture_names.h"
#include "import/picture_table.h"

#include <errno.h>
#include <png.h>

static struct err err;

/* ---- paths */

START_TEST(split__paths__folders_with_a_class_in_them)
{
    static const struct {
        const char *path, *split;
        size_t skip;
    } cases[] = {{"train/cat/1.png", "train", 6},
                 {"Testing/cat/1.png", "test", 8},
                 {"val/cat/x/1.png", "validation", 4},
                 {"top/valid/cat/1.png", "validation", 10},
                 {"cat/1.png", NULL, 0},
                 {"train/1.png", NULL, 0}, /* a class of that name */
                 {"vehicles/train/1.png", NULL, 0},
                 {"a/b/train/cat/1.png", NULL, 0},
                 {"trainer/cat/1.png", NULL, 0},
                 {"train", NULL, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t skip = 0;
        const char *split = picture_split(cases[i].path, &skip);
        ck_assert_msg(split ? cases[i].split && !strcmp(split, cases[i].split) : !cases[i].split,
                      "%s: %s", cases[i].path, split ? split : "none");
        ck_assert_uint_eq(skip, cases[i].skip);
    }
}
END_TEST

/* Adds paths, to split 0 but for those that begin with '!', which are broken. */
static struct picture_names *names_of(const char *const *paths)
{
    struct picture_names *names;
    ck_assert_int_eq(picture_names_new(&names, &err), 0);
    for (; *paths; paths++)
        ck_assert_int_eq(picture_names_add(names, *paths + (**paths == '!'),
                                           **paths == '!' ? PICTURE_BROKEN : 0, &err),
                         0);
    return names;
}

/* Classes, folders and names are compared one after the other, not as one path: '-' is before '/'.
 */
START_TEST(settle__order__of_image_folder)
{
    static const char *const paths[] = {"A-b/1.png", "A/x/1.png",   "A/2.png",  "A/x-y/1.png",
                                        "A/10.png",  "!B/1.png",    "10/1.png", "9/1.png",
                                        "a/1.png",   "A/x/z/1.png", NULL};
    static const char *const classes[] = {"10", "9", "A", "A-b", "B", "a"};
    static const uint32_t order[] = {5, 6, 4, 2, 1, 3, 8, 0, 7};
    /* in the end: 10/1 9/1 A/10 A/2 A/x/1 A/x-y/1 A/x/z/1 A-b/1 a/1; folders as text: x, x-y, x/z
     */
    static const int32_t labels[] = {3, 2, 2, 2, 2, 0, 1, 5, 2};
    struct picture_names *n = names_of(paths);
    int32_t got_labels[9];
    uint32_t got[9];
    char name[16];
    ck_assert_int_eq(picture_names_settle(n, &err), 0);
    ck_assert_uint_eq(picture_class_count(n), 6);
    for (uint32_t i = 0; i < 6; i++) {
        picture_class_name(n, i, name, sizeof name);
        ck_assert_str_eq(name, classes[i]);
    }
    picture_order(n, 0, got_labels, got);
    ck_assert_mem_eq(got_labels, labels, sizeof labels);
    ck_assert_mem_eq(got, order, sizeof order);
    picture_names_free(n);
}
END_TEST

/* A folder around all classes is none, but one class with folders of its own is one. */
START_TEST(settle__folders_around__passed_over)
{
    static const struct {
        const char *paths[4], *first;
        uint32_t classes;
    } cases[] = {{{"top/A/1.png", "top/B/1.png"}, "A", 2},
                 {{"top/A/1.png", "top/1.png"}, "top", 1},
                 {{"A/1.png", "A/2.png"}, "A", 1},
                 {{"top/A/1.png", "other/A/1.png"}, "other", 2},
                 {{"x/train/A/1.png", "x/test/B/1.png"}, "A", 2}};
    char name[16];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct picture_names *n = names_of(cases[i].paths);
        ck_assert_int_eq(picture_names_settle(n, &err), 0);
        ck_assert_uint_eq(picture_class_count(n), cases[i].classes);
        picture_class_name(n, 0, name, sizeof name);
        ck_assert_str_eq(name, cases[i].first);
        picture_names_free(n);
    }
}
END_TEST

START_TEST(settle__some_in_splits__refused_with_both)
{
    static const char *const paths[] = {"train/A/1.png", "B/2.png", NULL};
    struct picture_names *n = names_of(paths);
    ck_assert_int_eq(picture_names_settle(n, &err), -EINVAL);
    ck_assert_str_eq(err.text, "train/A/1.png lies in a split, and B/2.png does not");
    picture_names_free(n);
}
END_TEST

/* ---- archives */

/* A gray or RGB picture of one level. */
struct file {
    uint8_t bytes[512];
    png_alloc_size_t size;
};

static struct packed_file draw(struct file *f, const char *name, uint32_t side, bool rgb,
                               uint8_t level)
{
    uint8_t pixels[64 * 64 * 3];
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = side,
                       .height = side,
                       .format = rgb ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY};
    memset(pixels, level, sizeof pixels);
    f->size = sizeof f->bytes;
    ck_assert(png_image_write_to_memory(&image, f->bytes, &f->size, 0, pixels, 0, NULL));
    return (struct packed_file){name, f->bytes, f->size};
}

/* In an order that is nobody's, with what is no picture between: the set is in order. */
START_TEST(import__archive_in_disorder__set_in_order)
{
    struct file f[4];
    const struct packed_file files[] = {draw(&f[0], "t/train/b/2.png", 4, false, 40),
                                        draw(&f[1], "t/test/a/1.png", 4, false, 50),
                                        {"t/README.txt", "hello", 5},
                                        {"__MACOSX/t/train/a/._1.png", "junk", 4},
                                        draw(&f[2], "t/train/a/1.png", 4, false, 10),
                                        {"t/train/c/1.png", "", 0},
                                        draw(&f[3], "t/train/b/1.png", 4, false, 30)};
    static const uint8_t labels[] = {0, 1, 1}, levels[] = {10, 30, 40};
    static const char *const archives[][2] = {{"zip", "none"}, {"tar", "gzip"}};
    for (int a = 0; a < 2; a++) {
        uint32_t dims[4];
        size_t bytes;
        must_import(pack(support_path("set.x"), archives[a][0], archives[a][1], files, 7), NULL);
        ck_assert_msg(strstr(told, "broken: ") &&
                          strstr(told, "t/train/c/1.png: left out: the file is empty|"),
                      "%s", told);
        uint8_t *got = read_set("train-labels-idx1-ubyte", dims, &bytes);
        ck_assert_uint_eq(bytes, 3);
        ck_assert_mem_eq(got, labels, 3);
        free(got);
        got = read_set("train-images-idx3-ubyte", dims, &bytes);
        ck_assert(dims[0] == 3 && dims[1] == 4 && dims[2] == 4);
        for (int i = 0; i < 48; i++)
            ck_assert_uint_eq(got[i], levels[i / 16]);
        free(got);
        free(read_set("test-images-idx3-ubyte", dims, &bytes));
        ck_assert_uint_eq(dims[0], 1);
        char *yaml = support_read(support_path("set/dataset.yaml"), NULL);
        ck_assert_ptr_nonnull(strstr(yaml, "- \"c\"")); /* its number is kept */
        free(yaml);
        remove_set();
    }
}
END_TEST

static void refuse(const struct packed_file *files, size_t count, const struct import_options *o,
                   const char *words)
{
    must_refuse(pack(support_path("set.tar"), "tar", "none", files, count), o, words);
}

START_TEST(import__what_does_not_go_together__refused)
{
    struct file f[2];
    struct packed_file two[2] = {draw(&f[0], "a/1.png", 4, false, 1),
                                 draw(&f[1], "b/2.png", 5, false, 1)};
    refuse(two, 2, NULL, "5x5 pixels (h x w), and a/1.png has 4x4: --size HxW");
    two[1] = draw(&f[1], "b/2.png", 4, true, 1);
    refuse(two, 2, NULL, "it has colours, and a/1.png is gray: --rgb or --grayscale");
    two[1] = draw(&f[1], "train/b/2.png", 4, false, 1);
    refuse(two, 2, NULL, "train/b/2.png lies in a split, and a/1.png does not");
    two[0].name = "1.png";
    refuse(two, 1, NULL, "no picture");
    ck_assert_ptr_nonnull(strstr(told, "it lies in no class's folder"));
    two[0] = (struct packed_file){"a/1.png", "\x89PNG\r\n\x1a\n", 8};
    refuse(two, 1, NULL, "no picture");
    ck_assert_ptr_nonnull(strstr(told, "broken: "));
}
END_TEST

/* A table of numbers beside pictures, which comes first and looks like one of pixels. */
START_TEST(import__table_beside_pictures__the_pictures)
{
    static const char table[] =
        "id,label,a,b,c,d,e,f,g,h\n1,0,1,2,3,4,5,6,7,8\n2,1,1,2,3,4,5,6,7,8\n";
    struct file f[2];
    const struct packed_file files[] = {{"labels.csv", table, sizeof table - 1},
                                        draw(&f[0], "z/1.png", 4, false, 1),
                                        draw(&f[1], "y/2.png", 4, false, 1)};
    uint32_t dims[4];
    size_t bytes;
    must_import(pack(support_path("set.tar"), "tar", "none", files, 3), NULL);
    free(read_set("train-images-idx3-ubyte", dims, &bytes));
    ck_assert(dims[0] == 2 && dims[1] == 4 && dims[2] == 4);
    remove_set();
}
END_TEST

/* Gray among colours loses nothing; what is asked for is made of all. */
START_TEST(import__gray_and_colours__as_asked)
{
    struct file f[2];
    const struct packed_file two[] = {draw(&f[0], "a/1.png", 4, true, 1),
                                      draw(&f[1], "a/2.png", 6, false, 9)};
    const char *path = pack(support_path("set.tar"), "tar", "none", two, 2);
    struct import_options o = {.height = 3, .width = 2};
    uint32_t dims[4];
    size_t bytes;
    must_import(path, &o);
    uint8_t *got = read_set("train-images-idx4-ubyte", dims, &bytes);
    ck_assert(dims[0] == 2 && dims[1] == 3 && dims[2] == 2 && dims[3] == 3);
    for (int i = 0; i < 36; i++)
        ck_assert_uint_eq(got[i], i < 18 ? 1 : 9);
    free(got);
    remove_set();
    o.channels = 1;
    must_import(path, &o);
    free(read_set("train-images-idx3-ubyte", dims, &bytes));
    ck_assert(dims[0] == 2 && dims[1] == 3 && dims[2] == 2);
}
END_TEST

/* Options of pictures are not passed over where there are none. */
START_TEST(import__colour_of_other_formats__refused)
{
    const uint32_t dims[] = {2, 3, 3};
    size_t size;
    uint8_t *bytes = make_idx(8, 1, 3, dims, 0, &size);
    const struct import_options o = {.channels = 3};
    support_write(support_path("train-images-idx3-ubyte"), bytes, size);
    free(bytes);
    must_refuse(support_path("train-images-idx3-ubyte"), &o, "--rgb is not for what is here");
}
END_TEST

/* ---- classes.csv */

START_TEST(table__fields__as_export_writes_them)
{
    static const char text[] = "folder,label,name\r\nb,1,\r\n\"a, \"\"c\",12,\"x\ny\"\r\nd,3,last";
    struct picture_table t;
    ck_assert(picture_table_is(text, strlen(text)));
    ck_assert(!picture_table_is("folder,label,name", 17));
    ck_assert(!picture_table_is("folder,labels,name\n", 19));
    ck_assert_msg(picture_table_parse(&t, text, strlen(text), &err) == 0, "%s", err.text);
    ck_assert_uint_eq(t.count, 3);
    const struct picture_class *c = picture_table_find(&t, "a, \"c");
    ck_assert(c && c->label == 12);
    ck_assert_str_eq(c->name, "x\ny");
    c = picture_table_find(&t, "b");
    ck_assert(c && c->label == 1);
    ck_assert_str_eq(c->name, "");
    c = picture_table_find(&t, "d");
    ck_assert(c && c->label == 3);
    ck_assert_str_eq(c->name, "last");
    ck_assert_ptr_null(picture_table_find(&t, "a"));
    picture_table_close(&t);
}
END_TEST

START_TEST(table__wrong__told_by_its_line)
{
    static const char *const rows[] = {
        "a,1",  "a,x,",    "a,,",       "a,-1,",          "a,1,b,c",
        ",1,b", "\"a,1,b", "\"a\"b,1,", "a,99999999999,", "a,1,b\n\n"};
    char text[128];
    struct picture_table t;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(text, sizeof text, "folder,label,name\nz,0,\n%s", rows[i]);
        ck_assert_int_eq(picture_table_parse(&t, text, strlen(text), &err), -EINVAL);
        ck_assert_msg(strstr(err.text, i == 9 ? "line 4: " : "line 3: ") != NULL, "%s: %s", rows[i],
                      err.text);
    }
    snprintf(text, sizeof text, "folder,label,name\na,0,\na,1,\n");
    ck_assert_int_eq(picture_table_parse(&t, text, strlen(text), &err), -EINVAL);
    ck_assert_ptr_nonnull(strstr(err.text, "folder a is in it twice"));
    char *large = malloc(PICTURE_TABLE_BYTES_MAX + 1);
    memset(large, ',', PICTURE_TABLE_BYTES_MAX + 1);
    memcpy(large, PICTURE_TABLE_HEAD "\n", sizeof PICTURE_TABLE_HEAD);
    ck_assert_int_eq(picture_table_parse(&t, large, PICTURE_TABLE_BYTES_MAX + 1, &err), -EINVAL);
    ck_assert_str_eq(err.text, "it is larger than 16 MiB");
    free(large);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("import/pictures");
    TCase *tc = tcase_create("pictures");
    tcase_add_checked_fixture(tc, packed_setup, support_teardown);
    tcase_add_test(tc, split__paths__folders_with_a_class_in_them);
    tcase_add_test(tc, settle__order__of_image_folder);
    tcase_add_test(tc, settle__folders_around__passed_over);
    tcase_add_test(tc, settle__some_in_splits__refused_with_both);
    tcase_add_test(tc, import__archive_in_disorder__set_in_order);
    tcase_add_test(tc, import__what_does_not_go_together__refused);
    tcase_add_test(tc, import__table_beside_pictures__the_pictures);
    tcase_add_test(tc, import__gray_and_colours__as_asked);
    tcase_add_test(tc, import__colour_of_other_formats__refused);
    tcase_add_test(tc, table__fields__as_export_writes_them);
    tcase_add_test(tc, table__wrong__told_by_its_line);
    suite_add_tcase(s, tc);
    return support_run(s);
}
