/* SPDX-License-Identifier: MIT */
/* augment/run.h — the pixels of a chain: a pure function of a sample and its values.
 *
 * Shape: in  sample[channels][h][w] uint8; out sample[channels'][h'][w'], uint8 or float32: planar.
 * Every SIMD variant gives the bytes of the portable C.
 *
 * Threads: a plan is shared; each thread brings a scratch of its own.
 */
#ifndef AUGMENT_RUN_H
#define AUGMENT_RUN_H

#include "augment/plan.h"

struct augment_scratch;

/* Room for the plan's largest picture. Returns NULL when out of memory. */
struct augment_scratch *augment_scratch_new(const struct augment_plan *plan);
void augment_scratch_free(struct augment_scratch *scratch);

size_t augment_scratch_bytes(const struct augment_scratch *scratch);

/* The plan's head on samples[i] with values[i * chain->value_count ...] to places[i]; count of
 * them. Values are such as augment_check_values takes. Samples and places do not overlap. Never
 * fails. */
void augment_run(const struct augment_plan *plan, struct augment_scratch *scratch,
                 const void *const *samples, const uint32_t *values, size_t count,
                 void *const *places);

#endif
