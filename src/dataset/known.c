/* SPDX-License-Identifier: MIT */
/* The table of datasets known by name. Does not open anything; their classes are known_classes.c's.
 */
#include "dataset/known.h"

#include <string.h>

/* Computed from copies whose decompressed files have the published sums. */
static const uint8_t fashion_digests[KNOWN_SPLITS][16] = {
    {0x30, 0xd8, 0x6b, 0xdd, 0x61, 0x73, 0x80, 0xf5, 0xd1, 0x06, 0x1d, 0xe1, 0xa0, 0x1d, 0x7e,
     0x69},
    {0xfe, 0x72, 0xea, 0x06, 0x12, 0x50, 0x7d, 0x40, 0x78, 0x37, 0x9f, 0x6a, 0x25, 0x75, 0x2b,
     0xfb},
};
static const uint8_t mnist_digests[KNOWN_SPLITS][16] = {
    {0xa6, 0x72, 0x25, 0x75, 0x97, 0xf3, 0xd2, 0x45, 0xbc, 0x8d, 0x54, 0xb8, 0xa8, 0x2b, 0x65,
     0xd8},
    {0xa1, 0x84, 0x64, 0xb9, 0x1d, 0x1d, 0xb8, 0xd9, 0xa0, 0x9f, 0xcb, 0x37, 0x0b, 0x4b, 0x28,
     0x64},
};

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define MNIST_FILES                                               \
    {                                                             \
        {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"},   \
            {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}, \
    }
#define EMNIST(set)                                            \
    {                                                          \
        .name = "emnist-" set,                                 \
        .splits = {{"emnist-" set "-train-images-idx3-ubyte",  \
                    "emnist-" set "-train-labels-idx1-ubyte"}, \
                   {"emnist-" set "-test-images-idx3-ubyte",   \
                    "emnist-" set "-test-labels-idx1-ubyte"}}, \
        .transposed = true,                                    \
    }

static const struct known_dataset known[] = {
    {.name = "fashion-mnist", .splits = MNIST_FILES, .digests = fashion_digests},
    {.name = "mnist", .splits = MNIST_FILES, .digests = mnist_digests},
    {.name = "kmnist", .splits = MNIST_FILES},
    {.name = "qmnist",
     .splits = {{"qmnist-train-images-idx3-ubyte", "qmnist-train-labels-idx2-int"},
                {"qmnist-test-images-idx3-ubyte", "qmnist-test-labels-idx2-int"}},
     .label_columns = 8},
    EMNIST("byclass"),
    EMNIST("bymerge"),
    EMNIST("balanced"),
    EMNIST("letters"),
    EMNIST("digits"),
    EMNIST("mnist"),
};

const struct known_dataset *known_at(size_t i)
{
    return i < COUNT(known) ? &known[i] : NULL;
}

const struct known_dataset *known_find(const char *name)
{
    for (size_t i = 0; i < COUNT(known); i++)
        if (strcmp(known[i].name, name) == 0)
            return &known[i];
    return NULL;
}

const struct known_dataset *known_by_digest(const uint8_t digest[16], int *split)
{
    for (size_t i = 0; i < COUNT(known); i++)
        for (*split = 0; known[i].digests && *split < KNOWN_SPLITS; ++*split)
            if (memcmp(known[i].digests[*split], digest, 16) == 0)
                return &known[i];
    return NULL;
}
