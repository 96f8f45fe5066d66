/* SPDX-License-Identifier: MIT */
/* fmnistctl import, as a user runs it: what is served afterwards, what is said, what is left. */
#include "e2e/harness.h"
#include "e2e/program.h"

#include <dirent.h>
#include <pty.h>
#include <signal.h>
#include <sys/stat.h>

/* All names there, those that begin with '.' too. */
static unsigned files_in(const char *folder)
{
    unsigned count = 0;
    DIR *dir = opendir(folder);
    ck_assert_ptr_nonnull(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 2;
}

/* A folder of a pair, under the name of the test's folder "from". */
static void write_pair(const struct images *m)
{
    uint8_t *labels = m->labels;
    ck_assert_int_eq(mkdir(support_path("from"), 0700), 0);
    write_idx(support_path("from/train-images-idx3-ubyte"), 3,
              (const uint32_t[]){m->count, m->height, m->width}, m->pixels);
    write_idx(support_path("from/train-labels-idx1-ubyte"), 1, &m->count, labels);
}

/* From the files of others to batches, in one command beside a daemon that runs. */
START_TEST(import__add__served_at_once)
{
    struct daemon d;
    struct images m;
    struct fmnist_batch b;
    images_make(&m, 30, 7, 9, 1);
    write_pair(&m);
    serve_tiny(&d, "");
    char *before = support_read(d.config, NULL);
    run_ctl(&said, "import %s --name mine -o %s --add %s --socket %s", support_path("from"),
            support_path("made"), d.config, d.socket);
    check_said(0, "train: 30 images, 7 x 9, labels up to 9\n");
    check_said(0, ": mine is in it, and served\n");
    char *after = support_read(d.config, NULL);
    ck_assert(strlen(after) > strlen(before) && strstr(after, "- name: mine\n"));
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_spec spec = spec_of("mine");
    spec.dtype = FMNIST_UINT8;
    struct fmnist_stream *stream = open_stream(client, &spec);
    must(fmnist_next(stream, &b));
    ck_assert_uint_eq(b.count, 30);
    check_bytes(&m, &b);
    must(fmnist_release(stream, &b));
    fmnist_close(stream);
    fmnist_disconnect(client);

    /* The name is taken: the config stays as it is, and nothing is imported. */
    run_ctl(&said, "import %s --name mine -o %s --add %s --socket %s", support_path("from"),
            support_path("again"), d.config, d.socket);
    check_said(1, "import: --add ");
    check_said(1, "it would be refused, and is as it was: ");
    check_said(1, "fmnistd.yaml:");
    ck_assert_int_lt(access(support_path("again"), F_OK), 0);
    char *last = support_read(d.config, NULL);
    ck_assert_str_eq(last, after);
    free(before);
    free(after);
    free(last);
    daemon_stop(&d);
    images_free(&m);
}
END_TEST

/* A daemon that runs with another config serves nothing new, and is not said to. */
START_TEST(import__add_to_another_config__not_said_to_be_served)
{
    struct daemon d;
    struct images m;
    images_make(&m, 5, 4, 4, 1);
    write_pair(&m);
    serve_tiny(&d, "");
    support_write(support_path("other.yaml"), "# later\n", 8);
    run_ctl(&said, "import %s --name mine -o %s --add %s --socket %s", support_path("from"),
            support_path("made"), support_path("other.yaml"), d.socket);
    check_said(0, ": mine is in it; no daemon that runs has read it\n");
    char *after = support_read(support_path("other.yaml"), NULL);
    ck_assert_ptr_nonnull(strstr(after, "- name: mine\n"));
    free(after);
    daemon_stop(&d);
    images_free(&m);
}
END_TEST

/* What the config refuses is told before anything of a source that takes long is read: here there
 * is none. */
START_TEST(import__add_in_vain__told_before_reading)
{
    static const struct {
        const char *config, *name, *text;
    } cases[] = {
        {"datasets:\n  - {name: taken, path: set}\n", "taken", "\"taken\" is here a second time"},
        {"datasets: [\n  {path: set}]\n", "x", "is for you to change"},
        {"{datasets: [{path: set}]}\n", "x", "c.yaml:2: not YAML"},
        {"worker: 1\n", "x", "c.yaml:1: unknown key \"worker\""},
        {"datasets:\n  - path: none\n", "x", "c.yaml:2: "},
    };
    struct images m;
    images_make(&m, 5, 4, 4, 1);
    write_pair(&m);
    run_ctl(&said, "import %s -o %s", support_path("from"), support_path("set"));
    check_said(0, "");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *config = support_path("c.yaml");
        support_write(config, cases[i].config, strlen(cases[i].config));
        run_ctl(&said, "import %s/none --name %s -o %s --add %s", support_dir(), cases[i].name,
                support_path("made"), support_path("c.yaml"));
        check_said(1, cases[i].text);
        char *after = support_read(support_path("c.yaml"), NULL);
        ck_assert_str_eq(after, cases[i].config);
        free(after);
    }
    ck_assert_uint_eq(files_in(support_dir()), 5); /* from, of what it was made, set, c.yaml */
    images_free(&m);
}
END_TEST

