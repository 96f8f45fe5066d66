/* Images side by side. Of characters, the darkest is a blank: images of the MNIST family are bright
 * on black.
 */
#include "ctl/picture.h"

#include <string.h>

#define GAP 2 /* blanks between pictures */

static const char ramp[] = " .:-=+*#%@";

/* The grey level of a pixel: the weights of luma, times 256. */
static uint32_t grey(const struct picture *p, uint32_t y, uint32_t x)
{
    const uint8_t *rgb = p->rgb + ((size_t)y * p->width + x) * 3;
    return (77u * rgb[0] + 150u * rgb[1] + 29u * rgb[2]) / 256;
}

static char character(const struct picture *p, uint32_t y, uint32_t below, uint32_t x)
{
    uint32_t level = grey(p, y, x);
    if (below < p->height)
        level = (level + grey(p, below, x)) / 2;
    return ramp[level * (sizeof ramp - 1) / 256];
}

/* Every so many pixels are shown. */
static uint32_t step_for(const struct picture *pictures, uint32_t count, uint32_t columns)
{
    uint32_t step = 1;
    for (;; step++) {
        uint64_t wide = (uint64_t)GAP * (count - 1);
        for (uint32_t i = 0; i < count; i++)
            wide += (pictures[i].width + step - 1) / step;
        if (wide <= columns || step >= 4096)
            return step;
    }
}

void picture_lines(const struct picture *pictures, uint32_t count, uint32_t columns,
                   void (*line)(void *to, const char *text), void *to)
{
    char text[PICTURE_COLUMNS_MAX + 1];
    uint32_t step = step_for(pictures, count, columns), highest = 0;
    for (uint32_t i = 0; i < count; i++)
        highest = pictures[i].height > highest ? pictures[i].height : highest;
    for (uint32_t y = 0; y < highest; y += 2 * step) {
        size_t n = 0, used = 0;
        memset(text, ' ', sizeof text);
        for (uint32_t i = 0; i < count; i++, n += GAP)
            for (uint32_t x = 0; x < pictures[i].width && n < columns; x += step, n++) {
                if (y < pictures[i].height)
                    text[n] = character(&pictures[i], y, y + step, x);
                used = text[n] == ' ' ? used : n + 1;
            }
        text[used] = 0;
        line(to, text);
    }
}

void picture_pair(const struct picture pair[2], uint8_t background, uint8_t *rgb)
{
    uint32_t height = pair_height(pair), width = pair_width(pair), left = 0;
    memset(rgb, background, (size_t)height * width * 3);
    for (int i = 0; i < 2; i++) {
        const struct picture *p = &pair[i];
        for (uint32_t y = 0; y < p->height; y++)
            memcpy(rgb + ((size_t)y * width + left) * 3, p->rgb + (size_t)y * p->width * 3,
                   (size_t)p->width * 3);
        left += p->width + PICTURE_GAP;
    }
}
