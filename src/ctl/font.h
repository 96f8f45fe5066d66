/* SPDX-License-Identifier: MIT */
/* ctl/font.h — a 5x7 bitmap font for printable ASCII, drawn for this project.
 *
 * Shape: glyph[7] rows from the top, bit 4 the leftmost of 5 pixels.
 * Threads: any. Memory: none.
 */
#ifndef CTL_FONT_H
#define CTL_FONT_H

#include <stdint.h>

#define FONT_WIDTH   5
#define FONT_HEIGHT  7
#define FONT_ADVANCE 6 /* from one character to the next */

/* The rows of a character; those of '?' for one outside ' ' .. '~'. */
const uint8_t *font_glyph(char c);

#endif
