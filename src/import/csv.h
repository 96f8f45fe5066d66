/* SPDX-License-Identifier: MIT */
/* import/csv.h — images as lines of text: a pixel a column, and the label in one more.
 *
 * Columns stand between commas, semicolons or tabs, all lines alike; quotes around a value are
 * passed over. Colour pixels are interleaved. Threads: any; pure.
 */
#ifndef IMPORT_CSV_H
#define IMPORT_CSV_H

#include "base/err.h"
#include "import/set.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CSV_NONE SIZE_MAX

struct csv_layout {
    char separator;
    bool header;    /* the first line has names */
    size_t columns; /* of each line */
    size_t label;   /* which of them; CSV_NONE: no label is there */
    size_t number;  /* a column of running numbers, which is passed over; CSV_NONE */
    struct import_shape shape;
};

/* What the user says of it. */
struct csv_wish {
    const char *label_column; /* a name, or a number from 1 on; NULL */
    uint32_t height, width;   /* 0: the pixels are a square */
};

/* Whether the beginning of a file is such text. */
bool csv_looks_so(const uint8_t *bytes, size_t count);

/* Finds the layout by the first line, without its end. Errors: -EINVAL where the label's column is
 * not there, or the pixels are no square and no wish says what else. */
int csv_find_layout(const char *line, size_t size, const struct csv_wish *wish,
                    struct csv_layout *layout, struct err *e);

/* Takes a line of values apart, without its end. Shape: pixels[h][w][channels]. The label stays as
 * it is where none is there. Errors: -EINVAL with the column: wrong width, a value that is none. */
int csv_parse_line(const struct csv_layout *layout, const char *line, size_t size, uint8_t *pixels,
                   int32_t *label, struct err *e);

#endif
