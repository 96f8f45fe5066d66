/* SPDX-License-Identifier: MIT */
/* The header of a NumPy array over any bytes, and the values behind it: it must answer, and what it
 * accepts must add up. */
#include "fuzz/fuzz.h"
#include "import/array.h"

#include <assert.h>
#include <stdlib.h>

static void check_values(const struct npy_header *h, const uint8_t *raw, size_t left)
{
    uint64_t count = h->data_bytes / h->item_bytes;
    count = count < left / h->item_bytes ? count : left / h->item_bytes;
    uint8_t *levels = malloc(count + 1);
    int32_t *labels = malloc((count + 1) * sizeof *labels);
    struct err e;
    assert(levels && labels);
    if (count) {
        npy_levels(h, raw, count, 0, levels, &e);
        if (npy_labels(h, raw, count, 0, labels, &e) == 0)
            for (uint64_t i = 0; i < count; i++)
                assert(labels[i] >= 0);
    }
    free(levels);
    free(labels);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct import_shape any = {0};
    struct npy_header h;
    struct array_images images;
    struct err e;
    int rc = npy_parse(data, size, &h, &e);
    if (rc == NPY_MORE)
        assert(h.header_bytes > size && h.header_bytes <= NPY_HEADER_BYTES_MAX);
    if (rc != 0)
        return 0;
    unsigned __int128 bytes = h.item_bytes;
    for (int i = 0; i < NPY_DIMS_MAX; i++)
        bytes *= h.dims[i];
    assert(h.header_bytes <= size && bytes == h.data_bytes && bytes + h.header_bytes <= INT64_MAX);
    if (array_images_shape(&h, &any, &images) == 0)
        assert((uint64_t)images.shape.h * images.shape.w * images.shape.channels * h.dims[0] ==
               h.data_bytes / h.item_bytes);
    check_values(&h, data + h.header_bytes, size - h.header_bytes);
    return 0;
}
