/* SPDX-License-Identifier: MIT */
/* Lines of pixels over any bytes: what is recognised is laid out or refused, and no line writes
 * more pixels than the layout has. */
#include "fuzz/fuzz.h"
#include "import/csv.h"

#include <assert.h>
#include <stdlib.h>

static void parse_lines(const struct csv_layout *l, const char *text, size_t size)
{
    size_t pixels = (size_t)l->shape.h * l->shape.w * l->shape.channels;
    uint8_t *to = malloc(pixels); /* exactly: a sanitizer sees what lies behind */
    int32_t label = 0;
    struct err e;
    assert(to);
    while (size) {
        const char *end = memchr(text, '\n', size);
        size_t n = end ? (size_t)(end - text) : size;
        if (csv_parse_line(l, text, n, to, &label, &e) == 0)
            assert(label >= 0);
        n += end != NULL;
        text += n;
        size -= n;
    }
    free(to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    uint8_t kind = input_u8(&in);
    const struct csv_wish wish = {.label_column = kind & 1   ? "label"
                                                  : kind & 2 ? "2"
                                                             : NULL,
                                  .height = kind & 4 ? 2 : 0,
                                  .width = kind & 4 ? 5 : 0};
    struct csv_layout l;
    struct err e;
    const char *text = (const char *)in.at;
    csv_looks_so(in.at, in.left);
    const char *end = in.left ? memchr(text, '\n', in.left) : NULL;
    size_t first = end ? (size_t)(end - text) : in.left;
    if (!first || csv_find_layout(text, first, &wish, &l, &e))
        return 0;
    size_t used = (l.label != CSV_NONE) + (l.number != CSV_NONE);
    assert((size_t)l.shape.h * l.shape.w * l.shape.channels + used == l.columns);
    parse_lines(&l, text, in.left);
    return 0;
}
