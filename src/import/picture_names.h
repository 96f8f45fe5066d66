/* SPDX-License-Identifier: MIT */
/* import/picture_names.h — what pictures' paths say: splits, classes, and the order of a set.
 *
 *     train/cat/0001.png     split "train", class "cat"
 *     top/train/cat/x/1.jpg  the same: a folder around the splits, folders in a class
 *     cat/0001.png           no split, class "cat"
 *     top/cat/0001.png       the same, where all pictures lie in "top"
 *
 * Classes are numbered as their names are sorted, and the pictures of a split are in the order of
 * class, folder, name: torchvision's ImageFolder. All splits have the same classes, those that any
 * of them has; also one whose pictures are all broken.
 *
 * Memory: a picture's path and 24 bytes. Threads: one.
 * Source: torchvision/datasets/folder.py.
 */
#ifndef IMPORT_PICTURE_NAMES_H
#define IMPORT_PICTURE_NAMES_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* The split that a path names, and in *skip, unless NULL, the bytes of the path up to its class;
 * NULL: none. */
const char *picture_split(const char *path, size_t *skip);

struct picture_names;

int picture_names_new(struct picture_names **names, struct err *e);
void picture_names_free(struct picture_names *names); /* NULL: nothing */

enum { PICTURE_BROKEN = -1 }; /* in the place of a split: of the class, but not of the set */

/* A picture's path, which has a folder in it. Those of a split are numbered as they come. */
int picture_names_add(struct picture_names *names, const char *path, int split, struct err *e);

/* Once all are there. Errors: -EINVAL where some lie in splits and others do not, or there are more
 * than IMPORT_CLASSES_MAX classes; -ENOMEM. */
int picture_names_settle(struct picture_names *names, struct err *e);

/* After it: */
uint32_t picture_class_count(const struct picture_names *names);

/* A class's name, to be written to `name` of `size` bytes. */
void picture_class_name(const struct picture_names *names, uint32_t class, char *name, size_t size);

/* Of a split: the class of each picture as they came, and which of them stands where in the end.
 * Shape: labels[count], order[count], `count` as many as were added. */
void picture_order(const struct picture_names *names, int split, int32_t *labels, uint32_t *order);

#endif
