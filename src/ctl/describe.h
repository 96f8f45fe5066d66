/* SPDX-License-Identifier: MIT */
/* ctl/describe.h — a dataset.yaml that lies in what is imported, read for src/import, which knows
 * no YAML. */
#ifndef CTL_DESCRIBE_H
#define CTL_DESCRIBE_H

#include "import/described.h"
#include "import/reader.h"

/* As import_options.describe. Parts that it cuts from others are told and left out. Errors: -EINVAL
 * "FILE:LINE: ...". */
int describe(const struct import_options *o, const char *where, const char *text, size_t size,
             struct import_set *set, struct described *d, struct err *e);

#endif