/* A name that the source gives is looked at when it is known; what is behind it is not read. */
START_TEST(import__add_of_a_name_that_the_source_gives__told_before_reading)
{
    static const char config[] = "datasets:\n  - {name: from, path: set}\n";
    static const char lines[] = "label,a,b,c,d,e,f,g,h,i\n7,1,2,3,4,5,6,7,8,9\nnonsense\n";
    struct images m;
    images_make(&m, 5, 4, 4, 1);
    write_pair(&m);
    run_ctl(&said, "import %s -o %s", support_path("from"), support_path("set"));
    check_said(0, "");
    support_write(support_path("c.yaml"), config, strlen(config));
    support_write(support_path("from.csv"), lines, strlen(lines));
    ck_assert_int_eq(truncate(support_path("from/train-images-idx3-ubyte"), 20), 0);
    run_ctl(&said, "import %s -o %s --add %s", support_path("from"), support_path("made"),
            support_path("c.yaml"));
    check_said(1, "\"from\" is here a second time");
    run_ctl(&said, "import %s -o %s --add %s", support_path("from.csv"), support_path("made"),
            support_path("c.yaml"));
    check_said(1, "\"from\" is here a second time");
    images_free(&m);
}
END_TEST

/* Of several that add at once none undoes another. */
START_TEST(import__adds_at_once__all_in_it)
{
    struct daemon d;
    struct images m;
    char words[2048], entry[32];
    images_make(&m, 5, 4, 4, 1);
    write_pair(&m);
    serve_tiny(&d, "");
    snprintf(words, sizeof words,
             "sh -c 'for i in 0 1 2 3; do %s import %s --name m$i -o %s/m$i --add %s --socket %s & "
             "done; wait'",
             ctl_path(), support_path("from"), support_dir(), d.config, d.socket);
    run_words(&said, words);
    char *config = support_read(d.config, NULL);
    for (int i = 0; i < 4; i++) {
        snprintf(entry, sizeof entry, ": m%d is in it, and served\n", i);
        check_said(0, entry);
        snprintf(entry, sizeof entry, "- name: m%d\n", i);
        ck_assert_msg(strstr(config, entry) != NULL, "no %s in %s", entry, config);
    }
    free(config);
    daemon_stop(&d);
    images_free(&m);
}
END_TEST

/* Files of that name are published on their side; the daemon must not turn those that import wrote.
 */
