/* SPDX-License-Identifier: MIT */
/* pixels/isa.h — which variant of the pixel loops runs.
 *
 * The loops are plain C in files that are compiled several times, once for each level; the level
 * is chosen once, at the first use, from what the CPU has. FMNIST_ISA=portable|avx2|avx512 in the
 * environment forces one (a level that the CPU lacks is refused: isa_choose says so).
 * Threads: any.
 */
#ifndef PIXELS_ISA_H
#define PIXELS_ISA_H

#include "base/err.h"

enum isa { ISA_PORTABLE, ISA_AVX2, ISA_AVX512, ISA_COUNT };

/* "portable", "avx2", "avx512". */
extern const char *const isa_names[ISA_COUNT];

/* Chooses from the environment and the CPU. Errors: -EINVAL for an unknown name or a level that
 * this CPU lacks; the best level is then in use all the same. */
int isa_choose(struct err *e);

/* The level in use. */
enum isa isa_level(void);

#endif
