/* SPDX-License-Identifier: MIT */
/* import/picture_table.h — the classes.csv that `fmnistctl export --format png` writes beside the
 * pictures: which label a folder's are of, and what that is called.
 *
 *     folder,label,name
 *     0-T-shirt_top,0,T-shirt/top
 *     "1-a, b",1,"a, b"         a quote in quotes is doubled
 *
 * Without one, folders are numbered as they are sorted, and a label that no picture has is none.
 * Pure. Threads: one.
 */
#ifndef IMPORT_PICTURE_TABLE_H
#define IMPORT_PICTURE_TABLE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PICTURE_TABLE_NAME "classes.csv"
#define PICTURE_TABLE_HEAD "folder,label,name"

enum { PICTURE_TABLE_BYTES_MAX = 16 << 20 };

struct picture_table {
    char *text; /* owned; fields lie in it */
    struct picture_class {
        const char *folder, *name; /* name "": none */
        int32_t label;
    } * all; /* owned; [count] */
    size_t count;
};

/* Whether a file of that name begins as one. */
bool picture_table_is(const char *text, size_t size);

/* Errors: -EINVAL "line 3: ...", or more than PICTURE_TABLE_BYTES_MAX; -ENOMEM. End with
 * picture_table_close. */
int picture_table_parse(struct picture_table *t, const char *text, size_t size, struct err *e);
void picture_table_close(struct picture_table *t); /* accepts a zeroed one */

/* NULL: the folder is not in it. */
const struct picture_class *picture_table_find(const struct picture_table *t, const char *folder);

#endif
