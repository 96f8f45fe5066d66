/* SPDX-License-Identifier: MIT */
/* tests/dataset/opener.h — opens the test's own dataset and keeps the notes and warnings. */
#ifndef TESTS_OPENER_H
#define TESTS_OPENER_H

#include "dataset/dataset.h"
#include "dataset/idxfile.h"

#include <errno.h>
#include <stdio.h>

static char notes[4096], warnings[4096];

static inline void keep_note(void *data, const char *text)
{
    size_t n = strlen(notes);
    snprintf(notes + n, sizeof notes - n, "%s\n", text);
}

static inline void keep_warning(void *data, const char *text)
{
    size_t n = strlen(warnings);
    snprintf(warnings + n, sizeof warnings - n, "%s\n", text);
}

/* The files train-images, train-labels in the test's folder, as a train split without classes. */
static inline struct dataset_source mine(void)
{
    return (struct dataset_source){
        .name = "mine",
        .path = support_dir(),
        .splits = {{.images = "train-images", .labels = "train-labels"}},
        .transpose = -1,
    };
}

/* Clears the notes and warnings first. */
static inline int open_noted(const struct dataset_source *source, const char *cache, bool uring,
                             struct dataset **d, struct err *e)
{
    notes[0] = warnings[0] = 0;
    struct dataset_options o = {
        .cache = cache, .use_uring = uring, .note = keep_note, .warn = keep_warning};
    return dataset_open(source, &o, d, e);
}

/* Its training images are those of idx_images, its labels those of idx_labels. */
static inline void check_idx(const struct dataset *d, uint32_t count, uint32_t side)
{
    struct bytes raw = idx_images(count, side, side);
    ck_assert_mem_eq(d->splits[0].images, raw.data + 16, (size_t)count * side * side);
    for (uint32_t i = 0; i < count; i++)
        ck_assert_int_eq(d->splits[0].labels[i], (int32_t)(i % 10));
    free(raw.data);
}

/* Opens and closes; returns the code. */
static inline int try_open(const struct dataset_source *source, struct err *e)
{
    struct dataset *d;
    int rc = open_noted(source, NULL, true, &d, e);
    dataset_close(d);
    return rc;
}

#define ck_assert_text(text, part) \
    ck_assert_msg(strstr((text), (part)), "\"%s\" does not say \"%s\"", (text), (part))

#endif
