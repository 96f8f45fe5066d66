/* Tables of levels, histograms, and colours: what needs no vectors. */
#include "pixels/levels.h"

#include <math.h>
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

/* ---- hue ----------------------------------------------------------------------------------- */

struct hsv {
    uint8_t hue, saturation, value;
};

static uint8_t largest(uint8_t a, uint8_t b, uint8_t c)
{
    uint8_t ab = a > b ? a : b;
    return ab > c ? ab : c;
}

static uint8_t least(uint8_t a, uint8_t b, uint8_t c)
{
    uint8_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Pillow computes in float where it says float, and in double where a constant makes it so. */
static struct hsv to_hsv(uint8_t red, uint8_t green, uint8_t blue)
{
    uint8_t max = largest(red, green, blue), min = least(red, green, blue);
    if (max == min)
        return (struct hsv){0, 0, max};
    float range = (float)(max - min);
    float saturation = range / (float)max;
    float r = (float)(max - red) / range, g = (float)(max - green) / range;
    float b = (float)(max - blue) / range;
    float hue;
    if (red == max)
        hue = b - g;
    else if (green == max)
        hue = (float)(2.0 + r - b);
    else
        hue = (float)(4.0 + g - r);
    hue = (float)fmod(hue / 6.0 + 1.0, 1.0);
    return (struct hsv){(uint8_t)(int)(hue * 255.0), (uint8_t)(int)(saturation * 255.0), max};
}

static uint8_t rounded(double v)
{
    return (uint8_t)(int)round(v);
}

static void from_hsv(struct hsv c, uint8_t *red, uint8_t *green, uint8_t *blue)
{
    if (c.saturation == 0) {
        *red = *green = *blue = c.value;
        return;
    }
    double hue = c.hue * 6.0 / 255.0;
    int sector = (int)floor(hue);
    float rest = (float)(hue - sector), saturation = (float)(c.saturation / 255.0);
    float value = c.value;
    uint8_t v = c.value;
    uint8_t p = rounded(value * (1.0 - saturation));
    uint8_t q = rounded(value * (1.0 - saturation * rest));
    uint8_t t = rounded(value * (1.0 - saturation * (1.0 - rest)));
    const uint8_t colours[6][3] = {{v, t, p}, {q, v, p}, {p, v, t},
                                   {p, q, v}, {t, p, v}, {v, p, q}};
    *red = colours[sector % 6][0];
    *green = colours[sector % 6][1];
    *blue = colours[sector % 6][2];
}

void levels_shift_hue(uint8_t *red, uint8_t *green, uint8_t *blue, size_t count, uint8_t shift)
{
    for (size_t i = 0; i < count; i++) {
        struct hsv c = to_hsv(red[i], green[i], blue[i]);
        c.hue = (uint8_t)(c.hue + shift);
        from_hsv(c, &red[i], &green[i], &blue[i]);
    }
}
