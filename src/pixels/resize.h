/* SPDX-License-Identifier: MIT */
/* pixels/resize.h — resize rules, bit for bit as the frameworks' own libraries have them.
 *
 * A plan holds the weights of one (rule, source size, target size); running it turns one stored
 * image into one sample. Every SIMD variant gives the bytes of the portable C.
 *
 * Shape: in  image[in_h][in_w][channels] uint8;
 *        out sample[channels][out_h][out_w], uint8 or (tf-bilinear-pad) float32: always planar.
 * Threads: a plan is immutable and shared; each running thread brings its own scratch.
 * Source: Pillow Resample.c and Geometry.c (order of passes of 13.0 for pillow-*, of <= 12.0 for
 * pillow12-*), OpenCV resize.cpp 8-bit linear, TensorFlow resize_with_pad + resize_bilinear_op.cc.
 */
#ifndef PIXELS_RESIZE_H
#define PIXELS_RESIZE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct resize_plan;

struct resize_shape {
    uint32_t in_h, in_w, channels;
    uint32_t out_h, out_w;
};

/* `rule` is an enum fmnist_resize. Errors: -EINVAL (a size that the rule cannot make, such as NONE
 * with another size, or a tf-bilinear-pad that leaves no row or no column), -ENOMEM.
 * Owns: the caller; end with resize_plan_free. */
int resize_plan_new(struct resize_plan **plan, uint32_t rule, const struct resize_shape *shape,
                    struct err *e);
void resize_plan_free(struct resize_plan *plan);

/* Whether samples are float32 (tf-bilinear-pad) or uint8 (all other rules). */
bool resize_yields_float(uint32_t rule);

/* Whether the plan only copies (and only turns HWC into CHW). */
bool resize_is_copy(const struct resize_plan *plan);

/* Bytes of one sample, and of the scratch that resize_run needs (may be 0), 64-byte aligned. */
size_t resize_sample_bytes(const struct resize_plan *plan);
size_t resize_scratch_bytes(const struct resize_plan *plan);

/* Renders one image. `image`, `sample` and `scratch` do not overlap. Never fails. */
void resize_run(const struct resize_plan *plan, const uint8_t *image, void *sample, void *scratch);

#endif
