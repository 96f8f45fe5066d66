/* SPDX-License-Identifier: MIT */
/* What each verb of fmnistctl prints and writes, against the images that are served. */
#include "e2e/harness.h"
#include "e2e/program.h"

#define IMAGES 100

static struct daemon d;
static struct images images;

static void setup(void)
{
    support_setup();
    images_make(&images, IMAGES, 28, 28, 1);
    serve_tiny(&d, "");
}

static void teardown(void)
{
    daemon_stop(&d);
    images_free(&images);
    support_teardown();
}

static json_int_t integer(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    ck_assert_msg(json_is_integer(value), "%s: %s", key, said.text);
    return json_integer_value(value);
}

static double real(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    ck_assert_msg(json_is_real(value), "%s: %s", key, said.text);
    return json_real_value(value);
}

/* ---- status, datasets, reload -------------------------------------------------------------- */

/* A client with a stream and one without, each by its own line. */
START_TEST(status__text__clients_and_their_streams)
{
    struct fmnist_client *reader = connect_to(&d), *idle = connect_to(&d);
    struct fmnist_spec spec = spec_of("tiny");
    char line[600];
    spec.batch_size = 7;
    spec.dtype = FMNIST_UINT8;
    spec.order = FMNIST_ORDER_SHUFFLE;
    spec.augment = "random-crop(28, padding=4)";
    spec.views = 2;
    struct fmnist_stream *stream = open_stream(reader, &spec);
    run_ctl(&said, "--socket %s status", d.socket);
    snprintf(line, sizeof line, "fmnistd %s, process %d, up ", FMNIST_VERSION, (int)d.pid);
    check_said(0, line);
    snprintf(line, sizeof line, "\nconfig %s\n", d.config);
    check_said(0, line);
    check_said(0, "\nsample store: ");
    check_said(0, "\nlists: 0 kept, 0.0 MiB, 0 received\n");
    check_said(0, "\nmemory: datasets 0.1 MiB mapped, ");
    check_said(0, "\ndataset tiny/train: 100 images, 0.1 MiB mapped\n");
    check_said(0, ", no stream\n");
    check_said(0,
               "\n  tiny/train, batch 7, 28x28 uint8, order shuffle, shm: epoch 0, step 0 of 15\n");
    check_said(0, "\n  augmented (draws: counter, views: 2): random-crop(");
    unsigned mine = 0;
    snprintf(line, sizeof line, ", process %d, user %d", (int)getpid(), (int)getuid());
    for (const char *at = said.text; (at = strstr(at, line)) != NULL; at++)
        mine++;
    ck_assert_msg(mine == 2, "%u lines with%s: %s", mine, line, said.text);
    fmnist_close(stream);
    fmnist_disconnect(reader);
    fmnist_disconnect(idle);
}
END_TEST

START_TEST(datasets__text_and_json__the_same)
{
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_datasets *all;
    must(fmnist_datasets(client, &all));
    const struct fmnist_dataset *tiny = fmnist_datasets_find(all, "tiny", "train");
    ck_assert_ptr_nonnull(tiny);
    char digest[33], line[256];
    for (int i = 0; i < 16; i++)
        snprintf(digest + 2 * i, 3, "%02x", tiny->digest[i]);
    fmnist_datasets_free(all);
    fmnist_disconnect(client);

    run_ctl(&said, "--socket %s datasets", d.socket);
    snprintf(line, sizeof line,
             "tiny             train        100 images of 28x28x1, %s, 10 classes: zero ... nine\n",
             digest);
    ck_assert_str_eq(said.text, line);
    run_ctl(&said, "--socket %s --json datasets", d.socket);
    json_t *list = said_json(0), *one = json_array_get(list, 0);
    ck_assert_uint_eq(json_array_size(list), 1);
    ck_assert_str_eq(json_string_value(json_object_get(one, "name")), "tiny");
    ck_assert_str_eq(json_string_value(json_object_get(one, "split")), "train");
    ck_assert_str_eq(json_string_value(json_object_get(one, "digest")), digest);
    ck_assert_int_eq(integer(one, "images"), IMAGES);
    ck_assert_int_eq(integer(one, "height"), 28);
    ck_assert_int_eq(integer(one, "width"), 28);
    ck_assert_int_eq(integer(one, "channels"), 1);
    ck_assert_uint_eq(json_array_size(json_object_get(one, "classes")), 10);
    json_decref(list);
}
END_TEST

