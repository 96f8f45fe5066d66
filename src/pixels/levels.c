/* SPDX-License-Identifier: MIT */
/* Tables of levels, histograms and sums: what needs no vectors. */
#include "pixels/levels.h"

#include <string.h>

/* ---- histograms and sums ------------------------------------------------------------------- */

/* Four counts side by side, because neighbours are often equal and a count waits for its last
 * change. */
void levels_histogram(const uint8_t *in, size_t count, uint32_t histogram[256])
{
    uint32_t parts[4][256] = {{0}};
    size_t i = 0;
    for (; i + 4 <= count; i += 4)
        for (int k = 0; k < 4; k++)
            parts[k][in[i + k]]++;
    for (; i < count; i++)
        parts[0][in[i]]++;
    for (int v = 0; v < 256; v++)
        histogram[v] = parts[0][v] + parts[1][v] + parts[2][v] + parts[3][v];
}

uint64_t levels_sum(const uint8_t *in, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += in[i];
    return sum;
}

/* ---- tables -------------------------------------------------------------------------------- */

static void identity(uint8_t table[256])
{
    for (int v = 0; v < 256; v++)
        table[v] = (uint8_t)v;
}

void levels_autocontrast(const uint32_t histogram[256], uint8_t table[256])
{
    int low = 0, high = 255;
    while (low < 255 && histogram[low] == 0)
        low++;
    while (high > 0 && histogram[high] == 0)
        high--;
    if (high <= low) {
        identity(table);
        return;
    }
    double scale = 255.0 / (high - low), offset = -low * scale;
    for (int v = 0; v < 256; v++) {
        int level = (int)(v * scale + offset);
        table[v] = (uint8_t)(level < 0 ? 0 : level > 255 ? 255 : level);
    }
}

void levels_equalize(const uint32_t histogram[256], uint8_t table[256])
{
    uint64_t sum = 0;
    uint32_t last = 0, used = 0;
    for (int v = 0; v < 256; v++) {
        sum += histogram[v];
        if (histogram[v]) {
            last = histogram[v];
            used++;
        }
    }
    uint64_t step = (sum - last) / 255;
    if (used <= 1 || step == 0) {
        identity(table);
        return;
    }
    uint64_t n = step / 2;
    for (int v = 0; v < 256; v++) {
        uint64_t level = n / step;
        table[v] = (uint8_t)(level > 255 ? 255 : level);
        n += histogram[v];
    }
}

void levels_posterize(uint32_t bits, uint8_t table[256])
{
    uint32_t mask = bits >= 8 ? 0xff : 0xff00u >> bits;
    for (uint32_t v = 0; v < 256; v++)
        table[v] = (uint8_t)(v & mask);
}

void levels_solarize(double threshold, uint8_t table[256])
{
    for (int v = 0; v < 256; v++)
        table[v] = (uint8_t)(v < threshold ? v : 255 - v);
}

void levels_invert(uint8_t table[256])
{
    for (int v = 0; v < 256; v++)
        table[v] = (uint8_t)(255 - v);
}
