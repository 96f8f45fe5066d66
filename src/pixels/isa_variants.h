/* SPDX-License-Identifier: MIT */
/* pixels/isa_variants.h — how one piece of C becomes a function per level. Private to pixels/.
 *
 * A file named *_isa.c is compiled once for each level with ISA_VARIANT set to the level's name.
 * Its header declares the function with ISA_DECLARE; the file defines ISA_NAME(function); a caller
 * picks with ISA_PICK(function). Invariant: all variants of a function write the same bytes, so
 * which one runs never shows.
 */
#ifndef PIXELS_ISA_VARIANTS_H
#define PIXELS_ISA_VARIANTS_H

#include "pixels/isa.h"

#include <stdbool.h>

#define ISA_PASTE_(name, variant) name##_##variant
#define ISA_PASTE(name, variant)  ISA_PASTE_(name, variant)
#define ISA_NAME(name)            ISA_PASTE(name, ISA_VARIANT)

#if defined(__x86_64__)
#define ISA_DECLARE(name, ...)         \
    void name##_portable(__VA_ARGS__); \
    void name##_avx2(__VA_ARGS__);     \
    void name##_avx512(__VA_ARGS__)
#define ISA_PICK(name)                         \
    (isa_level() == ISA_AVX512 ? name##_avx512 \
     : isa_level() == ISA_AVX2 ? name##_avx2   \
                               : name##_portable)
#else
#define ISA_DECLARE(name, ...) void name##_portable(__VA_ARGS__)
#define ISA_PICK(name)         name##_portable
#endif

/* Whether this build and this CPU have the level. */
bool isa_available(enum isa level);

/* Puts an available level in use (asserted), whatever the environment says. For tests and
 * measurements: no loop may be running in another thread that is to use the former level. */
void isa_force(enum isa level);

#endif
