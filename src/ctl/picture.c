/* SPDX-License-Identifier: MIT */
/* Images side by side. Of characters, the darkest is a blank: images of the MNIST family are bright
 * on black.
 */
#include "ctl/picture.h"

#include <stdio.h>
#include <stdlib.h>
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

/* ---- in colour ----------------------------------------------------------------------------- */

#define CELL_BYTES 48 /* two colours and a half block */

struct colour {
    uint8_t rgb[3];
};

static struct colour colour_at(const struct picture *p, uint32_t y, uint32_t x)
{
    struct colour c;
    memcpy(c.rgb, p->rgb + ((size_t)y * p->width + x) * 3, 3);
    return c;
}

static struct colour mean_of(struct colour a, struct colour b)
{
    for (int i = 0; i < 3; i++)
        a.rgb[i] = (uint8_t)((a.rgb[i] + b.rgb[i] + 1) / 2);
    return a;
}

/* The nearest of xterm's: levels of the cube are 0, 95, 135 ... 255, greys 8, 18 ... 238. */
static unsigned nearest_of_256(struct colour c)
{
    static const int cube[] = {0, 95, 135, 175, 215, 255};
    unsigned number = 16, error = 0;
    for (int i = 0, scale = 36; i < 3; i++, scale /= 6) {
        int best = 0;
        for (int k = 1; k < 6; k++)
            if (abs(cube[k] - c.rgb[i]) < abs(cube[best] - c.rgb[i]))
                best = k;
        number += (unsigned)(best * scale);
        error += (unsigned)((cube[best] - c.rgb[i]) * (cube[best] - c.rgb[i]));
    }
    int level = (c.rgb[0] + c.rgb[1] + c.rgb[2]) / 3, step = level < 8 ? 0 : (level - 8 + 5) / 10;
    step = step > 23 ? 23 : step;
    unsigned grey_error = 0;
    for (int i = 0; i < 3; i++)
        grey_error += (unsigned)((8 + 10 * step - c.rgb[i]) * (8 + 10 * step - c.rgb[i]));
    return grey_error < error ? 232 + (unsigned)step : number;
}

/* plane: 3 what is written in, 4 what is behind it. */
static char *put_colour(char *at, int plane, struct colour c, enum picture_colours colours)
{
    if (colours == PICTURE_256)
        return at + sprintf(at, "\033[%d8;5;%um", plane, nearest_of_256(c));
    return at + sprintf(at, "\033[%d8;2;%u;%u;%um", plane, c.rgb[0], c.rgb[1], c.rgb[2]);
}

static char *put_cell(char *at, const struct picture *p, uint32_t y, uint32_t below, uint32_t x,
                      struct picture_style style)
{
    struct colour upper = colour_at(p, y, x);
    if (below >= p->height && style.blocks) /* half a character */
        return stpcpy(put_colour(stpcpy(at, "\033[49m"), 3, upper, style.colours), "\xe2\x96\x80");
    struct colour lower = below < p->height ? colour_at(p, below, x) : upper;
    if (!style.blocks)
        return stpcpy(put_colour(at, 4, mean_of(upper, lower), style.colours), " ");
    at = put_colour(at, 4, upper, style.colours);
    return stpcpy(put_colour(at, 3, lower, style.colours), "\xe2\x96\x84");
}

/* A row of characters, without what is empty at its end. */
static void colour_line(const struct picture *pictures, uint32_t count, uint32_t columns,
                        uint32_t step, uint32_t y, struct picture_style style, char *at)
{
    static const char off[] = "\033[0m";
    uint32_t n = 0, blanks = 0;
    *at = 0;
    for (uint32_t i = 0; i < count; i++, blanks += GAP, n += GAP) {
        const struct picture *p = &pictures[i];
        uint32_t wide = (p->width + step - 1) / step;
        if (y >= p->height) {
            blanks += wide;
            n += wide;
            continue;
        }
        for (; blanks; blanks--)
            *at++ = ' ';
        for (uint32_t x = 0; x < p->width && n < columns; x += step, n++)
            at = put_cell(at, p, y, y + step, x, style);
        at = stpcpy(at, off);
    }
}

/* ---- lines --------------------------------------------------------------------------------- */

static void grey_line(const struct picture *pictures, uint32_t count, uint32_t columns,
                      uint32_t step, uint32_t y, char *text)
{
    size_t n = 0, used = 0;
    memset(text, ' ', PICTURE_COLUMNS_MAX + 1);
    for (uint32_t i = 0; i < count; i++, n += GAP)
        for (uint32_t x = 0; x < pictures[i].width && n < columns; x += step, n++) {
            if (y < pictures[i].height)
                text[n] = character(&pictures[i], y, y + step, x);
            used = text[n] == ' ' ? used : n + 1;
        }
    text[used] = 0;
}

void picture_lines(const struct picture *pictures, uint32_t count, uint32_t columns,
                   struct picture_style style, void (*line)(void *to, const char *text), void *to)
{
    char text[PICTURE_COLUMNS_MAX * CELL_BYTES + 1];
    uint32_t step = step_for(pictures, count, columns), highest = 0;
    for (uint32_t i = 0; i < count; i++)
        highest = pictures[i].height > highest ? pictures[i].height : highest;
    for (uint32_t y = 0; y < highest; y += 2 * step) {
        if (style.colours == PICTURE_GREY)
            grey_line(pictures, count, columns, step, y, text);
        else
            colour_line(pictures, count, columns, step, y, style, text);
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
