/* SPDX-License-Identifier: MIT */
/* pixels/transpose.h — bytes of a plane, mirrored at its diagonal. Private to pixels/.
 *
 * Why: a horizontal pass over a plane is a vertical pass over its mirror image, and only the
 * vertical one can use wide registers without shuffles.
 */
#ifndef PIXELS_TRANSPOSE_H
#define PIXELS_TRANSPOSE_H

#include <stddef.h>
#include <stdint.h>

/* Shape: in[rows][columns] to out[columns][rows]; they do not overlap. */
void transpose_bytes(const uint8_t *in, size_t rows, size_t columns, uint8_t *out);

#endif
