/* SPDX-License-Identifier: MIT */
/* Windows looked through, compiled once a level (isa_variants.h).
 *
 * Small levels (28 x 28, 32 x 32 with any border) go row by row through two byte shuffles, the same
 * for all rows, so that a flip or a reflected border costs nothing. All else is made of runs:
 * pieces of a row that are copied, mirrored, repeated or filled. */
#include "pixels/window.h"

#include <string.h>

/* ---- axes, whether they are lines or maps -------------------------------------------------- */

static inline int32_t place(const struct window_axis *axis, int32_t i)
{
    if (axis->map)
        return axis->map[i];
    return i >= axis->lo && i < axis->hi ? axis->first + axis->step * i : -1;
}

/* ---- runs ---------------------------------------------------------------------------------- */

/* Places i .. i + length - 1 show from, from + step, ...; from is -1 where they show nothing. */
struct run {
    int32_t i, length, from, step;
};

static struct run run_at(const struct window_axis *axis, int32_t i)
{
    struct run r = {i, 1, place(axis, i), 0};
    if (i + 1 < axis->out && r.from >= 0) {
        int32_t second = place(axis, i + 1);
        r.step = second < 0 ? 0 : second - r.from;
        if (r.step < -1 || r.step > 1)
            r.step = 0;
    }
    while (r.i + r.length < axis->out) {
        int32_t next = place(axis, r.i + r.length);
        if (r.from < 0 ? next >= 0 : next < 0 || next != r.from + r.step * r.length)
            break;
        r.length++;
    }
    return r;
}

#define DEFINE_RUNS(type)                                                                        \
    static inline void copy_run_##type(const struct run *r, const type *restrict row, type fill, \
                                       type *restrict out)                                       \
    {                                                                                            \
        out += r->i;                                                                             \
        if (r->from < 0 || r->step == 0) {                                                       \
            type v = r->from < 0 ? fill : row[r->from];                                          \
            for (int32_t k = 0; k < r->length; k++)                                              \
                out[k] = v;                                                                      \
        } else if (r->step == 1) {                                                               \
            memcpy(out, row + r->from, (size_t)r->length * sizeof *out);                         \
        } else {                                                                                 \
            const type *last = row + r->from - (r->length - 1);                                  \
            for (int32_t k = 0; k < r->length; k++)                                              \
                out[r->length - 1 - k] = last[k];                                                \
        }                                                                                        \
    }                                                                                            \
                                                                                                 \
    /* Run by run, each down all rows: there are few of them, and they need no room. */          \
    static void window_runs_##type(const struct window *w, const type *restrict in, type fill,   \
                                   type *restrict out)                                           \
    {                                                                                            \
        const struct window_axis *rows = &w->rows, *columns = &w->columns;                       \
        struct run nothing = {0, columns->out, -1, 0};                                           \
        for (int32_t x = 0; x < columns->out;) {                                                 \
            struct run r = run_at(columns, x);                                                   \
            for (int32_t y = 0; y < rows->out; y++) {                                            \
                int32_t from = place(rows, y);                                                   \
                type *row = out + (size_t)y * columns->out;                                      \
                if (from >= 0)                                                                   \
                    copy_run_##type(&r, in + (size_t)from * columns->in, fill, row);             \
                else if (x == 0)                                                                 \
                    copy_run_##type(&nothing, in, fill, row);                                    \
            }                                                                                    \
            x += r.length;                                                                       \
        }                                                                                        \
    }
DEFINE_RUNS(uint8_t)
DEFINE_RUNS(float)

/* ---- shuffles ------------------------------------------------------------------------------ */

#define SHUFFLED 32 /* the longest row, in and out */

#if defined(__AVX2__)
#include <immintrin.h>

/* Where each byte of an output row comes from: the row's first or second 16 bytes, or nowhere. */
struct shuffle {
    __m256i left, right, nothing;
};

