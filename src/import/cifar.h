/* SPDX-License-Identifier: MIT */
/* import/cifar.h — the records of CIFAR's binary version: labels, then an image in planes. Threads:
 * any; pure. */
#ifndef IMPORT_CIFAR_H
#define IMPORT_CIFAR_H

#include <stddef.h>
#include <stdint.h>

enum { CIFAR_SIDE = 32, CIFAR_CHANNELS = 3, CIFAR_IMAGE_BYTES = 32 * 32 * 3 };

/* How many labels stand before an image: 1 of CIFAR-10, 2 of CIFAR-100 (coarse, fine); 0: by its
 * first bytes and its size (UINT64_MAX: not known) the file has no such records. */
unsigned cifar_labels(const uint8_t *bytes, size_t count, uint64_t size);

#endif