START_TEST(import__emnist__served_upright)
{
    struct daemon d;
    struct images m;
    struct fmnist_batch b;
    images_make(&m, 12, 5, 5, 1);
    ck_assert_int_eq(mkdir(support_path("from"), 0700), 0);
    write_idx(support_path("from/emnist-digits-train-images-idx3-ubyte"), 3,
              (const uint32_t[]){m.count, m.height, m.width}, m.pixels);
    write_idx(support_path("from/emnist-digits-train-labels-idx1-ubyte"), 1, &m.count, m.labels);
    run_ctl(&said, "import %s -o %s", support_path("from"), support_path("made"));
    check_said(0, "  - name: emnist-digits\n    path: ");
    daemon_start(&d, "cache: none\ndatasets:\n%s", strstr(said.text, "  - name: "));
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_spec spec = spec_of("emnist-digits");
    spec.dtype = FMNIST_UINT8;
    struct fmnist_stream *stream = open_stream(client, &spec);
    must(fmnist_next(stream, &b));
    for (uint32_t i = 0; i < 12; i++)
        for (uint32_t y = 0; y < 5; y++)
            for (uint32_t x = 0; x < 5; x++)
                ck_assert_uint_eq(((const uint8_t *)b.images)[i * 25 + y * 5 + x],
                                  m.pixels[i * 25 + x * 5 + y]);
    must(fmnist_release(stream, &b));
    fmnist_close(stream);
    fmnist_disconnect(client);
    daemon_stop(&d);
    images_free(&m);
}
END_TEST

START_TEST(import__json__what_was_made)
{
    struct images m;
    images_make(&m, 5, 4, 4, 1);
    write_pair(&m);
    run_ctl(&said, "import --json --split held-out %s -o %s", support_path("from"),
            support_path("made"));
    json_t *all = said_json(0);
    ck_assert_str_eq(json_string_value(json_object_get(all, "name")), "from");
    ck_assert_str_eq(json_string_value(json_object_get(all, "format")), "idx");
    ck_assert_str_eq(json_string_value(json_object_get(all, "folder")), support_path("made"));
    json_t *split = json_array_get(json_object_get(all, "splits"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(split, "split")), "train");
    ck_assert_int_eq(json_integer_value(json_object_get(split, "images")), 5);
    ck_assert_int_eq(json_integer_value(json_object_get(split, "channels")), 1);
    ck_assert(json_is_false(json_object_get(all, "added")));
    json_decref(all);
    images_free(&m);
}
END_TEST

#define NUMBERS ",0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15"

/* Who names a source means it: one of which nothing was read is no success. */
START_TEST(import__a_source_that_is_passed_over__refused_or_told)
{
    static const char page[] = "<!DOCTYPE html><title>404</title>",
                      csv[] = "5" NUMBERS NUMBERS NUMBERS "\n";
    struct images m;
    images_make(&m, 5, 4, 4, 1);
    write_pair(&m);
    support_write(support_path("test.gz"), page, sizeof page - 1);
    support_write(support_path("some.csv"), csv, sizeof csv - 1);
    support_write(support_path("empty"), "", 0);
    support_write(support_path("notes"), "to do\n", 6);
    ck_assert_int_eq(mkdir(support_path("hollow"), 0700), 0);
    const struct {
        const char *name, *text;
    } wrong[] = {
        {"test.gz", "test.gz: an HTML or XML page"},
        {"empty", "empty: an empty file; want one of"},
        {"hollow", "/hollow: no file is in it; want images"},
        {"some.csv", "/some.csv is for the reader csv, and the other sources are for idx"}};
    unsigned before = files_in(support_dir());
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        run_ctl(&said, "import %s %s -o %s", support_path("from"),
                support_path("%s", wrong[i].name), support_path("made"));
        check_said(1, wrong[i].text);
        ck_assert_uint_eq(files_in(support_dir()), before);
    }
    run_ctl(&said, "import %s %s -o %s", support_path("from"), support_path("notes"),
            support_path("made"));
    check_said(0, "/notes is left out: no format that is known here\n");
    check_said(0, "train: 5 images");
    images_free(&m);
}
END_TEST

