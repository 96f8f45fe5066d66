/* SPDX-License-Identifier: MIT */
/* import/set.h — the dataset that an import writes: a folder of IDX pairs with a dataset.yaml,
 * there whole or not at all.
 *
 * It is made in a temporary folder beside its place, synced and renamed; a place where something is
 * already is refused. Images and labels of a split may come in any order and at different times, a
 * label being a number of an image, or a row of numbers.
 *
 * Shape: SPLIT-images-idx3-ubyte [count][h][w], or -idx4-ubyte [count][h][w][channels];
 * SPLIT-labels-idx1-ubyte [count], or -idx1-int where one is over 255, or -idx2-ubyte
 * [count][columns].
 * Memory: some buffers a split, whatever the set's size. Threads: one.
 */
#ifndef IMPORT_SET_H
#define IMPORT_SET_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    IMPORT_SPLITS_MAX = 16,
    IMPORT_NAME_SIZE = 64, /* of sets and splits, the final 0 included */
    IMPORT_CLASSES_MAX = 4096,
    IMPORT_COLUMNS_MAX = 4096
};

struct import_set;

/* target: the folder to be; NULL: ./NAME. name: NULL: what import_set_call says.
 * Errors: -EEXIST where the target is there, -EINVAL for a name that no dataset may have, those of
 * making a folder. Owns: copies of both. */
int import_set_new(struct import_set **set, const char *target, const char *name, struct err *e);

/* For people: what imports that were killed had left there and has been removed, or may have. NULL:
 * nothing. */
const char *import_set_swept(const struct import_set *set);

/* What the source calls itself, as far as nobody else has named the set; and again, where it is
 * known better. `name` is made one that a dataset may have. Errors: -EEXIST. */
int import_set_call(struct import_set *set, const char *name, struct err *e);

/* Who is asked what a name that the source chose would do, as soon as it is chosen: a negative
 * errno value ends the import. */
void import_set_on_name(struct import_set *set,
                        int (*on_name)(void *data, const char *name, struct err *e), void *data);

/* Has somebody look at a dataset of one pixel in the folder that the set is made in, before
 * anything else is in it: whether it could be served there. It is gone afterwards. Returns what
 * look does. Errors: those of writing. */
int import_set_probe(struct import_set *set,
                     int (*look)(void *data, const char *folder, struct err *e), void *data,
                     struct err *e);

/* A split by its name, which is made where it is not there yet. Returns its number, or -EINVAL. */
int import_set_split(struct import_set *set, const char *name, struct err *e);

const char *import_set_split_name(const struct import_set *set, int split);

/* Whether a split has images already; whether it has labels. */
uint64_t import_set_image_count(const struct import_set *set, int split);
uint64_t import_set_label_count(const struct import_set *set, int split);

/* Appends images. Shape: pixels[count][h][w][channels]; channels 1 to 4. Errors: -EINVAL where the
 * split's have another size, or there are too many; those of writing. */
struct import_shape {
    uint32_t h, w, channels;
};
int import_set_images(struct import_set *set, int split, struct import_shape shape,
                      const uint8_t *pixels, size_t count, struct err *e);

/* Appends labels. Shape: values[count][columns]. Errors: -EINVAL for a label below 0, for one over
 * 255 in a row, and for rows of another length; those of writing. */
int import_set_labels(struct import_set *set, int split, uint32_t columns, const int32_t *values,
                      size_t count, struct err *e);

/* Image and label i of the split become what was order[i]. Shape: order[count], each number once.
 * After all of the split has come, once. Memory: a copy of the split on the disk for a while. */
int import_set_permute(struct import_set *set, int split, const uint32_t *order, struct err *e);

/* Names a class. Errors: -EINVAL for one that is named already, or too large a number. */
int import_set_class(struct import_set *set, uint32_t class, const char *name, struct err *e);
bool import_set_has_classes(const struct import_set *set);

/* Texts for dataset.yaml; the later one counts. */
int import_set_origin(struct import_set *set, const char *origin, struct err *e);
int import_set_licence(struct import_set *set, const char *text, size_t size, struct err *e);
void import_set_sha256(struct import_set *set, const uint8_t digest[32]);

/* A file without a name, for what has to wait: the caller's to close. Returns it, or a negative
 * errno value. */
int import_set_spool(struct import_set *set, struct err *e);

/* Who is asked while images are put in order and the set is synced, which may take long, and last
 * before it takes its place: a negative errno value ends it. import_set_asked: what they say. */
void import_set_ask(struct import_set *set, int (*ended)(struct err *e));
int import_set_asked(const struct import_set *set, struct err *e);

/* Writes what is left and puts the folder in its place. Errors: -EINVAL where there is no image, or
 * images and labels of a split are not as many, or a label has no class name where others do;
 * -EEXIST. Afterwards, as after import_set_abandon, only import_set_free may come. */
int import_set_commit(struct import_set *set, struct err *e);

/* Removes whatever was written, unless it was committed, and frees. NULL: nothing. */
void import_set_free(struct import_set *set);

/* What there is, for those who tell of it. */
struct import_split_facts {
    const char *name;
    struct import_shape shape;
    uint64_t images;
    uint32_t columns; /* of a label */
    int32_t label_max;
};
const char *import_set_name(const struct import_set *set);   /* NULL: not named yet */
const char *import_set_target(const struct import_set *set); /* the folder */
int import_set_split_count(const struct import_set *set);
struct import_split_facts import_set_facts(const struct import_set *set, int split);
uint32_t import_set_class_count(const struct import_set *set);

#endif
