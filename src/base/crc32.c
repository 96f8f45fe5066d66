/* SPDX-License-Identifier: MIT */
/* A bit at a time: the largest input is a 44-byte token, so a table would cost more than it saves.
 */
#include "base/crc32.h"

uint32_t crc32_of(const void *data, size_t size)
{
    const uint8_t *p = data;
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < size; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}
