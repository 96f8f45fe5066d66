/* SPDX-License-Identifier: MIT */
/* Splits of any name, as a dataset.yaml beside the files has them: listed, served, read again with
 * a reload. */
#include "e2e/program.h"

#include "e2e/harness.h"

#include <sys/stat.h>

#define COUNT 3

static struct images splits[COUNT]; /* of 40, 30 and 20 images */

/* Files of a folder "set" for each, of the same names as images_make's there. */
static void make_set(void)
{
    static const char *const files[] = {"images-idx3-ubyte", "labels-idx1-ubyte"};
    static const char *const names[COUNT] = {"train", "validation", "a b"};
    mkdir(support_path("set"), 0700);
    for (int i = 0; i < COUNT; i++) {
        images_make(&splits[i], 40 - 10 * (uint32_t)i, 6, 5, (uint64_t)i);
        for (int k = 0; k < 2; k++)
            ck_assert_int_eq(rename(support_path("train-%s", files[k]),
                                    support_path("set/%s-%s", names[i], files[k])),
                             0);
    }
}

static void write_file(const char *name, const char *more)
{
    char text[1024];
    int n = snprintf(text, sizeof text,
                     "format: 1\nname: %s\n"
                     "splits:\n"
                     "  a b: {images: a b-images-idx3-ubyte, labels: a b-labels-idx1-ubyte}\n"
                     "  validation: {images: validation-images-idx3-ubyte,\n"
                     "    labels: validation-labels-idx1-ubyte}\n%s",
                     name, more);
    support_write(support_path("set/dataset.yaml"), text, (size_t)n);
}

#define TRAIN "  train: {images: train-images-idx3-ubyte, labels: train-labels-idx1-ubyte}\n"

static void serve(struct daemon *d)
{
    make_set();
    write_file("made", TRAIN);
    daemon_start(d, "cache: none\ndatasets:\n  - path: %s\n", support_path("set"));
}

static void stop(struct daemon *d)
{
    daemon_stop(d);
    for (int i = 0; i < COUNT; i++)
        images_free(&splits[i]);
}

static void check_split(struct fmnist_client *client, const char *name, const struct images *m)
{
    struct fmnist_spec spec = spec_of("made");
    spec.split = name;
    spec.dtype = FMNIST_UINT8;
    spec.batch_size = m->count;
    spec.transport = FMNIST_INLINE;
    struct fmnist_stream *stream = open_stream(client, &spec);
    struct fmnist_batch b;
    must(fmnist_next(stream, &b));
    ck_assert_uint_eq(b.count, m->count);
    check_bytes(m, &b);
    must(fmnist_release(stream, &b));
    fmnist_close(stream);
}

/* A split whose images are another's, or whose place in the list is. */
START_TEST(splits__of_any_name__listed_and_served)
{
    static const char *const order[COUNT] = {"train", "a b", "validation"};
    static const int which[COUNT] = {0, 2, 1};
    struct daemon d;
    serve(&d);
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_datasets *all;
    must(fmnist_datasets(client, &all));
    ck_assert_uint_eq(all->count, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        const struct fmnist_dataset *one = fmnist_datasets_at(all, i);
        ck_assert_str_eq(one->name, "made");
        ck_assert_str_eq(one->split, order[i]);
        ck_assert_uint_eq(one->count, splits[which[i]].count);
        check_split(client, order[i], &splits[which[i]]);
    }
    fmnist_datasets_free(all);
    struct fmnist_spec spec = spec_of("made");
    struct fmnist_stream *stream;
    spec.split = "validatoin";
    ck_assert_int_eq(fmnist_open(client, &spec, NULL, &stream), FMNIST_ENOENT);
    ck_assert_msg(strstr(fmnist_error(), "dataset \"made\" has no split \"validatoin\" (is it "
                                         "\"validation\"?); it has: train, a b, validation"),
                  "%s", fmnist_error());
    fmnist_disconnect(client);
    stop(&d);
}
END_TEST

static void reload(const struct daemon *d, int want, const char *part)
{
    struct fmnist_client *client = connect_to(d);
    char *text = NULL;
    int rc = fmnist_reload(client, &text);
    ck_assert_msg(rc == want, "%d: %s", rc, fmnist_error());
    ck_assert_msg(strstr(rc ? fmnist_error() : text, part), "%s", rc ? fmnist_error() : text);
    free(text);
    fmnist_disconnect(client);
}

/* A file that changed and is not read; one that is wrong and takes what is served with it. */
START_TEST(splits__dataset_file_changes__seen_by_reload)
{
    struct daemon d;
    serve(&d);
    write_file("made", "");
    reload(&d, FMNIST_OK, "dataset \"made\": opened anew");
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_spec spec = spec_of("made");
    struct fmnist_stream *stream;
    ck_assert_int_eq(fmnist_open(client, &spec, NULL, &stream), FMNIST_ENOENT);
    fmnist_disconnect(client);
    write_file("made", "  train: {images: ../x, labels: y}\n");
    reload(&d, FMNIST_EINVAL, "set/dataset.yaml:7: splits.train.images is \"../x\"");
    write_file("other", TRAIN);
    reload(&d, FMNIST_OK, "dataset \"other\": added");
    stop(&d);
}
END_TEST

