/* SPDX-License-Identifier: MIT */
/* Fuzzes a cut's texts and what is made of them: any text is refused, or is of images that the
 * split has, the same ones whatever the steps are. The first byte says how many images there are,
 * the second how the work is divided; a NUL ends the split's text. */
#include "cut/make.h"
#include "fuzz/fuzz.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static int run(struct cut_made *made, const struct cut *c, const struct cut_source *source,
               uint64_t piece)
{
    struct cut_maker *m;
    struct err e;
    int rc = cut_maker_new(&m, c, source, &e);
    assert(!rc);
    while (!rc)
        rc = cut_maker_step(m, piece, &e);
    assert(rc == 1 || rc == -EINVAL);
    *made = (struct cut_made){0};
    if (rc == 1)
        cut_maker_take(m, made);
    cut_maker_free(m);
    return rc;
}

static void check(const struct cut_made *a, const struct cut_made *b,
                  const struct cut_source *source)
{
    assert(a->count == b->count && a->count >= 1 && a->count <= source->count);
    assert(!a->indices == !b->indices && !a->table == !b->table);
    for (uint64_t i = 0; a->indices && i < a->count; i++)
        assert(a->indices[i] < source->count && a->indices[i] == b->indices[i]);
    assert(!a->table || !memcmp(a->table, b->table, a->table_count * sizeof *a->table));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    char split[64] = "", selection[CUT_TEXT_SIZE] = "";
    int32_t labels[256];
    struct cut_source source = {
        .count = 1 + input_u8(&in), .labels = labels, .label_min = -1, .label_max = 6};
    uint64_t piece = 1 + input_u8(&in);
    for (unsigned i = 0; i < 256; i++)
        labels[i] = (int32_t)(i * i % 8) - 1;
    size_t n = strnlen((const char *)in.at, in.left), m = n < sizeof split ? n : sizeof split - 1;
    memcpy(split, in.at, m);
    if (n < in.left)
        memcpy(selection, in.at + n + 1,
               in.left - n - 1 < sizeof selection ? in.left - n - 1 : sizeof selection - 1);
    struct cut *c = calloc(1, sizeof *c);
    assert(c);
    struct err e = {""};
    int rc = cut_add_split(c, split, &e);
    if (!rc)
        rc = cut_add_selection(c, selection, &e);
    assert(!rc || (rc == -EINVAL && *e.text));
    struct cut_made whole, pieces;
    if (!rc) {
        rc = run(&whole, c, &source, UINT64_MAX);
        int again = run(&pieces, c, &source, piece);
        assert(rc == again);
        if (rc == 1)
            check(&whole, &pieces, &source);
        free(whole.indices), free(whole.table), free(pieces.indices), free(pieces.table);
    }
    free(c);
    return 0;
}
