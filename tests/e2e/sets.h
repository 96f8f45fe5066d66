/* SPDX-License-Identifier: MIT */
/* tests/e2e/sets.h — a small dataset of several splits and channels, as a folder and as a daemon
 * serves it, for verbs that look at all of one. */
#ifndef TESTS_E2E_SETS_H
#define TESTS_E2E_SETS_H

#include "e2e/harness.h"
#include "e2e/program.h"

#include <sys/stat.h>

enum { SET_TRAIN = 60, SET_TEST = 25, SET_H = 9, SET_W = 7, SET_C = 3, SET_CLASSES = 4 };
enum { SET_IMAGE = SET_H * SET_W * SET_C };

struct set {
    uint8_t train[SET_TRAIN][SET_IMAGE], test[SET_TEST][SET_IMAGE];
    uint8_t train_labels[SET_TRAIN], test_labels[SET_TEST];
};

/* Noise: no two images are the same. */
static inline void set_fill(struct set *s)
{
    uint64_t state = 11;
    uint8_t *all = &s->train[0][0];
    for (size_t i = 0; i < sizeof s->train; i++)
        all[i] = (uint8_t)(next_random(&state) >> 32);
    all = &s->test[0][0];
    for (size_t i = 0; i < sizeof s->test; i++)
        all[i] = (uint8_t)(next_random(&state) >> 32);
    for (size_t i = 0; i < SET_TRAIN; i++)
        s->train_labels[i] = (uint8_t)(i % SET_CLASSES);
    for (size_t i = 0; i < SET_TEST; i++)
        s->test_labels[i] = (uint8_t)(i % (SET_CLASSES - 1));
}

/* Its dataset.yaml, with lines of other splits behind those of the files. */
static inline void set_describe(const char *more)
{
    char lines[1024];
    int n = snprintf(lines, sizeof lines,
                     "format: 1\nname: noise\nsplits:\n"
                     "  train: {images: train-images-idx4-ubyte, labels: train-labels-idx1-ubyte}\n"
                     "  test: {images: test-images-idx4-ubyte, labels: test-labels-idx1-ubyte}\n"
                     "%sclasses: [red, \"a, b\", \"q\\\"\", pale blue]\n",
                     more);
    support_write(support_path("set/dataset.yaml"), lines, (size_t)n);
}

/* In the test's folder "set", as fmnistctl import writes one. */
static inline void set_write(const struct set *s)
{
    ck_assert_int_eq(mkdir(support_path("set"), 0700), 0);
    write_idx(support_path("set/train-images-idx4-ubyte"), 4,
              (uint32_t[]){SET_TRAIN, SET_H, SET_W, SET_C}, &s->train[0][0]);
    write_idx(support_path("set/test-images-idx4-ubyte"), 4,
              (uint32_t[]){SET_TEST, SET_H, SET_W, SET_C}, &s->test[0][0]);
    write_idx(support_path("set/train-labels-idx1-ubyte"), 1, (uint32_t[]){SET_TRAIN},
              s->train_labels);
    write_idx(support_path("set/test-labels-idx1-ubyte"), 1, (uint32_t[]){SET_TEST},
              s->test_labels);
    set_describe("");
}

static inline void set_serve(struct daemon *d)
{
    daemon_start(d, "cache: none\ndatasets:\n  - path: %s/set\n", support_dir());
}

/* Splits and their digests, as text; the caller's to free. What check found else is no matter. */
static inline char *set_digests(const char *folder)
{
    run_ctl(&said, "--json check %s", folder);
    json_t *all = said_json(said.status), *out = json_array(), *split;
    size_t i;
    ck_assert_msg(json_array_size(json_object_get(all, "splits")) > 0, "%s", said.text);
    json_array_foreach (json_object_get(all, "splits"), i, split)
        json_array_append_new(out, json_pack("[O, O]", json_object_get(split, "split"),
                                             json_object_get(split, "digest")));
    char *text = json_dumps(out, 0);
    json_decref(out);
    json_decref(all);
    return text;
}

#endif