START_TEST(reload__text__what_changed_or_why_not)
{
    run_ctl(&said, "--socket %s reload", d.socket);
    ck_assert_str_eq(said.text, "nothing changed\n");
    size_t n;
    char *config = support_read(d.config, &n);
    support_write(d.config, "workers: [\n", 11);
    run_ctl(&said, "--socket %s reload", d.socket);
    check_said(1, "fmnistctl: ");
    run_ctl(&said, "--socket %s --json reload", d.socket);
    check_said(1, "fmnistctl: ");
    support_write(d.config, config, n);
    free(config);
    run_ctl(&said, "--socket %s bench --dataset tiny", d.socket);
    check_said(0, "images                100\n"); /* it still serves */
}
END_TEST

/* ---- bench --------------------------------------------------------------------------------- */

START_TEST(bench__amounts__counted_as_they_were_asked_for)
{
    static const struct {
        const char *words;
        int images, batches, epochs;
    } asked[] = {
        {"", 100, 2, 1},
        {"--batch-size 7 --epochs 3", 300, 45, 3},
        {"--batch-size 7 --drop-last --epochs 2", 196, 28, 2},
        {"--batch-size 7 --batches 16", 107, 16, 1},
        {"--batch-size 10 --batches 3 --dtype uint8 --transport inline", 30, 3, 0},
        {"--batch-size 10 --dtype uint8 --height 5 --width 5", 100, 10, 1},
        {"--batch-size 3 --height 5 --width 5", 100, 34, 1},
        {"--batch-size 10 --no-read", 100, 10, 1},
        {"--batch-size 10 --rank 1 --world-size 3 --pad none", 33, 4, 1},
    };
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        run_ctl(&said, "--socket %s --json bench --dataset tiny %s", d.socket, asked[i].words);
        json_t *all = said_json(0);
        ck_assert_msg(integer(all, "images") == asked[i].images &&
                          integer(all, "batches") == asked[i].batches &&
                          integer(all, "epochs") == asked[i].epochs,
                      "%s: %s", asked[i].words, said.text);
        double seconds = real(all, "seconds"), p50 = real(all, "p50_us"), p99 = real(all, "p99_us");
        ck_assert_msg(seconds > 0 && p50 > 0 && p50 <= p99 && p99 <= 1e6 * seconds &&
                          real(all, "waited_seconds") <= seconds &&
                          real(all, "starved_seconds") <= real(all, "waited_seconds") + 1e-3,
                      "%s", said.text);
        double a_second = real(all, "images_per_second") * seconds / asked[i].images;
        ck_assert_msg(a_second > 0.999 && a_second < 1.001, "%s", said.text);
        json_decref(all);
    }
}
END_TEST

START_TEST(bench__text__a_name_and_a_value_a_line)
{
    static const char *const names[] = {"images",
                                        "batches",
                                        "epochs",
                                        "seconds",
                                        "images_per_second",
                                        "batches_per_second",
                                        "gigabytes_per_second",
                                        "p50_us",
                                        "p99_us",
                                        "waited_seconds",
                                        "starved_seconds"};
    run_ctl(&said, "--socket %s bench --dataset tiny --batch-size 9", d.socket);
    ck_assert_int_eq(said.status, 0);
    char *line = said.text;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[32];
        double value;
        ck_assert_msg(sscanf(line, "%31s %lf\n", name, &value) == 2 && !strcmp(name, names[i]) &&
                          value >= 0,
                      "%s: %s", names[i], said.text);
        line = strchr(line, '\n') + 1;
    }
    ck_assert_msg(strstr(line, "waits") && strchr(line, '\n') == line + strlen(line) - 1, "%s",
                  line);
}
END_TEST

/* ---- dump ---------------------------------------------------------------------------------- */

/* The payload of an array of the archive, whose entries are stored as they are: behind its .npy
 * header, which has this text. */
static const uint8_t *array_of(const uint8_t *file, size_t n, const char *header, size_t bytes)
{
    const uint8_t *at = memmem(file, n, header, strlen(header));
    ck_assert_msg(at, "no %s", header);
    at = memchr(at, '\n', n - (size_t)(at - file));
    ck_assert(at && (size_t)(file + n - at) > bytes);
    return at + 1;
}