/* A name that no config can have is none, and class names are what an editor shows. */
START_TEST(import__names__what_a_config_can_have)
{
    static const char classes[] = "\xef\xbb\xbf"
                                  "a\r\nb\r\n\xed\xa0\x80\xc2\x80\r\n";
    struct images m;
    images_make(&m, 5, 4, 4, 1);
    memset(m.labels, 0, m.count);
    write_pair(&m);
    run_ctl(&said, "import %s --name b\xff", support_path("from"));
    check_said(1, "want 1 to 63 bytes of UTF-8");
    support_write(support_path("classes"), classes, sizeof classes - 1);
    run_ctl(&said, "import %s --classes %s -o %s", support_path("from"), support_path("classes"),
            support_path("named"));
    check_said(0, "  - name: from\n");
    check_said(
        0, "\n# or without a config, in Python: fmnist.open(\"from\", daemon=\"auto\", data=\"/");
    char *yaml = support_read(support_path("named/dataset.yaml"), NULL);
    ck_assert_ptr_nonnull(strstr(yaml, "\n  - \"a\"\n  - \"b\"\n  - \"???\\x80\"\n"));
    free(yaml);
    images_free(&m);
}
END_TEST

/* What is there already is never replaced, and what is refused leaves nothing. */
START_TEST(import__wrong__why_and_nothing_left)
{
    struct images m;
    images_make(&m, 5, 4, 4, 1);
    write_pair(&m);
    ck_assert_int_eq(mkdir(support_path("there"), 0700), 0);
    run_ctl(&said, "import %s -o %s", support_path("from"), support_path("there"));
    check_said(1, "there is there already: name another folder with -o, or remove it\n");
    run_ctl(&said, "import %s/none -o %s", support_dir(), support_path("made"));
    check_said(1, "/none: No such file or directory\n");
    run_ctl(&said, "import %s -o %s/no/folder", support_path("from"), support_dir());
    check_said(1, "/no, where it is to be made: No such file or directory\n");
    run_ctl(&said, "import %s -o %s --name a/b", support_path("from"), support_path("made"));
    check_said(1, "--name \"a/b\": want 1 to 63 bytes of UTF-8 without '/'");
    run_ctl(&said, "import %s -o %s --size 28", support_path("from"), support_path("made"));
    check_said(2, "--size \"28\": want HEIGHTxWIDTH");
    run_ctl(&said, "import %s -o %s --images a", support_path("from"), support_path("made"));
    check_said(2, "--labels is missing");
    run_ctl(&said, "import %s -o %s --add %s/none", support_path("from"), support_path("made"),
            support_dir());
    check_said(1, "/none: finding it: No such file or directory");
    run_ctl(&said, "import");
    check_said(2, "import: want what to import");
    run_ctl(&said, "import x --socket y");
    check_said(2, "import asks a daemon with --add only: leave --socket out");
    ck_assert_uint_eq(files_in(support_dir()), 4); /* from, there, and what from was made of */
    ck_assert_uint_eq(files_in(support_path("there")), 0);
    images_free(&m);
}
END_TEST

/* A batch that begins with a black image of label 0 is no empty archive, which begins so, too. */
START_TEST(import__file_that_begins_with_zeros__read)
{
    static uint8_t records[2 * 3073];
    records[3073] = 3;
    support_write(support_path("data_batch_1.bin"), records, sizeof records);
    run_ctl(&said, "import %s -o %s", support_path("data_batch_1.bin"), support_path("made"));
    check_said(0, "train: 2 images, 32 x 32 x 3, labels up to 3\n");
}
END_TEST

