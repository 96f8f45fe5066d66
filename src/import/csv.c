/* SPDX-License-Identifier: MIT */
/* One line at a time. */
#include "import/csv.h"

#include "dataset/cache_format.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { COLUMNS_MIN = 10 }; /* a label and 3 x 3 pixels */

/* ---- a value ------------------------------------------------------------------------------- */

struct value {
    const char *text;
    size_t size;
};

/* The value at *at, without spaces and quotes; *at goes behind its separator, or behind the line's
 * end by one. */
static struct value next_value(const char *line, size_t size, char separator, size_t *at)
{
    const char *begin = line + *at, *end = memchr(begin, separator, size - *at);
    if (!end)
        end = line + size;
    *at = (size_t)(end - line) + 1;
    while (begin < end && (*begin == ' ' || *begin == '"'))
        begin++;
    while (end > begin && (end[-1] == ' ' || end[-1] == '"'))
        end--;
    return (struct value){begin, (size_t)(end - begin)};
}

/* A whole number, which may be written as a real: "5", "5.0". Returns -1 where it is none, or too
 * large. */
static int64_t number_of(struct value v)
{
    int64_t n = 0;
    size_t i = 0;
    for (; i < v.size && i < 10 && isdigit((unsigned char)v.text[i]); i++)
        n = 10 * n + (v.text[i] - '0');
    if (i == 0)
        return -1;
    if (i < v.size && v.text[i] == '.')
        for (i++; i < v.size && v.text[i] == '0';)
            i++;
    return i == v.size ? n : -1;
}

static bool is_word(struct value v, const char *word)
{
    return strlen(word) == v.size && !strncasecmp(word, v.text, v.size);
}

/* ---- recognising --------------------------------------------------------------------------- */

static char find_separator(const char *line, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (strchr(",;\t", line[i]) && line[i])
            return line[i];
    return ',';
}

static size_t count_columns(const char *line, size_t size, char separator)
{
    size_t n = 1;
    for (size_t i = 0; i < size; i++)
        n += line[i] == separator;
    return n;
}

static bool is_numbers(const char *line, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!line[i] || !strchr("0123456789.,;\t \"-", line[i]))
            return false;
    return size > 0;
}

static size_t line_size(const char *text, size_t count)
{
    const char *end = memchr(text, '\n', count);
    size_t n = end ? (size_t)(end - text) : count;
    return n && text[n - 1] == '\r' ? n - 1 : n;
}

bool csv_looks_so(const uint8_t *bytes, size_t count)
{
    const char *text = (const char *)bytes;
    for (size_t i = 0; i < count; i++)
        if (bytes[i] < 0x20 && bytes[i] != '\n' && bytes[i] != '\r' && bytes[i] != '\t')
            return false;
    size_t first = line_size(text, count);
    if (count_columns(text, first, find_separator(text, first)) < COLUMNS_MIN)
        return false;
    const char *next = memchr(text, '\n', count);
    size_t left = next ? count - (size_t)(next + 1 - text) : 0;
    return is_numbers(text, first) || !left || is_numbers(next + 1, line_size(next + 1, left));
}

/* ---- layout -------------------------------------------------------------------------------- */

static uint32_t square_root(size_t n)
{
    uint32_t side = 1;
    while ((size_t)side * side < n && side <= SPLIT_SIDE_MAX)
        side++;
    return (size_t)side * side == n ? side : 0;
}

/* Whether so many pixels are an image. */
static bool find_shape(size_t pixels, const struct csv_wish *wish, struct import_shape *shape)
{
    for (uint32_t channels = 1; channels <= 3; channels += 2) {
        uint32_t side = pixels % channels ? 0 : square_root(pixels / channels);
        *shape = (struct import_shape){side, side, channels};
        if (wish->height)
            *shape = (struct import_shape){wish->height, wish->width, channels};
        if (pixels && (size_t)shape->h * shape->w * channels == pixels)
            return true;
    }
    return false;
}

