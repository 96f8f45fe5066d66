/* SPDX-License-Identifier: MIT */
/* import/array.h — an array in a stream, row by row: what .npy files hold, and pickles.
 *
 * Values come in either order of dimensions and any type of numbers, and go out row-major as levels
 * or labels. An array whose first dimension runs fastest waits in a file without a name.
 * Threads: one. Memory: a chunk of rows.
 */
#ifndef IMPORT_ARRAY_H
#define IMPORT_ARRAY_H

#include "import/npy.h"
#include "import/set.h"

#include <sys/types.h>

/* Where the values come from. Reads `size` bytes or fewer at the end; negative errno values. */
struct array_source {
    void *data;
    ssize_t (*read)(void *data, void *buffer, size_t size, struct err *e);
    int (*short_of)(void *data, struct err *e); /* tells that it ended too soon */
};

/* How rows are images. */
struct array_images {
    struct import_shape shape;
    bool planar; /* channels stand first, in planes */
};

/* What an array of images is: [n][h][w], [n][h][w][c] or [n][c][h][w]; or rows of pixels, which are
 * a square or `size` high and wide (0: not said), with three channels one behind the other.
 * Returns 0, or 1: it can be none. */
int array_images_shape(const struct npy_header *h, const struct import_shape *size,
                       struct array_images *images);

/* Reads all of the array into the split. Errors: negative errno values; -EINVAL for values that are
 * no levels, or no labels, and for an end too soon. */
int array_read_images(struct import_set *set, int split, const struct npy_header *h,
                      const struct array_images *images, const struct array_source *source,
                      struct err *e);
int array_read_labels(struct import_set *set, int split, const struct npy_header *h,
                      const struct array_source *source, struct err *e);

/* Channels in planes become interleaved. Shape: from[channels][pixels]; to[pixels][channels]. */
void array_interleave(const uint8_t *from, uint8_t *to, size_t pixels, uint32_t channels);

#endif
