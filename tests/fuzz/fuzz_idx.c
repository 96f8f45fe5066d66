/* SPDX-License-Identifier: MIT */
/* The IDX header parser over any bytes: it must answer, and what it accepts must add up. */
#include "dataset/idx.h"
#include "fuzz/fuzz.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct idx_header h;
    struct err e;
    int rc = idx_parse(data, size, &h, &e);
    if (rc == IDX_MORE)
        assert(h.header_bytes > size && h.header_bytes <= IDX_HEADER_BYTES_MAX);
    if (rc != 0)
        return 0;
    unsigned __int128 bytes = h.item_bytes;
    for (int i = 0; i < IDX_DIMS_MAX; i++) {
        assert(h.dims[i] >= 1);
        bytes *= h.dims[i];
    }
    assert(bytes == h.data_bytes && bytes + h.header_bytes <= INT64_MAX);
    return 0;
}
