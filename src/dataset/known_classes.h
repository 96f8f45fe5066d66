/* SPDX-License-Identifier: MIT */
/* dataset/known_classes.h — the names of the classes of datasets that are known by name, whatever
 * files they come in.
 *
 * Source: each set's own list: torchvision/datasets/mnist.py (its order of EMNIST's sets), the meta
 * files of CIFAR-10 and CIFAR-100, STL-10's class_names.txt, k49_classmap.csv, medmnist/info.py.
 * Threads: any; constant data.
 */
#ifndef DATASET_KNOWN_CLASSES_H
#define DATASET_KNOWN_CLASSES_H

#include <stddef.h>
#include <stdint.h>

struct known_classes {
    const char *name;         /* "cifar-10" */
    const char *const *names; /* [count] */
    uint32_t count;
};

/* The list of a dataset's name. Letters and digits alone count, and no case: "CIFAR10" is
 * "cifar-10"; MedMNIST's larger sizes ("pathmnist_128") have the list of the first. "cifar-100" is
 * its fine labels. Returns NULL for a name that is not known. */
const struct known_classes *known_classes_find(const char *name);

/* Entry i, or NULL behind the last: to list them all. */
const struct known_classes *known_classes_at(size_t i);

#endif
