/* SPDX-License-Identifier: MIT */
/* ctl/indices.h — a list of indices as text: whole numbers with white space between.
 *
 * Threads: any. Memory: 4 bytes a number, malloc'd.
 */
#ifndef CTL_INDICES_H
#define CTL_INDICES_H

#include "base/err.h"

#include <stdint.h>

/* Reads a file, "-": standard input. Errors: -EINVAL for what is no whole number, with its line,
 * and for no number at all; -ENOMEM; other errno values where the file cannot be read.
 * Owns: the caller frees *indices. */
int indices_read(const char *path, uint32_t **indices, uint64_t *count, struct err *e);

#endif