/* The columns by their names: the label's, and one of running numbers. */
static void read_header(const char *line, size_t size, struct csv_layout *l)
{
    static const char *const labels[] = {"label", "labels", "class", "target", "y"};
    size_t at = 0;
    for (size_t column = 0; at <= size; column++) {
        struct value v = next_value(line, size, l->separator, &at);
        for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
            if (l->label == CSV_NONE && is_word(v, labels[i]))
                l->label = column;
        if (column == 0 && (is_word(v, "id") || is_word(v, "index") || !v.size))
            l->number = column;
    }
}

/* The column that the user says: by its name, else by its number. */
static int find_said(const char *line, size_t size, const char *said, struct csv_layout *l,
                     struct err *e)
{
    size_t at = 0;
    for (size_t column = 0; l->header && at <= size; column++) {
        struct value v = next_value(line, size, l->separator, &at);
        if (strlen(said) == v.size && !memcmp(said, v.text, v.size)) {
            l->label = column;
            return 0;
        }
    }
    int64_t n = number_of((struct value){said, strlen(said)});
    if (n < 1 || (uint64_t)n > l->columns)
        return err_set(e, -EINVAL, "--label-column %s: its first line has no such column, of %zu",
                       said, l->columns);
    l->label = (size_t)n - 1;
    return 0;
}

int csv_find_layout(const char *line, size_t size, const struct csv_wish *wish,
                    struct csv_layout *l, struct err *e)
{
    *l = (struct csv_layout){.label = CSV_NONE, .number = CSV_NONE};
    l->separator = find_separator(line, size);
    l->columns = count_columns(line, size, l->separator);
    l->header = !is_numbers(line, size);
    if (l->header)
        read_header(line, size, l);
    if (wish->label_column) {
        int rc = find_said(line, size, wish->label_column, l, e);
        if (rc)
            return rc;
        if (l->label == l->number) /* labels, whatever its name is */
            l->number = CSV_NONE;
    }
    size_t pixels = l->columns - (l->number != CSV_NONE) - (l->label != CSV_NONE);
    if (find_shape(pixels, wish, &l->shape))
        return 0;
    if (l->label == CSV_NONE && find_shape(pixels - 1, wish, &l->shape)) {
        l->label = l->number == CSV_NONE ? 0 : 1; /* what stands first */
        return 0;
    }
    return err_set(e, -EINVAL, "line 1 has %zu columns, and %zu pixels are no %s: say --size%s",
                   l->columns, l->label == CSV_NONE ? pixels - 1 : pixels,
                   wish->height ? "image of that size" : "square",
                   l->label == CSV_NONE ? " or --label-column" : "");
}

/* ---- a line -------------------------------------------------------------------------------- */

static int refuse_value(size_t column, struct value v, const char *want, struct err *e)
{
    return err_set(e, -EINVAL, "column %zu is \"%.*s\", want %s", column + 1,
                   (int)(v.size < 40 ? v.size : 40), v.text, want);
}

int csv_parse_line(const struct csv_layout *l, const char *line, size_t size, uint8_t *pixels,
                   int32_t *label, struct err *e)
{
    size_t at = 0, column = 0;
    for (; column < l->columns && at <= size; column++) {
        struct value v = next_value(line, size, l->separator, &at);
        int64_t n = number_of(v);
        if (column == l->number)
            continue;
        if (column == l->label) {
            if (n < 0 || n > INT32_MAX)
                return refuse_value(column, v, "a label, a whole number from 0 on", e);
            *label = (int32_t)n;
        } else if (n < 0 || n > 255) {
            return refuse_value(column, v, "a level from 0 to 255", e);
        } else {
            *pixels++ = (uint8_t)n;
        }
    }
    if (column == l->columns && at > size)
        return 0;
    return err_set(e, -EINVAL, "%zu columns, want %zu", count_columns(line, size, l->separator),
                   l->columns);
}
