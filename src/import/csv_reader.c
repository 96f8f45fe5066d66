/* SPDX-License-Identifier: MIT */
/* Files of lines, a split each. */
#include "import/csv.h"
#include "import/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 1 << 20, LINE_MAX_BYTES = 1 << 28, ROWS_MAX = 4096 };

struct csv_import {
    struct import_input *in;
    struct import_set *set;
    const struct import_options *o;
    char *text; /* [room], of which [first, end) is not read yet */
    size_t room, first, end;
    bool at_end;
    uint64_t line; /* the number of the last that was taken */

    struct csv_layout layout;
    int split;
    uint8_t *pixels; /* [rows_max][h][w][channels] */
    int32_t labels[ROWS_MAX];
    size_t rows, rows_max;
    bool any_labels;
};

static bool recognise(const struct import_head *head, const struct import_options *o)
{
    return csv_looks_so(head->bytes, head->count);
}

/* ---- lines --------------------------------------------------------------------------------- */

static int read_more(struct csv_import *x, struct err *e)
{
    memmove(x->text, x->text + x->first, x->end - x->first);
    x->end -= x->first;
    x->first = 0;
    if (x->end == x->room) {
        if (x->room >= LINE_MAX_BYTES)
            return err_set(e, -EINVAL, "line %llu has more than %d bytes",
                           (unsigned long long)x->line + 1, LINE_MAX_BYTES);
        char *more = realloc(x->text, x->room * 2);
        if (!more)
            return err_set(e, -ENOMEM, "out of memory");
        x->text = more;
        x->room *= 2;
    }
    ssize_t n = import_input_read(x->in, x->text + x->end, x->room - x->end, e);
    if (n < 0)
        return (int)n;
    x->at_end = (size_t)n < x->room - x->end;
    x->end += (size_t)n;
    return 0;
}

/* The next line that is not empty, without its end; valid until the next call. Returns 1; 0 behind
 * the last. */
static int next_line(struct csv_import *x, const char **line, size_t *size, struct err *e)
{
    size_t looked = x->first;
    for (;;) {
        const char *end = memchr(x->text + looked, '\n', x->end - looked);
        if (!end && !x->at_end) {
            looked = x->end - x->first;
            int rc = read_more(x, e);
            if (rc < 0)
                return rc;
            continue;
        }
        if (!end && x->first == x->end)
            return 0;
        *line = x->text + x->first;
        *size = end ? (size_t)(end - *line) : x->end - x->first;
        x->first += *size + (end != NULL);
        looked = x->first;
        x->line++;
        while (*size && strchr("\r \t", (*line)[*size - 1]) && (*line)[*size - 1])
            --*size;
        if (*size)
            return 1;
    }
}

/* ---- rows ---------------------------------------------------------------------------------- */

static int flush(struct csv_import *x, struct err *e)
{
    int rc = import_set_images(x->set, x->split, x->layout.shape, x->pixels, x->rows, e);
    if (!rc)
        rc = import_set_labels(x->set, x->split, 1, x->labels, x->rows, e);
    x->rows = 0;
    return rc;
}

static int read_row(struct csv_import *x, const char *line, size_t size, struct err *e)
{
    const struct import_shape *s = &x->layout.shape;
    int rc = csv_parse_line(&x->layout, line, size, x->pixels + x->rows * s->h * s->w * s->channels,
                            &x->labels[x->rows], e);
    if (rc)
        return err_prefix(e, rc, "line %llu", (unsigned long long)x->line);
    return ++x->rows == x->rows_max ? flush(x, e) : 0;
}

static int make_rows(struct csv_import *x, struct err *e)
{
    const struct import_shape *s = &x->layout.shape;
    size_t row = (size_t)s->h * s->w * s->channels;
    x->rows = 0;
    x->rows_max = row < BLOCK_BYTES ? BLOCK_BYTES / row : 1;
    x->rows_max = x->rows_max < ROWS_MAX ? x->rows_max : ROWS_MAX;
    free(x->pixels);
    x->pixels = malloc(x->rows_max * row);
    return x->pixels ? 0 : err_set(e, -ENOMEM, "out of memory");
}

static int read_file(struct csv_import *x, const struct import_member *m, struct err *e)
{
    const struct csv_wish wish = {x->o->label_column, x->o->height, x->o->width};
    const char *line;
    size_t size;
    x->first = x->end = 0;
    x->line = 0;
    x->at_end = false;
    int rc = next_line(x, &line, &size, e);
    if (rc <= 0)
        return rc;
    if (size > 3 && !memcmp(line, "\xef\xbb\xbf", 3)) { /* UTF-8's byte order mark */
        line += 3;
        size -= 3;
    }
    rc = csv_find_layout(line, size, &wish, &x->layout, e);
    if (rc)
        return rc;
    if (x->layout.label == CSV_NONE) {
        import_note(x->o, false, "%s is left out: it has no labels", import_input_where(x->in));
        return 0;
    }
    x->any_labels = true;
    x->split = import_set_split(x->set, import_split_name(m, x->o), e);
    rc = x->split < 0 ? x->split : make_rows(x, e);
    if (!rc && !x->layout.header)
        rc = read_row(x, line, size, e);
    int more = rc;
    while (!rc && (more = next_line(x, &line, &size, e)) == 1)
        rc = read_row(x, line, size, e);
    if (!rc)
        rc = more;
    return rc || !x->rows ? rc : flush(x, e);
}

static int read_members(struct csv_import *x, struct err *e)
{
    struct import_member m;
    const uint8_t *bytes;
    int rc;
    while ((rc = import_input_next(x->in, &m, e)) == 1) {
        ssize_t n = import_input_peek(x->in, &bytes, e);
        if (n < 0)
            return (int)n;
        if (!csv_looks_so(bytes, (size_t)n))
            continue;
        rc = read_file(x, &m, e);
        if (rc)
            return rc;
    }
    if (!rc && !x->any_labels)
        return err_set(e, -EINVAL, "no column has labels: say which one, --label-column");
    return rc;
}

static int read_csv(struct import_input *in, struct import_set *set, const struct import_options *o,
                    struct err *e)
{
    struct csv_import *x = calloc(1, sizeof *x);
    if (!x)
        return err_set(e, -ENOMEM, "out of memory");
    x->in = in;
    x->set = set;
    x->o = o;
    x->room = BLOCK_BYTES;
    x->text = calloc(1, BLOCK_BYTES);
    int rc = x->text ? read_members(x, e) : err_set(e, -ENOMEM, "out of memory");
    free(x->text);
    free(x->pixels);
    free(x);
    return rc;
}

const struct import_reader import_reader_csv = {
    .word = "csv",
    .text = "pixels as text, an image a line (.csv)",
    .recognise = recognise,
    .read = read_csv,
    .takes = "--label-column --size",
};
