/* SPDX-License-Identifier: MIT */
/* import/zip_end.h — whether all of a zip file is there.
 *
 * Its list of members stands at its end, so half of one has none; what is there could be read for a
 * while all the same. Source: APPNOTE.TXT 4.3.16. Threads: any.
 */
#ifndef IMPORT_ZIP_END_H
#define IMPORT_ZIP_END_H

#include "base/err.h"

#include <stdint.h>

/* Of a file of so many bytes. Returns 0 also where it is no zip file. Errors: -EINVAL: half of one;
 * those of reading it. */
int zip_check_end(int fd, uint64_t bytes, struct err *e);

#endif
