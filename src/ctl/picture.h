/* SPDX-License-Identifier: MIT */
/* ctl/picture.h — images side by side: as characters, or as one. Pure.
 *
 * Shape: rgb[height][width][3]. Threads: any.
 */
#ifndef CTL_PICTURE_H
#define CTL_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

struct picture {
    const uint8_t *rgb;
    uint32_t height, width;
};

#define PICTURE_COLUMNS_MAX 160

enum picture_colours {
    PICTURE_GREY, /* characters, of which the darkest is a blank */
    PICTURE_256,  /* xterm's 256 colours: the cube of 6x6x6, and its greys */
    PICTURE_TRUE  /* 24 bits */
};

struct picture_style {
    enum picture_colours colours;
    bool
        blocks; /* UTF-8: a character is two pixels, a half block on the colour of the other half */
};

/* A character is one pixel wide and two high, as characters about are; larger images are made of
 * every n-th pixel, so that all together fit the columns. Calls line() with each line, without a
 * newline and without blanks at its end. columns: 1 .. PICTURE_COLUMNS_MAX. style: zeroed, or the
 * terminal's; a line in colour ends with its colours switched off. */
void picture_lines(const struct picture *pictures, uint32_t count, uint32_t columns,
                   struct picture_style style, void (*line)(void *to, const char *text), void *to);

/* Both, one gap apart, on one canvas of pair_height and pair_width. Shape: rgb[pair_height]
 * [pair_width][3]. */
#define PICTURE_GAP 2 /* pixels */
void picture_pair(const struct picture pair[2], uint8_t background, uint8_t *rgb);

static inline uint32_t pair_height(const struct picture pair[2])
{
    return pair[0].height > pair[1].height ? pair[0].height : pair[1].height;
}

static inline uint32_t pair_width(const struct picture pair[2])
{
    return pair[0].width + PICTURE_GAP + pair[1].width;
}

#endif
