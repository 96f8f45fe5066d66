/* SPDX-License-Identifier: MIT */
/* Data that is not what its name or its config says: what the daemon does, and says about it. */
#include "e2e/harness.h"

#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct daemon d;
static struct images all;

static void setup(void)
{
    support_setup();
    images_make(&all, 12, 5, 4, 1);
}

static void teardown(void)
{
    images_free(&all);
    support_teardown();
}

/* How often the log says it. */
static unsigned count_in_log(const char *words)
{
    unsigned n = 0;
    for (const char *at = d.log; (at = strstr(at, words)); at++)
        n++;
    return n;
}

/* A daemon that is expected not to serve this; returns its exit status. */
static int run_with(const char *datasets)
{
    const char *config = support_path("refused.yaml");
    char text[1024];
    snprintf(text, sizeof text, "socket: fmnistd.sock\ncache: none\ndatasets:\n%s", datasets);
    support_write(config, text, strlen(text));
    return daemon_run(&d, config);
}

#define MUST_LOG(words) \
    ck_assert_msg(strstr(d.log, (words)), "the log has no \"%s\":\n%s", words, d.log)

/* ---- content ------------------------------------------------------------------------------- */

/* Tests, subsets and synthetic sets use known names: they are served, and it is said once. */
START_TEST(known_name__content_never_published__served_with_one_warning)
{
    daemon_start(&d, "cache: none\ndatasets:\n  - {name: mnist, path: .}\n");
    ck_assert_uint_eq(count_in_log(" warning: "), 1);
    MUST_LOG(" warning: dataset \"mnist\": train is not the published data; served as it is");
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_spec spec = spec_of("mnist");
    spec.dtype = FMNIST_UINT8;
    struct fmnist_stream *stream = open_stream(client, &spec);
    struct fmnist_batch batch;
    must(fmnist_next(stream, &batch));
    ck_assert_uint_eq(batch.count, 12);
    check_bytes(&all, &batch);
    fmnist_close(stream);
    fmnist_disconnect(client);
    daemon_stop(&d);
}
END_TEST

START_TEST(known_name__content_of_another_known_set__refused_with_its_name)
{
    static const char real[] = "/usr/share/datasets/fashion-mnist";
    if (access(real, R_OK) < 0) {
        fprintf(stderr, "skipped: %s is not there (Debian's dataset-fashion-mnist)\n", real);
        return;
    }
    ck_assert_int_eq(run_with("  - {name: mnist, path: /usr/share/datasets/fashion-mnist}\n"), 1);
    MUST_LOG("holds the published train split of \"fashion-mnist\", not of \"mnist\": name it "
             "\"fashion-mnist\", or set the path to the folder of \"mnist\"");
}
END_TEST

/* ---- files --------------------------------------------------------------------------------- */

