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

/* Rows are read and written 32 bytes at a time, over their ends, where the planes have them. What
 * is written over an end is a later row's. */
static void window_shuffled(const struct window *w, const uint8_t *in, const uint8_t *fill,
                            uint8_t *out)
{
    const struct window_axis *rows = &w->rows, *columns = &w->columns;
    const size_t in_w = (size_t)columns->in, out_w = (size_t)columns->out;
    const size_t plane = (size_t)rows->in * in_w;
    const uint8_t *in_end = in + w->planes * plane;
    uint8_t *out_end = out + w->planes * (size_t)rows->out * out_w;
    struct shuffle s = shuffle_of(columns);
    uint8_t row[SHUFFLED] = {0};
    for (uint32_t p = 0; p < w->planes; p++, in += plane) {
        __m256i level = _mm256_set1_epi8((char)fill[p]);
        __m256i border = _mm256_and_si256(s.nothing, level);
        for (int32_t y = 0; y < rows->out; y++, out += out_w) {
            int32_t from = place(rows, y);
            __m256i v = level;
            if (from >= 0) {
                const uint8_t *source = in + (size_t)from * in_w;
                if (source + SHUFFLED > in_end)
                    source = memcpy(row, source, in_w);
                v = shuffled(&s, source, border);
            }
            if (out + SHUFFLED <= out_end) {
                _mm256_storeu_si256((__m256i *)(void *)out, v);
            } else {
                _mm256_storeu_si256((__m256i *)(void *)row, v);
                memcpy(out, row, out_w);
            }
        }
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