/* ---- cut from others ------------------------------------------------------------------------ */

static void check_cut(struct fmnist_client *client, const char *name, const char *as,
                      const char *select)
{
    struct fmnist_spec specs[2];
    struct fmnist_stream *streams[2];
    for (int k = 0; k < 2; k++) {
        specs[k] = spec_of("made");
        specs[k].split = k ? as : name;
        specs[k].select = k ? select : "";
        specs[k].order = FMNIST_ORDER_TORCH;
        specs[k].batch_size = 3;
        streams[k] = open_stream(client, &specs[k]);
    }
    struct fmnist_stream_info a = info_of(streams[0]), b = info_of(streams[1]);
    ck_assert_mem_eq(a.digest, b.digest, sizeof a.digest);
    for (int i = 0; i < 20; i++)
        ck_assert_uint_eq(hash_next(streams[0]), hash_next(streams[1]));
    fmnist_close(streams[0]);
    fmnist_close(streams[1]);
}

/* A part of the config's that is another one than the same of a client's; a rest that overlaps. */
START_TEST(splits__cut_from_others__as_a_client_would)
{
    struct daemon d;
    make_set();
    write_file("made", TRAIN);
    daemon_start(&d,
                 "cache: none\ndatasets:\n  - path: %s\n    splits:\n"
                 "      dev: {from: train, fraction: 0.25, seed: 3}\n"
                 "      most: {from: train, without: dev}\n"
                 "      few: {from: most, first: 7}\n"
                 "      renamed: {from: train, classes: [5, 2], renumber: true}\n",
                 support_path("set"));
    struct fmnist_client *client = connect_to(&d);
    check_cut(client, "dev", "train", "held-out(0.25, seed=3)");
    check_cut(client, "most", "train", "training(0.25, seed=3)");
    check_cut(client, "few", "train", "training(0.25, seed=3) slice(:7)");
    check_cut(client, "few", "most[:7]", "");
    check_cut(client, "renamed", "train", "classes(5, 2, renumber)");
    check_cut(client, "most[50%:]", "most", "slice(15:)");
    struct fmnist_datasets *all;
    must(fmnist_datasets(client, &all));
    ck_assert_uint_eq(fmnist_datasets_find(all, "made", "dev")->count, 10);
    ck_assert_uint_eq(fmnist_datasets_find(all, "made", "most")->count, 30);
    ck_assert_uint_eq(fmnist_datasets_find(all, "made", "few")->count, 7);
    ck_assert_mem_ne(fmnist_datasets_find(all, "made", "dev")->digest,
                     fmnist_datasets_find(all, "made", "train")->digest, 16);
    fmnist_datasets_free(all);
    fmnist_disconnect(client);
    stop(&d);
}
END_TEST

/* What cannot be cut so is told of when the daemon starts, not when a client comes. */
START_TEST(splits__cut_that_does_not_fit__refused_at_the_start)
{
    struct daemon d;
    char text[1024];
    make_set();
    write_file("made", TRAIN);
    snprintf(text, sizeof text,
             "socket: fmnistd.sock\ncache: none\ndatasets:\n  - path: %s\n    splits:\n"
             "      dev: {from: train, first: 41}\n",
             support_path("set"));
    support_write(support_path("c.yaml"), text, strlen(text));
    ck_assert_int_ne(daemon_run(&d, support_path("c.yaml")), 0);
    ck_assert_msg(strstr(d.log,
                         "opening dataset \"made\": dev, cut from train: select, character 1: "
                         "a slice from 0 to 41 of 40 images"),
                  "%s", d.log);
    for (int i = 0; i < COUNT; i++)
        images_free(&splits[i]);
}
END_TEST

/* What the two programs print of them. */
START_TEST(splits__fmnistctl__shown_by_name)
{
    static struct said s;
    struct daemon d;
    serve(&d);
    run_ctl(&s, "datasets --socket %s", d.socket);
    ck_assert_int_eq(s.status, 0);
    ck_assert_msg(strstr(s.text, "made") && strstr(s.text, "validation") && strstr(s.text, "30"),
                  "%s", s.text);
    run_ctl(&s, "dump --socket %s --dataset made --split 'a b' -o %s", d.socket,
            support_path("out.npz"));
    ck_assert_msg(s.status == 0, "%s", s.text);
    stop(&d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("splits");
    TCase *tc = tcase_create("splits");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_set_timeout(tc, 300);
    tcase_add_test(tc, splits__of_any_name__listed_and_served);
    tcase_add_test(tc, splits__dataset_file_changes__seen_by_reload);
    tcase_add_test(tc, splits__cut_from_others__as_a_client_would);
    tcase_add_test(tc, splits__cut_that_does_not_fit__refused_at_the_start);
    tcase_add_test(tc, splits__fmnistctl__shown_by_name);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