/* Zeros are an archive without a file for who reads archives. */
START_TEST(import__nothing_in_it__what_it_may_be)
{
    char words[256];
    support_write(support_path("zeros"), "", 0);
    ck_assert_int_eq(truncate(support_path("zeros"), 1 << 20), 0);
    run_ctl(&said, "import %s -o %s", support_path("zeros"), support_path("made"));
    check_said(1, "zeros: no format that is known here; want ");
    snprintf(words, sizeof words, "gzip %s", support_path("zeros"));
    run_words(&said, words);
    run_ctl(&said, "import %s -o %s", support_path("zeros.gz"), support_path("made"));
    check_said(1, "/zeros.gz: no file is in it: an empty archive, or zeros alone; want ");
    ck_assert_int_eq(mkdir(support_path("folder"), 0700), 0);
    run_ctl(&said, "import %s -o %s", support_path("folder"), support_path("made"));
    check_said(1, "/folder: no file is in it; want ");
    support_write(support_path("empty"), "", 0);
    run_ctl(&said, "import %s -o %s", support_path("empty"), support_path("made"));
    check_said(1, "empty: an empty file; want ");
}
END_TEST

/* Nobody writes into a pipe: it is told, and not waited for. */
START_TEST(import__pipe__refused_at_once)
{
    ck_assert_int_eq(mkfifo(support_path("pipe"), 0600), 0);
    run_ctl(&said, "import %s -o %s", support_path("pipe"), support_path("made"));
    check_said(1, "/pipe: it is neither a file nor a folder\n");
    run_ctl(&said, "import %s -o %s --add %s", support_dir(), support_path("made"),
            support_path("pipe"));
    check_said(1, "/pipe: it is no file\n");
    ck_assert_uint_eq(files_in(support_dir()), 1);
}
END_TEST

/* A column that is called "id" and said to be the labels: that it is. */
START_TEST(import__csv__column_of_numbers_said_as_labels)
{
    size_t size;
    static const char lines[] = "id,a,b,c,d,e,f,g,h,i\n7,1,2,3,4,5,6,7,8,9\n3,9,8,7,6,5,4,3,2,1\n";
    static const char wider[] = "id,a,b,c,d,e,f,g,h,i,j\n7,1,2,3,4,5,6,7,8,9,10\n";
    support_write(support_path("x.csv"), lines, strlen(lines));
    run_ctl(&said, "import %s --label-column id -o %s", support_path("x.csv"),
            support_path("made"));
    check_said(0, "train: 2 images, 3 x 3, labels up to 7\n");
    uint8_t *labels = support_read(support_path("made/train-labels-idx1-ubyte"), &size);
    ck_assert_uint_eq(size, 10);
    ck_assert_mem_eq(labels + 8, "\7\3", 2);
    free(labels);
    support_write(support_path("y.csv"), wider, strlen(wider));
    run_ctl(&said, "import %s --label-column 1 -o %s", support_path("y.csv"),
            support_path("wider"));
    check_said(1, "line 1 has 11 columns, and 10 pixels are no square");
}
END_TEST

/* Whatever a class is called, the daemon reads what was written; a mark before the first is none of
 * its letters. */
