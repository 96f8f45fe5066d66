/* SPDX-License-Identifier: MIT */
/* Chooses the loop; the loop itself is in gather_isa.c. */
#include "pixels/gather.h"

#include "pixels/gather_loop.h"

void gather_samples(const void *const *samples, void *const *places, size_t count, size_t bytes)
{
    ISA_PICK(gather_loop)(samples, places, count, bytes);
}
