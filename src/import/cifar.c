/* SPDX-License-Identifier: MIT */
/* By the labels that stand where they must: 10 classes, or 20 and 100. */
#include "import/cifar.h"

unsigned cifar_labels(const uint8_t *bytes, size_t count, uint64_t size)
{
    static const uint8_t most[2][2] = {{9}, {19, 99}};
    for (unsigned labels = 1; labels <= 2; labels++) {
        size_t record = labels + CIFAR_IMAGE_BYTES;
        int fits = count >= record && (size == UINT64_MAX || size % record == 0);
        for (size_t at = 0; fits && at + labels <= count; at += record)
            for (unsigned i = 0; i < labels; i++)
                fits = fits && bytes[at + i] <= most[labels - 1][i];
        /* One record alone says little where the size is not known. */
        if (fits && (size != UINT64_MAX || count >= 4 * record))
            return labels;
    }
    return 0;
}
