/* SPDX-License-Identifier: MIT */
/* base/crc32.h — CRC-32 as in gzip (RFC 1952 section 8), for small things where zlib is not linked.
 * Threads: any. */
#ifndef BASE_CRC32_H
#define BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32_of(const void *data, size_t size);

#endif
