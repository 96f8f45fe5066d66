/* SPDX-License-Identifier: MIT */
/* pixels/convert.h — wire form to final form: pixel type, normalisation, channels, layout.
 *
 * The last step of a batch, done once per delivered pixel by the client library. Batches travel as
 * the samples themselves, int32 labels and uint32 indices (ring/slot.h), whatever a trainer wants
 * made of them.
 *
 * Shape: in  sample[in_channels][h][w] uint8 or float32 (already 0..1), planar;
 *        out image[channels][h][w] (NCHW) or [h][w][channels] (NHWC) of dtype.
 * Rule: x = float32(level) / 255, rounded to nearest even as a true division is (u8_to_unit_f32.h;
 * a product with 1/255 differs for 126 of 256 levels, and is what `scale` may ask for); then, where
 * given, (x - mean[c]) / std[c], each operation rounded to float32, as torchvision's Normalize;
 * then float16 or bfloat16 to nearest even. uint8 copies levels. One input channel is repeated for
 * `channels` > 1. Threads: a plan is immutable. Needs libc only: the client library links this.
 * Every SIMD variant gives the bytes of the portable C.
 */
#ifndef PIXELS_CONVERT_H
#define PIXELS_CONVERT_H

#include "fmnist.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a level becomes 0..1. */
enum convert_scale {
    CONVERT_DIVIDE,  /* level / 255: torchvision's ToTensor, ConvertImageDtype */
    CONVERT_MULTIPLY /* level * fl32(1 / 255): v2.ToDtype(scale=True), another bit for 126 levels */
};

struct convert_shape {
    uint32_t height, width;
    uint32_t in_channels; /* of the sample */
    uint32_t channels;    /* delivered: in_channels, or any number where in_channels is 1 */
    bool float_samples;   /* float32 samples; dtype is then not FMNIST_UINT8 */
    uint32_t scale;       /* enum convert_scale, of uint8 samples */
    uint32_t dtype;       /* FMNIST_UINT8, FLOAT32, FLOAT16, BFLOAT16 */
    uint32_t layout;
    bool normalise;
    float mean[FMNIST_CHANNELS_MAX]; /* [channels] */
    float std[FMNIST_CHANNELS_MAX];
};

/* Sets normalise, mean and std. A count of 1 stands for every channel, and one of 0 for a mean of
 * 0, a std of 1; where both are 0 nothing is normalised. */
void convert_statistics(struct convert_shape *shape, uint32_t mean_count, const float *mean,
                        uint32_t std_count, const float *std);

struct convert_plan;

/* Returns NULL when out of memory. The shape has been checked by the caller (asserted).
 * Owns: the caller; end with convert_plan_free. */
struct convert_plan *convert_plan_new(const struct convert_shape *shape);
void convert_plan_free(struct convert_plan *plan);

/* Whether the output is the sample, byte for byte. */
bool convert_is_copy(const struct convert_plan *plan);

size_t convert_sample_bytes(const struct convert_plan *plan);
size_t convert_image_bytes(const struct convert_plan *plan);

/* Converts samples[count], one behind the other, into images[count]. `samples` need no alignment
 * beyond their element's, `images` none. Never fails. */
void convert_batch(const struct convert_plan *plan, const void *samples, void *images,
                   size_t count);

/* int32 labels to dtype (FMNIST_UINT8, INT32, INT64). */
void convert_labels(const int32_t *labels, size_t count, uint32_t dtype, void *out);

/* The same of rows of them, which travel as bytes: `count` in all. */
void convert_label_rows(const uint8_t *labels, size_t count, uint32_t dtype, void *out);

/* Indices as they travel to those that are delivered. */
void convert_indices(const uint32_t *indices, size_t count, int64_t *out);

#endif
