/* SPDX-License-Identifier: MIT */
/* augment/draw.h — random numbers of a chain: from words to the values of augment/chain.h.
 *
 * Words are 32-bit numbers. What is made of them, how many, and when, is torchvision's and
 * PyTorch's for the chain's operations, whatever the words come from:
 *
 *     torch    the Mersenne Twister of a torch.Generator, one word after the other
 *     counter  Philox4x32-10: for each operation of each sample words of its own, so that they do
 * not depend on the order, on other samples, or on other operations
 *
 * Source: PyTorch's CPU kernels (uniform_ in the form with a fused multiply-add), torchvision's
 * transforms. Verified against them by tests/augment. Threads: any; pure.
 */
#ifndef AUGMENT_DRAW_H
#define AUGMENT_DRAW_H

#include "augment/plan.h"
#include "base/mt19937.h"

/* torch.Generator.get_state() of a CPU generator. */
#define TORCH_STATE_BYTES 5056

/* Errors: -EINVAL for bytes that are no such state. */
int torch_state_load(struct mt19937 *mt, const uint8_t state[TORCH_STATE_BYTES], struct err *e);

/* Writes the twister's place into a state; what else is in it stays (a cached normal number). */
void torch_state_store(const struct mt19937 *mt, uint8_t state[TORCH_STATE_BYTES]);

/* The state behind torch.manual_seed(seed). */
void torch_state_seed(uint8_t state[TORCH_STATE_BYTES], uint64_t seed);

/* Values of `count` samples, one after the other from one generator. */
void augment_draw_torch(const struct augment_plan *plan, struct mt19937 *mt, size_t count,
                        uint32_t *values);

/* Values of samples that are known by their numbers. `view`: of several of one sample. A
 * sample's row begins `stride` values behind the one before. Key and counter are stated in draw.c.
 */
void augment_draw_counter(const struct augment_plan *plan, uint64_t seed, uint64_t epoch,
                          uint32_t view, const uint32_t *indices, size_t count, uint32_t *values,
                          size_t stride);

/* Whether values that came from elsewhere are such as could have been drawn: augment_run takes no
 * others. Errors: -EINVAL with the row, the operation, the value and what is allowed. */
int augment_check_values(const struct augment_plan *plan, const uint32_t *values, size_t count,
                         struct err *e);

/* Of the same values the rows first .. first + count - 1. */
int augment_check_rows(const struct augment_plan *plan, const uint32_t *values, size_t first,
                       size_t count, struct err *e);

#endif
