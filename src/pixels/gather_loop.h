/* SPDX-License-Identifier: MIT */
/* pixels/gather_loop.h — the variants of the gather. Private to pixels/. */
#ifndef PIXELS_GATHER_LOOP_H
#define PIXELS_GATHER_LOOP_H

#include "pixels/isa_variants.h"

#include <stddef.h>

ISA_DECLARE(gather_loop, const void *const *samples, void *const *places, size_t count,
            size_t bytes);

#endif
