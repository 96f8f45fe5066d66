/* SPDX-License-Identifier: MIT */
/* import/usps.h — USPS as it is published: a line of libsvm text an image.
 *
 *     7 1:-1 2:-0.631 3:0.862 ... 256:-1
 *
 * Shape: 256 values in -1..1, row-major 16x16, each as feature:value, the features in order and
 * none left out; labels 1 to 10, which are digit + 1. A level is what torchvision's USPS makes of a
 * value: (x + 1) / 2 * 255 in float32, cut off. Source:
 * https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass.html#usps; torchvision
 * datasets/usps.py. Threads: any; pure.
 */
#ifndef IMPORT_USPS_H
#define IMPORT_USPS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { USPS_SIDE = 16, USPS_PIXELS = USPS_SIDE * USPS_SIDE, USPS_LABELS = 10 };

/* Longer lines are none of ours. */
enum { USPS_LINE_MAX = 16 << 10 };

/* One line, without its end. *label: 0 to 9.
 * Errors: -EINVAL, with the column where it stopped: told without the line's number. */
int usps_line(const char *line, size_t size, uint8_t pixels[USPS_PIXELS], uint8_t *label,
              struct err *e);

/* Whether a file that begins so is such text: a label, and the features 1 and 2. */
bool usps_begins(const uint8_t *bytes, size_t size);

#endif