static inline struct shuffle shuffle_of(const struct window_axis *columns)
{
    const __m256i iota =
        _mm256_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
                         21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
    __m256i source, nothing;
    if (columns->map) {
        int8_t bytes[SHUFFLED] = {0};
        for (int32_t x = 0; x < columns->out; x++)
            bytes[x] = (int8_t)columns->map[x];
        source = _mm256_loadu_si256((const __m256i *)(const void *)bytes);
        nothing = _mm256_cmpgt_epi8(_mm256_setzero_si256(), source);
    } else {
        __m256i sign = _mm256_set1_epi8(columns->step < 0 ? -1 : 0);
        source = _mm256_sub_epi8(_mm256_xor_si256(iota, sign), sign);
        source = _mm256_add_epi8(source, _mm256_set1_epi8((int8_t)columns->first));
        nothing =
            _mm256_or_si256(_mm256_cmpgt_epi8(_mm256_set1_epi8((int8_t)columns->lo), iota),
                            _mm256_cmpgt_epi8(iota, _mm256_set1_epi8((int8_t)(columns->hi - 1))));
    }
    /* A control byte with its highest bit set gives 0. */
    __m256i in_right = _mm256_cmpgt_epi8(source, _mm256_set1_epi8(15));
    return (struct shuffle){
        .left = _mm256_or_si256(source, _mm256_or_si256(in_right, nothing)),
        .right = _mm256_or_si256(
            _mm256_sub_epi8(source, _mm256_set1_epi8(16)),
            _mm256_or_si256(_mm256_xor_si256(in_right, _mm256_set1_epi8(-1)), nothing)),
        .nothing = nothing};
}

static inline __m256i shuffled(const struct shuffle *s, const uint8_t *row, __m256i fill)
{
    __m256i left = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)row));
    __m256i right =
        _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)(row + 16)));
    left = _mm256_shuffle_epi8(left, s->left);
    right = _mm256_shuffle_epi8(right, s->right);
    return _mm256_or_si256(_mm256_or_si256(left, right), fill);
}

/* How many of a plane's rows, from the first on, can be read or written 32 bytes at a time: nothing
 * that belongs to others may be touched behind `room` bytes. */
static inline int32_t whole_rows(int32_t rows, int32_t width, size_t room)
{
    while (rows > 0 && (size_t)(rows - 1) * (size_t)width + SHUFFLED > room)
        rows--;
    return rows;
}

#define COPY_BYTES \
    (2 * SHUFFLED) /* the rows that cannot be read whole begin in so many last ones */

/* Where rows are read from. Addresses are numbers here, so that the compiler may choose between
 * them several at a time. */
struct source {
    uintptr_t plane;
    uintptr_t behind;  /* as the plane, for the rows from `whole` on: a copy */
    uintptr_t nothing; /* a row of the fill */
    int32_t whole;
    intptr_t in_w;
};

#define ROWS 32 /* whose sources are found at a time */

static inline uintptr_t row_source(const struct source *s, int32_t row, bool outside)
{
    uintptr_t from = row < s->whole ? s->plane : s->behind;
    from += (uintptr_t)(row * s->in_w);
    return outside ? s->nothing : from;
}

/* Of the output rows y .. y + ROWS - 1, or fewer. */
static inline void find_sources(const struct window_axis *rows, const struct source *source,
                                int32_t y, uintptr_t sources[ROWS])
{
    const struct source s = *source;
    if (rows->map) {
        for (int32_t i = 0; i < ROWS && y + i < rows->out; i++)
            sources[i] = row_source(&s, rows->map[y + i], rows->map[y + i] < 0);
        return;
    }
    const int32_t first = rows->first, step = rows->step, lo = rows->lo, hi = rows->hi;
    for (int32_t i = 0; i < ROWS; i++) {
        int32_t at = y + i;
        sources[i] = row_source(&s, first + step * at, (at < lo) | (at >= hi));
    }
}

/* n <= 32 bytes of v. */
static inline void store_part(uint8_t *out, __m256i v, size_t n)
{
#if defined(__AVX512BW__) && defined(__AVX512VL__)
    _mm256_mask_storeu_epi8(out, (__mmask32)((1ull << n) - 1), v);
#else
    uint8_t bytes[SHUFFLED];
    _mm256_storeu_si256((__m256i *)(void *)bytes, v);
    memcpy(out, bytes, n);
#endif
}

