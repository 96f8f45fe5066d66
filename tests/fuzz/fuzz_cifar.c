/* SPDX-License-Identifier: MIT */
/* Records of CIFAR over any bytes: what is taken for them has the labels where they must be. */
#include "fuzz/fuzz.h"
#include "import/cifar.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    uint8_t kind = input_u8(&in);
    uint64_t said = kind & 1 ? UINT64_MAX : kind & 2 ? 2 * in.left : in.left;
    unsigned labels = cifar_labels(in.at, in.left, said);
    assert(labels <= 2);
    if (labels) {
        size_t record = labels + CIFAR_IMAGE_BYTES;
        assert(in.left >= record && (said == UINT64_MAX || said % record == 0));
        for (size_t at = 0; at < in.left; at += record)
            assert(in.at[at] <= (labels == 1 ? 9 : 19));
    }
    return 0;
}
