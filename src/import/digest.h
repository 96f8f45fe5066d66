/* SPDX-License-Identifier: MIT */
/* import/digest.h — the SHA-256 of a file, as publishers tell it. Threads: any. Blocks: reads all
 * of it. */
#ifndef IMPORT_DIGEST_H
#define IMPORT_DIGEST_H

#include "base/err.h"

#include <stdint.h>

/* Returns 0, or 1: the path is no regular file. Errors: negative errno values. */
int digest_file(const char *path, uint8_t digest[32], struct err *e);

#endif