/* Rows are written over their ends too: what goes there is the next row's, which comes later. */
static inline void shuffle_plane(const struct window_axis *rows, const struct shuffle *shuffle,
                                 const struct source *source, __m256i border, uint8_t *out,
                                 size_t out_w, int32_t whole)
{
    const struct shuffle in_registers = *shuffle;
    const int32_t height = rows->out;
    for (int32_t first = 0; first < height; first += ROWS) {
        uintptr_t sources[ROWS];
        find_sources(rows, source, first, sources);
        int32_t end = height - first < ROWS ? height - first : ROWS;
        int32_t whole_end = whole - first < end ? whole - first : end, i = 0;
        for (; i < whole_end; i++, out += out_w)
            _mm256_storeu_si256((__m256i *)(void *)out,
                                shuffled(&in_registers, (const uint8_t *)sources[i], border));
        for (; i < end; i++, out += out_w)
            store_part(out, shuffled(&in_registers, (const uint8_t *)sources[i], border), out_w);
    }
}

static void window_shuffled(const struct window *w, const uint8_t *in, const uint8_t *fill,
                            uint8_t *out)
{
    const struct window_axis *rows = &w->rows;
    const size_t in_w = (size_t)w->columns.in, out_w = (size_t)w->columns.out;
    const size_t in_plane = (size_t)rows->in * in_w, out_plane = (size_t)rows->out * out_w;
    const size_t in_bytes = w->planes * in_plane, out_bytes = w->planes * out_plane;
    const struct shuffle shuffle = shuffle_of(&w->columns);
    uint8_t copy[COPY_BYTES + SHUFFLED] = {0}, nothing[SHUFFLED];
    size_t copied = in_bytes < COPY_BYTES ? in_bytes : COPY_BYTES;
    if (copied == COPY_BYTES)
        memcpy(copy, in + in_bytes - COPY_BYTES, COPY_BYTES);
    else
        memcpy(copy, in, copied);
    for (uint32_t p = 0; p < w->planes; p++) {
        size_t in_at = p * in_plane, out_at = p * out_plane;
        __m256i level = _mm256_set1_epi8((char)fill[p]);
        _mm256_storeu_si256((__m256i *)(void *)nothing, level);
        struct source s = {.plane = (uintptr_t)in + in_at,
                           .behind = (uintptr_t)copy + copied - (in_bytes - in_at),
                           .nothing = (uintptr_t)nothing,
                           .whole = whole_rows(rows->in, (int32_t)in_w, in_bytes - in_at),
                           .in_w = (intptr_t)in_w};
        int32_t whole = whole_rows(rows->out, (int32_t)out_w, out_bytes - out_at);
        __m256i border = _mm256_and_si256(shuffle.nothing, level);
        shuffle_plane(rows, &shuffle, &s, border, out + out_at, out_w, whole);
    }
}

static inline bool may_shuffle(const struct window *w)
{
    return w->columns.in <= SHUFFLED && w->columns.out <= SHUFFLED;
}

#else

static inline bool may_shuffle(const struct window *w)
{
    return false;
}

static void window_shuffled(const struct window *w, const uint8_t *in, const uint8_t *fill,
                            uint8_t *out)
{
}

#endif

/* ---- one picture --------------------------------------------------------------------------- */

void ISA_NAME(window_levels)(const struct window *w, const uint8_t *in, const uint8_t *fill,
                             uint8_t *out)
{
    size_t in_pixels = (size_t)w->rows.in * (size_t)w->columns.in;
    size_t out_pixels = (size_t)w->rows.out * (size_t)w->columns.out;
    if (may_shuffle(w)) {
        window_shuffled(w, in, fill, out);
        return;
    }
    for (uint32_t p = 0; p < w->planes; p++, in += in_pixels, out += out_pixels)
        window_runs_uint8_t(w, in, fill[p], out);
}

void ISA_NAME(window_floats)(const struct window *w, const float *in, const float *fill, float *out)
{
    size_t in_pixels = (size_t)w->rows.in * (size_t)w->columns.in;
    size_t out_pixels = (size_t)w->rows.out * (size_t)w->columns.out;
    for (uint32_t p = 0; p < w->planes; p++, in += in_pixels, out += out_pixels)
        window_runs_float(w, in, fill[p], out);
}
