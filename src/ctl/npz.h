/* SPDX-License-Identifier: MIT */
/* ctl/npz.h — an .npz file: named arrays in a ZIP archive, written as they come, in bounded memory.
 *
 * Shape: entries are stored, not compressed; each is a .npy of version 1.0. Sizes are known before
 * the first byte of an entry, as the formats want.
 * Source: numpy.lib.format; APPNOTE.TXT (through libarchive, ZIP64 where it is needed).
 * Threads: one. Errors: negative errno values, with text: -EIO, -ENOMEM, -EFBIG.
 */
#ifndef CTL_NPZ_H
#define CTL_NPZ_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct npz;

/* Writes to an open descriptor, which stays the caller's. Owns: end with npz_close. */
int npz_open(struct npz **out, int fd, struct err *e);

/* Begins array `name`; the one before must be whole (-EIO). `descr` is NumPy's type string ("<f4").
 */
int npz_begin(struct npz *z, const char *name, const char *descr, const uint64_t *shape,
              size_t dimensions, uint32_t item_bytes, struct err *e);

/* The next bytes of the array. Errors: -EIO also for more than the shape has; nothing of them is
 * written then. */
int npz_write(struct npz *z, const void *data, size_t size, struct err *e);

/* Finishes the archive and frees, also where it fails. Errors: -EIO also for an array that is not
 * whole. `z` may be NULL. */
int npz_close(struct npz *z, struct err *e);

#endif