START_TEST(dump__uint8__the_images_labels_and_indices)
{
    size_t n;
    run_ctl(&said, "--socket %s dump --dataset tiny --dtype uint8 --order shuffle --seed 5 -o %s",
            d.socket, support_path("out.npz"));
    char line[600];
    snprintf(line, sizeof line, "%s: 2 batches, 100 samples\n", support_path("out.npz"));
    ck_assert_str_eq(said.text, line);
    uint8_t *file = support_read(support_path("out.npz"), &n);
    const uint8_t *pixels = array_of(
        file, n, "{'descr': '|u1', 'fortran_order': False, 'shape': (100, 1, 28, 28,), }", 78400);
    const uint8_t *labels =
        array_of(file, n, "{'descr': '<i8', 'fortran_order': False, 'shape': (100,), }", 800);
    const uint8_t *after = labels + 800;
    const uint8_t *indices =
        array_of(after, n - (size_t)(after - file),
                 "{'descr': '<i8', 'fortran_order': False, 'shape': (100,), }", 800);
    bool seen[IMAGES] = {false};
    for (size_t i = 0; i < IMAGES; i++) {
        int64_t index, label;
        memcpy(&index, indices + 8 * i, 8);
        memcpy(&label, labels + 8 * i, 8);
        ck_assert(index >= 0 && index < IMAGES && !seen[index]);
        seen[index] = true;
        ck_assert_int_eq(label, images.labels[index]);
        ck_assert_mem_eq(pixels + 784 * i, images.pixels + 784 * index, 784);
    }
    free(file);
}
END_TEST

START_TEST(dump__each_type_and_layout__as_numpy_names_it)
{
    static const struct {
        const char *words, *header, *labels;
    } asked[] = {
        {"--dtype float32", "'<f4', 'fortran_order': False, 'shape': (20, 1, 28, 28,)", "'<i8'"},
        {"--dtype float16", "'<f2', 'fortran_order': False, 'shape': (20, 1, 28, 28,)", "'<i8'"},
        {"--dtype bfloat16 --label-dtype int32",
         "'<u2', 'fortran_order': False, 'shape': (20, 1, 28, 28,)", "'<i4'"},
        {"--layout NHWC --channels 3 --label-dtype uint8",
         "'<f4', 'fortran_order': False, 'shape': (20, 28, 28, 3,)", "'|u1'"},
        {"--layout NHWC --views 2 --augment 'random-crop(24)'",
         "'<f4', 'fortran_order': False, 'shape': (20, 2, 24, 24, 1,)", "'<i8'"},
    };
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        size_t n;
        char labels[128];
        run_ctl(&said, "--socket %s dump --dataset tiny --batch-size 10 --batches 2 %s -o %s",
                d.socket, asked[i].words, support_path("out.npz"));
        check_said(0, ": 2 batches, 20 samples\n");
        uint8_t *file = support_read(support_path("out.npz"), &n);
        array_of(file, n, asked[i].header, 20 * 24 * 24);
        snprintf(labels, sizeof labels, "%s, 'fortran_order': False, 'shape': (20,)",
                 asked[i].labels);
        array_of(file, n, labels, 20);
        free(file);
    }
}
END_TEST

/* A label is the same number, however wide the stream has it. */
START_TEST(explain__each_label_type__the_label)
{
    static const char *const types[] = {"int64", "int32", "uint8"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        run_ctl(&said,
                "--socket %s --json explain --dataset tiny --order shuffle --step 1 --row 20 "
                "--label-dtype %s",
                d.socket, types[i]);
        json_t *all = said_json(0);
        json_int_t index = integer(all, "index");
        ck_assert(index >= 0 && index < IMAGES);
        ck_assert_msg(integer(all, "label") == images.labels[index], "%s: %s", types[i], said.text);
        json_decref(all);
    }
}
END_TEST

/* Standard output has the archive alone, and the same one as a file. */
START_TEST(dump_show__to_standard_output__the_words_on_standard_error)
{
    static const struct {
        const char *verb, *begins, *told;
    } verbs[] = {{"dump", "PK\3\4", "-: 2 batches, 100 samples\n"}, {"show", "\x89PNG\r\n", "-\n"}};
    for (size_t i = 0; i < 2; i++) {
        size_t n, m, t;
        const char *out = support_path("out"), *told = support_path("told");
        run_ctl(&said, "--socket %s %s --dataset tiny -o - >%s 2>%s", d.socket, verbs[i].verb, out,
                told);
        ck_assert_int_eq(said.status, 0);
        char *text = support_read(told, &t);
        ck_assert_mem_eq(text, verbs[i].told, strlen(verbs[i].told));
        ck_assert_uint_eq(t, strlen(verbs[i].told));
        char *piped = support_read(out, &n);
        ck_assert_mem_eq(piped, verbs[i].begins, strlen(verbs[i].begins));
        run_ctl(&said, "--socket %s %s --dataset tiny -o %s", d.socket, verbs[i].verb, out);
        char *file = support_read(out, &m);
        ck_assert_uint_eq(n, m);
        ck_assert_mem_eq(piped, file, n);
        free(text);
        free(piped);
        free(file);
    }
}
END_TEST