/* What a command prints, on either output; its exit status. */
static int __attribute__((format(printf, 3, 4)))
run_command(char *text, size_t size, const char *format, ...)
{
    char command[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    FILE *f = popen(command, "re");
    ck_assert_ptr_nonnull(f);
    text[fread(text, 1, size - 1, f)] = 0;
    int status = pclose(f);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#define DATASET "datasets:\n  - {name: mnist, path: .}\n"

/* It once said "2 datasets" of paths that were not there: the daemon then failed at the start. */
START_TEST(check_config__files_not_there_or_wrong__each_with_its_line)
{
    static const char good[] = "  - name: mnist\n    path: .\n";
    char text[4096];
    const char *config = support_path("checked.yaml");
    for (int wrong = 0; wrong < 2; wrong++) {
        FILE *f = fopen(config, "we");
        ck_assert_ptr_nonnull(f);
        fprintf(f, "socket: s.sock\ndatasets:\n%s", good);
        if (wrong)
            fputs("  - name: kmnist\n    path: absent\n"
                  "  - name: swapped\n    path: .\n    splits: {train: {images: "
                  "train-labels-idx1-ubyte, labels: train-images-idx3-ubyte}}\n",
                  f);
        fclose(f);
        int status = run_command(text, sizeof text, "%s --check-config -c %s 2>&1",
                                 support_program("fmnistd"), config);
        ck_assert_msg(status == (wrong ? 78 : 0), "%d: %s", status, text);
        if (!wrong) {
            ck_assert_ptr_nonnull(strstr(text, "checked.yaml: 1 datasets, socket /"));
            continue;
        }
        const char *absent = strstr(text, "checked.yaml:6: dataset \"kmnist\": ");
        const char *swapped = strstr(text, "checked.yaml:8: dataset \"swapped\": train: ");
        ck_assert_msg(absent && strstr(absent, "/absent: there is no such folder\n"), "%s", text);
        ck_assert_msg(swapped && strstr(swapped, "uint8 of shape 12, which are labels"), "%s",
                      text);
        ck_assert_ptr_null(strstr(text, "\"mnist\""));
    }
    ck_assert_msg(access(support_path("s.sock"), F_OK) < 0, "a check made the socket");
}
END_TEST

/* What is printed is a config file, with what the command line says in it. */
START_TEST(print_config__given_to_the_daemon_again__taken)
{
    char text[4096], again[4096];
    const char *config = support_path("first.yaml"), *printed = support_path("printed.yaml");
    support_write(config, DATASET, strlen(DATASET));
    int status = run_command(text, sizeof text, "%s --print-config -c %s --socket %s",
                             support_program("fmnistd"), config, support_path("said.sock"));
    ck_assert_msg(status == 0, "%d: %s", status, text);
    ck_assert_msg(strstr(text, "said.sock\""), "%s", text);
    support_write(printed, text, strlen(text));
    status = run_command(again, sizeof again, "%s --check-config -c %s 2>&1",
                         support_program("fmnistd"), printed);
    ck_assert_msg(status == 0 && strstr(again, "said.sock\n"), "%d: %s", status, again);
}
END_TEST

/* The config is right: what it stands in cannot be written in one. */
START_TEST(print_config__folder_that_is_no_utf8__refused_by_key_and_nothing_printed)
{
    char text[4096], folder[600];
    snprintf(folder, sizeof folder, "%s", support_path("f\xff"));
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    support_write(support_path("f\xff/c.yaml"), DATASET, strlen(DATASET));
    int status = run_command(text, sizeof text, "%s --print-config -c %s/c.yaml --socket /s 2>&1",
                             support_program("fmnistd"), folder);
    ck_assert_int_eq(status, 1);
    ck_assert_msg(!strncmp(text, "fmnistd: ", 9) && strstr(text, " is \"/") &&
                      strstr(text, "which is no UTF-8"),
                  "%s", text);
    ck_assert_msg(strchr(text, '\n') == strrchr(text, '\n'), "%s", text);
}
END_TEST

/* As half of the world's copies have them. */
START_TEST(names_with_a_dot__as_named_or_known__served)
{
    ck_assert(
        !rename(support_path("train-images-idx3-ubyte"), support_path("train-images.idx3-ubyte")));
    ck_assert(
        !rename(support_path("train-labels-idx1-ubyte"), support_path("train-labels.idx1-ubyte")));
    serve_tiny(&d, "  # the names with a dash\n");
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_spec spec = spec_of("tiny");
    spec.dtype = FMNIST_UINT8;
    struct fmnist_stream *stream = open_stream(client, &spec);
    struct fmnist_batch batch;
    must(fmnist_next(stream, &batch));
    check_bytes(&all, &batch);
    fmnist_close(stream);
    fmnist_disconnect(client);
    daemon_stop(&d);
}
END_TEST

/* The scripts find what the daemon finds, and say why not. */
START_TEST(scripts__any_spelling_or_none__found_or_why_not)
{
    char text[4096];
    static const char find[] =
        "FMNIST_DATA=%s bash -c 'set -euo pipefail; . scripts/lib.sh; find_dataset; "
        "echo \"$DATASET_DIR\"' 2>&1";
    ck_assert_int_eq(run_command(text, sizeof text, find, support_path("absent")), 1);
    ck_assert_msg(strstr(text, "/absent: there is no such folder;"), "%s", text);
    ck_assert_int_eq(run_command(text, sizeof text, find, support_dir()), 1);
    ck_assert_msg(strstr(text, "no readable t10k-images-idx3-ubyte there") &&
                      strstr(text, "it has: train-images-idx3-ubyte train-labels-idx1-ubyte;"),
                  "%s", text);
    support_write(support_path("t10k-images.idx3-ubyte"), "", 0);
    support_write(support_path("t10k-labels.idx1-ubyte.gz"), "", 0);
    ck_assert_msg(run_command(text, sizeof text, find, support_dir()) == 0, "%s", text);
    ck_assert_int_eq(strncmp(text, support_dir(), strlen(support_dir())), 0);
}
END_TEST

/* ---- names --------------------------------------------------------------------------------- */

static void check_not_there(const char *dataset, const char *split, const char *says)
{
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_spec spec = spec_of(dataset);
    spec.split = split;
    struct fmnist_stream *stream = NULL;
    ck_assert_int_eq(fmnist_open(client, &spec, NULL, &stream), FMNIST_ENOENT);
    ck_assert_msg(strstr(fmnist_error(), says), "\"%s\" has no \"%s\"", fmnist_error(), says);
    fmnist_disconnect(client);
}

/* Names as others have them: what is served, and which of it may be meant. */
START_TEST(open__wrong_name_or_split__what_is_served_and_the_nearest)
{
    char text[2048] = "cache: none\ndatasets:\n  - {name: fashion-mnist, path: .}\n";
    for (int i = 1; i < 10; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 "  - {name: own-%d, path: ., splits: {train: {images: train-images-idx3-ubyte, "
                 "labels: train-labels-idx1-ubyte}}}\n",
                 i);
    daemon_start(&d, "%s", text);
    check_not_there("FashionMNIST", "train",
                    "no dataset \"FashionMNIST\" (is it \"fashion-mnist\"?)");
    check_not_there("cifar10", "train",
                    "no dataset \"cifar10\"; served: fashion-mnist, own-1, own-2, own-3, own-4, "
                    "own-5, own-6, own-7 and 2 more (fmnistctl datasets)");
    check_not_there("fashion-mnist", "Train",
                    "no split \"Train\" (is it \"train\"?); it has: train");
    check_not_there("fashion-mnist", "validation", "no split \"validation\"; it has: train");
    daemon_stop(&d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data");
    TCase *tc = tcase_create("data");
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, known_name__content_never_published__served_with_one_warning);
    tcase_add_test(tc, known_name__content_of_another_known_set__refused_with_its_name);
    tcase_add_test(tc, check_config__files_not_there_or_wrong__each_with_its_line);
    tcase_add_test(tc, print_config__folder_that_is_no_utf8__refused_by_key_and_nothing_printed);
    tcase_add_test(tc, print_config__given_to_the_daemon_again__taken);
    tcase_add_test(tc, names_with_a_dot__as_named_or_known__served);
    tcase_add_test(tc, scripts__any_spelling_or_none__found_or_why_not);
    tcase_add_test(tc, open__wrong_name_or_split__what_is_served_and_the_nearest);
    return support_run(suite);
}
