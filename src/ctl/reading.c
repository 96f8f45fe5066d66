/* SPDX-License-Identifier: MIT */
/* Sums, fast enough to be no part of what is measured. */
#include "ctl/reading.h"

#include <stddef.h>
#include <stdint.h>

/* Vectors by name and eight sums that do not wait for each other: what a compiler makes of the
 * plain loop at -O2 is three times slower in the cache and would measure itself. */
typedef float floats __attribute__((vector_size(16), aligned(4)));
typedef uint64_t words __attribute__((vector_size(16), aligned(1)));

static double read_floats(const float *values, size_t count)
{
    floats sums[8] = {{0}};
    size_t i = 0;
    for (; i + 32 <= count; i += 32)
#pragma GCC unroll 8
        for (size_t k = 0; k < 8; k++)
            sums[k] += *(const floats *)(values + i + 4 * k);
    double sum = 0;
    for (; i < count; i++)
        sum += values[i];
    for (size_t k = 0; k < 32; k++)
        sum += sums[k / 4][k % 4];
    return sum;
}

static double read_bytes(const unsigned char *bytes, size_t count)
{
    words sums[8] = {{0}};
    size_t i = 0;
    for (; i + 128 <= count; i += 128)
#pragma GCC unroll 8
        for (size_t k = 0; k < 8; k++)
            sums[k] += *(const words *)(bytes + i + 16 * k);
    uint64_t sum = 0;
    for (; i < count; i++)
        sum += bytes[i];
    for (size_t k = 0; k < 8; k++)
        sum += sums[k][0] + sums[k][1];
    return (double)sum;
}

double reading_sum(const struct fmnist_stream_info *info, const struct fmnist_batch *batch)
{
    size_t bytes = batch->count * info->image_bytes;
    return info->dtype == FMNIST_FLOAT32 ? read_floats(batch->images, bytes / 4)
                                         : read_bytes(batch->images, bytes);
}
