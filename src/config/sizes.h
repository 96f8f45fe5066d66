/* SPDX-License-Identifier: MIT */
/* config/sizes.h — sizes as people write them: bytes, or a whole number with KiB, MiB, GiB or TiB.
 *
 * Threads: any. Memory: none.
 */
#ifndef CONFIG_SIZES_H
#define CONFIG_SIZES_H

#include <stdbool.h>
#include <stdint.h>

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)

/* Digits, then nothing or a unit. Returns false for anything else and for what does not fit. */
bool size_parse(const char *text, uint64_t *bytes);

/* A size in its largest whole unit; `plain` stands behind one of bytes. */
#define SIZE_TEXT_SIZE 32
const char *size_text(uint64_t bytes, const char *plain, char text[SIZE_TEXT_SIZE]);

#endif
