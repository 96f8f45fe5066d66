/* SPDX-License-Identifier: MIT */
/* fmnistctl gen-dataset: the files that it leaves, read by others, and none where it fails. */
#include "e2e/terminal.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>

static const char *const names[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                    "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};

static unsigned files_in(const char *folder)
{
    unsigned count = 0;
    DIR *dir = opendir(folder);
    ck_assert_ptr_nonnull(dir);
    for (const struct dirent *one; (one = readdir(dir)) != NULL;)
        count += *one->d_name != '.';
    closedir(dir);
    return count;
}

/* Four files of the counts that were asked for; the daemon serves them, and has their bytes. */
START_TEST(gen_dataset__small_set__served_with_its_bytes)
{
    struct daemon d;
    uint32_t size[3];
    char line[600];
    const char *folder = support_path("set");
    run_ctl(&said, "gen-dataset --train 30 --test 20 --size 12 --seed 3 -o %s", folder);
    snprintf(line, sizeof line, "%s: 30 training and 20 test images\n", folder);
    ck_assert_str_eq(said.text, line);
    ck_assert_int_eq(said.status, 0);
    ck_assert_uint_eq(files_in(folder), 4);
    daemon_start(&d,
                 "cache: none\ndatasets:\n  - name: drawn\n    path: %s\n"
                 "    splits:\n"
                 "      train: {images: %s, labels: %s}\n"
                 "      test: {images: %s, labels: %s}\n",
                 folder, names[0], names[1], names[2], names[3]);
    struct fmnist_client *client = connect_to(&d);
    for (uint32_t split = 0; split < 2; split++) {
        uint8_t *pixels = read_idx(support_path("set/%s.gz", names[2 * split]), 3, size);
        ck_assert(size[0] == 30 - 10 * split && size[1] == 12 && size[2] == 12);
        uint8_t *labels = read_idx(support_path("set/%s.gz", names[2 * split + 1]), 1, size);
        ck_assert_uint_eq(size[0], 30 - 10 * split);
        struct images m = {
            .count = size[0], .height = 12, .width = 12, .pixels = pixels, .labels = labels};
        struct fmnist_spec spec = spec_of("drawn");
        struct fmnist_batch b;
        spec.split = split ? "test" : "train";
        spec.dtype = FMNIST_UINT8;
        struct fmnist_stream *stream = open_stream(client, &spec);
        must(fmnist_next(stream, &b));
        ck_assert_uint_eq(b.count, size[0]);
        check_bytes(&m, &b);
        must(fmnist_release(stream, &b));
        fmnist_close(stream);
        images_free(&m);
    }
    fmnist_disconnect(client);
    daemon_stop(&d);
}
END_TEST

/* Plain files have what the zipped ones have, in JSON's words, and replace what is there. */
START_TEST(gen_dataset__raw_and_json__the_same_content)
{
    uint32_t size[3];
    const char *folder = support_path("set");
    run_ctl(&said, "gen-dataset --train 20 --test 10 --size 8 -o %s", folder);
    ck_assert_int_eq(said.status, 0);
    for (int i = 0; i < 2; i++) {
        run_ctl(&said, "--json gen-dataset --raw --train 20 --test 10 --size 8 -o %s", folder);
        json_t *all = said_json(0);
        ck_assert_str_eq(json_string_value(json_object_get(all, "folder")), folder);
        ck_assert_int_eq(json_integer_value(json_object_get(all, "train")), 20);
        ck_assert_int_eq(json_integer_value(json_object_get(all, "test")), 10);
        json_decref(all);
        ck_assert_uint_eq(files_in(folder), 8);
    }
    for (int i = 0; i < 4; i++) {
        size_t n, head = i % 2 ? 8 : 16;
        uint8_t *plain = support_read(support_path("set/%s", names[i]), &n);
        uint8_t *zipped = read_idx(support_path("set/%s.gz", names[i]), i % 2 ? 1 : 3, size);
        ck_assert_uint_eq(n, head + (i < 2 ? 20 : 10) * (i % 2 ? 1 : 64));
        ck_assert_mem_eq(plain + head, zipped, n - head);
        free(plain);
        free(zipped);
    }
}
END_TEST

/* Nothing of a set is put in place unless all of it is there. */
START_TEST(gen_dataset__cannot_be_written__why_and_no_file)
{
    support_write(support_path("file"), "", 0);
    run_ctl(&said, "gen-dataset --train 1 --test 1 -o %s/file/set", support_dir());
    check_said(1, "fmnistctl: gen-dataset: making the folder ");
    check_said(1, "/file/set: Not a directory\n");
    run_ctl(&said, "gen-dataset --train 1 --test 1 -o %s/none/set", support_dir());
    check_said(1, "/none/set: No such file or directory\n");
    run_ctl(&said, "gen-dataset --train 1 --test 1 -o %s/file", support_dir());
    check_said(1, "/file/train-images-idx3-ubyte.gz: its folder is a file: name another one\n");

    /* The last of the files is a disk that is full. */
    ck_assert_int_eq(mkdir(support_path("set"), 0700), 0);
    for (int raw = 0; raw < 2; raw++) {
        const char *link = support_path("set/%s%s", names[3], raw ? "" : ".gz");
        ck_assert_int_eq(symlink("/dev/full", link), 0);
        run_ctl(&said, "gen-dataset --train 10 --test 10 --size 8 %s -o %s", raw ? "--raw" : "",
                support_path("set"));
        check_said(1, "fmnistctl: gen-dataset: writing ");
        check_said(1, "No space left on device\n");
        ck_assert_uint_eq(files_in(support_path("set")), 1);
        ck_assert_int_eq(unlink(link), 0);
    }
}
END_TEST

static bool tells_progress(void *terminal)
{
    while (terminal_read(terminal, &said))
        continue;
    return strstr(said.text, " of 20000 images") != NULL;
}

/* On a terminal it counts; when it is ended, its unfinished files go. */
START_TEST(gen_dataset__ended_on_a_terminal__counted_and_no_file)
{
    struct terminal t;
    char words[700];
    snprintf(words, sizeof words, "gen-dataset --train 10000 --test 10000 --size 256 -o %s",
             support_path("set"));
    terminal_start(&t, "xterm", words);
    ck_assert(daemon_wait_until(tells_progress, &t));
    ck_assert_int_eq(kill(t.pid, SIGTERM), 0);
    terminal_end(&t, &said);
    ck_assert_int_eq(said.status, 128 + SIGTERM);
    ck_assert_uint_eq(files_in(support_path("set")), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gen_dataset");
    TCase *tc = tcase_create("gen_dataset");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, gen_dataset__small_set__served_with_its_bytes);
    tcase_add_test(tc, gen_dataset__raw_and_json__the_same_content);
    tcase_add_test(tc, gen_dataset__cannot_be_written__why_and_no_file);
    tcase_add_test(tc, gen_dataset__ended_on_a_terminal__counted_and_no_file);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