/* A file's name may be any bytes, and JSON's texts are UTF-8: the file is there all the same. */
START_TEST(dump_show_gen__name_that_is_no_utf8__null)
{
    static const char *const words[][2] = {
        {"--socket %s dump --dataset tiny --json -o %s", "file"},
        {"--socket %s show --dataset tiny --json -o %s", "file"},
        {"gen-dataset --train 1 --test 1 --size 8 --json%.0s -o %s", "folder"},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char name[32], line[1024];
        snprintf(name, sizeof name, "n\xff%zu", i);
        snprintf(line, sizeof line, words[i][0], d.socket, support_path("%s", name));
        run_ctl(&said, "%s", line);
        json_t *all = said_json(0);
        ck_assert_msg(json_is_null(json_object_get(all, words[i][1])), "%s", said.text);
        ck_assert_msg(!access(support_path("%s", name), F_OK), "%s", said.text);
        json_decref(all);
    }
}
END_TEST

/* ---- help ----------------------------------------------------------------------------------- */

/* Each option that a help text names is one: no other test knows all of them. */
START_TEST(help__of_each_verb__names_what_it_understands)
{
    static const char *const verbs[] = {"status", "datasets", "reload", "top",    "bench",
                                        "show",   "explain",  "dump",   "verify", "gen-dataset"};
    run_ctl(&said, "--help");
    ck_assert(said.status == 0 && strstr(said.text, "usage: fmnistctl "));
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        ck_assert_msg(strstr(said.text, verbs[i]), "%s: %s", verbs[i], said.text);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        char usage[64], no[64];
        static char help[8192];
        unsigned options = 0;
        run_ctl(&said, "%s --help", verbs[i]);
        snprintf(usage, sizeof usage, "usage: fmnistctl %s ", verbs[i]);
        ck_assert_msg(said.status == 0 && strstr(said.text, usage) == said.text, "%s", said.text);
        ck_assert_uint_lt(strlen(said.text), sizeof help);
        strcpy(help, said.text);
        for (const char *at = help; (at = strstr(at, "--")) != NULL; options++) {
            int n = 2 + (int)strspn(at + 2, "abcdefghijklmnopqrstuvwxyz-");
            run_ctl(&said, "%s %.*s= --no-such", verbs[i], n, at);
            snprintf(no, sizeof no, "no option %.*s", n, at);
            ck_assert_msg(said.status == 2 && !strstr(said.text, no), "%s %.*s: %s", verbs[i], n,
                          at, said.text);
            at += n;
        }
        ck_assert_uint_ge(options, 1);
    }
}
END_TEST

START_TEST(version__its_own_and_the_librarys)
{
    run_ctl(&said, "--version");
    ck_assert_int_eq(said.status, 0);
    ck_assert_str_eq(said.text, "fmnistctl " FMNIST_VERSION ", libfmnist " FMNIST_VERSION "\n");
    static const char *const as_json[] = {"--version --json", "--json -V",
                                          "status --version --json"};
    for (size_t i = 0; i < sizeof as_json / sizeof *as_json; i++) {
        run_ctl(&said, "%s", as_json[i]);
        ck_assert_str_eq(said.text, "{\"fmnistctl\":\"" FMNIST_VERSION
                                    "\",\"libfmnist\":\"" FMNIST_VERSION "\"}\n");
        ck_assert_int_eq(said.status, 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("verbs");
    TCase *tc = tcase_create("verbs");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, status__text__clients_and_their_streams);
    tcase_add_test(tc, datasets__text_and_json__the_same);
    tcase_add_test(tc, reload__text__what_changed_or_why_not);
    tcase_add_test(tc, bench__amounts__counted_as_they_were_asked_for);
    tcase_add_test(tc, bench__text__a_name_and_a_value_a_line);
    tcase_add_test(tc, dump__uint8__the_images_labels_and_indices);
    tcase_add_test(tc, dump__each_type_and_layout__as_numpy_names_it);
    tcase_add_test(tc, explain__each_label_type__the_label);
    tcase_add_test(tc, dump_show__to_standard_output__the_words_on_standard_error);
    tcase_add_test(tc, dump_show_gen__name_that_is_no_utf8__null);
    tcase_add_test(tc, help__of_each_verb__names_what_it_understands);
    tcase_add_test(tc, version__its_own_and_the_librarys);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