START_TEST(import__class_names_that_yaml_takes_not__served)
{
    static const char names[] = "\xef\xbb\xbfshirt\n"
                                "a\xc2\x80z\n"         /* a control character */
                                "b\xe0\x80\x80z\n"     /* longer than it need be */
                                "c\xed\xa0\x80z\n"     /* half of a pair */
                                "d\xf4\x90\x80\x80z\n" /* behind the last */
                                "e\xef\xbf\xbfz\n"     /* no character */
                                "f\xe9\n"              /* Latin 1 */
                                "g\x1b\x7f\"\\\n"
                                "h\xc3\xa9\xe2\x82\xac\xf0\x9f\x91\x95\ni\nj\n";
    struct images m;
    size_t size;
    images_make(&m, 5, 4, 4, 1);
    write_pair(&m);
    support_write(support_path("names"), names, strlen(names));
    support_write(support_path("config.yaml"), "cache: none\n", 12);
    run_ctl(&said, "import %s --classes %s -o %s --add %s --socket %s", support_path("from"),
            support_path("names"), support_path("made"), support_path("config.yaml"),
            support_path("none"));
    check_said(0, "no daemon that runs has read it");
    char *yaml = support_read(support_path("made/dataset.yaml"), &size);
    ck_assert_ptr_nonnull(strstr(yaml, "- \"shirt\"\n"));
    ck_assert_ptr_nonnull(strstr(yaml, "- \"a\\x80z\"\n"));
    ck_assert_ptr_nonnull(strstr(yaml, "- \"h\xc3\xa9\xe2\x82\xac\xf0\x9f\x91\x95\"\n"));
    free(yaml);
    /* What it is called speaks to no terminal. */
    run_ctl(&said, "check %s", support_path("made"));
    ck_assert_msg(strstr(said.text, "(a??z)\n") && strstr(said.text, "(g??\"\\)\n") &&
                      !strstr(said.text, "\xc2\x80") && !strchr(said.text, '\x1b'),
                  "%s", said.text);
    images_free(&m);
}
END_TEST

static char shown[4096];
static size_t shown_bytes;

static bool tells_progress(void *fd)
{
    ssize_t n = read(*(int *)fd, shown + shown_bytes, sizeof shown - 1 - shown_bytes);
    shown_bytes += n > 0 ? (size_t)n : 0;
    return strstr(shown, "\rimport: ") != NULL;
}

/* A billion labels, as a file that has no blocks on the disk. */
static void write_large(void)
{
    static const uint8_t header[] = {0, 0, 8, 1, 0x40, 0, 0, 0};
    support_write(support_path("train-labels-idx1-ubyte"), header, sizeof header);
    ck_assert_int_eq(truncate(support_path("train-labels-idx1-ubyte"), 0x40000000 + 8), 0);
}

/* On a terminal it tells how far it is; Ctrl-C ends it, and nothing of it is left. */
START_TEST(import__ended_on_a_terminal__progress_and_nothing_left)
{
    int ours, its, status;
    write_large();
    ck_assert_int_eq(openpty(&ours, &its, NULL, NULL, NULL), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        dup2(its, STDERR_FILENO);
        setenv("TERM", "xterm", 1);
        execl(ctl_path(), "fmnistctl", "import", support_path("train-labels-idx1-ubyte"), "-o",
              support_path("set"), (char *)NULL);
        _exit(127);
    }
    ck_assert(daemon_wait_until(tells_progress, &ours));
    ck_assert_int_eq(kill(pid, SIGINT), 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT, "wait status %d", status);
    ck_assert_uint_eq(files_in(support_dir()), 1);
    close(ours);
    close(its);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("import");
    TCase *tc = tcase_create("import");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, import__add__served_at_once);
    tcase_add_test(tc, import__add_to_another_config__not_said_to_be_served);
    tcase_add_test(tc, import__add_in_vain__told_before_reading);
    tcase_add_test(tc, import__add_of_a_name_that_the_source_gives__told_before_reading);
    tcase_add_test(tc, import__a_source_that_is_passed_over__refused_or_told);
    tcase_add_test(tc, import__names__what_a_config_can_have);
    tcase_add_test(tc, import__adds_at_once__all_in_it);
    tcase_add_test(tc, import__emnist__served_upright);
    tcase_add_test(tc, import__json__what_was_made);
    tcase_add_test(tc, import__wrong__why_and_nothing_left);
    tcase_add_test(tc, import__file_that_begins_with_zeros__read);
    tcase_add_test(tc, import__nothing_in_it__what_it_may_be);
    tcase_add_test(tc, import__pipe__refused_at_once);
    tcase_add_test(tc, import__csv__column_of_numbers_said_as_labels);
    tcase_add_test(tc, import__class_names_that_yaml_takes_not__served);
    tcase_add_test(tc, import__ended_on_a_terminal__progress_and_nothing_left);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
