/* SPDX-License-Identifier: MIT */
/* The loops of the last step, compiled once a level (isa_variants.h).
 *
 * A sample goes through in blocks that stay in the first-level cache:
 *
 *     levels ─widen─► float32 ─normalise─► float32 ─narrow─► values ─interleave─► image
 *
 * and a stage that a plan does not need is left out: level to float32 in planar layout, the common
 * case, is one loop from the sample into the image. Levels of several channels are interleaved
 * first, as bytes, a quarter of what floats are to move; of three channels a row at a time, which
 * does not leave the registers before it is made of values. Every stage is elementwise IEEE
 * arithmetic, nearly all of which the compiler vectorises; there are no tables, because computing
 * is as fast. Needs libc only: the client library links this.
 */
#include "pixels/convert_plan.h"
#include "pixels/u8_to_unit_f32.h"

#include <string.h>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#define BLOCK 512u /* pixels */

/* ---- stages */

static inline void widen(float *restrict out, const uint8_t *restrict levels, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = u8_to_unit_f32(levels[i]);
}

/* The product with the rounded 1 / 255, as v2.ToDtype has it. */
static inline void widen_product(float *restrict out, const uint8_t *restrict levels, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)levels[i] * (1.0f / 255.0f);
}

static inline void normalise(float *restrict out, const float *restrict in, size_t n, float mean,
                             float std)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (in[i] - mean) / std;
}

static inline void widen_normalise(float *restrict out, const uint8_t *restrict levels, size_t n,
                                   float mean, float std)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (u8_to_unit_f32(levels[i]) - mean) / std;
}

static inline uint32_t float_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

static inline float bits_float(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

/* Nearest, ties to even. No NaN can come: levels, mean and std are finite and std is not 0. */
static inline void narrow_bfloat16(uint16_t *restrict out, const float *restrict in, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t u = float_bits(in[i]);
        out[i] = (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
    }
}

/* The same for IEEE binary16, whose three ranges are computed side by side so that a compiler can
 * turn the choice into a blend:
 *   normal     the exponent's bias changes by 112 and 13 bits of the mantissa are rounded away; a
 *              carry out of the mantissa is right, up to and including infinity;
 *   subnormal  below 2^-14 results are multiples of 2^-24: adding 0.5, whose last bit is 2^-24,
 *              makes the float adder round there;
 *   infinite   from 2^16 on. */
static inline uint16_t float16_bits(float f)
{
    uint32_t u = float_bits(f);
    uint32_t sign = u >> 16 & 0x8000;
    uint32_t magnitude = u & 0x7fffffff;
    uint32_t normal = (magnitude - (112u << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13;
    uint32_t subnormal = float_bits(bits_float(magnitude) + 0.5f) - float_bits(0.5f);
    uint32_t r = magnitude < 0x38800000 ? subnormal : normal;
    r = magnitude >= 0x47800000 ? 0x7c00 : r;
    return (uint16_t)(r | sign);
}

static inline void narrow_float16(uint16_t *restrict out, const float *restrict in, size_t n)
{
    size_t i = 0;
#if defined(__F16C__)
    for (; i + 8 <= n; i += 8) {
        __m128i h = _mm256_cvtps_ph(_mm256_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT);
        _mm_storeu_si128((__m128i *)(void *)(out + i), h);
    }
#endif
    for (; i < n; i++)
        out[i] = float16_bits(in[i]);
}

/* ---- one block of one channel, to contiguous values */

/* float32 values of n pixels from `first` of channel c, normalised; written to `out`. */
static inline void block_floats(const struct convert_plan *plan, const uint8_t *sample, uint32_t c,
                                size_t first, size_t n, float *restrict out)
{
    const struct convert_shape *s = &plan->shape;
    size_t at = (s->in_channels == 1 ? 0 : c) * plan->pixels + first;
    const uint8_t *levels = sample + at;
    const float *floats = (const float *)(const void *)sample + at;
    if (s->float_samples && s->normalise)
        normalise(out, floats, n, s->mean[c], s->std[c]);
    else if (s->float_samples)
        memcpy(out, floats, n * sizeof *out);
    else if (s->scale == CONVERT_MULTIPLY)
        widen_product(out, levels, n);
    else if (s->normalise)
        widen_normalise(out, levels, n, s->mean[c], s->std[c]);
    else
        widen(out, levels, n);
    if (!s->float_samples && s->scale == CONVERT_MULTIPLY && s->normalise)
        for (size_t i = 0; i < n; i++)
            out[i] = (out[i] - s->mean[c]) / s->std[c];
}

static inline void block_values(const struct convert_plan *plan, const uint8_t *sample, uint32_t c,
                                size_t first, size_t n, void *restrict out)
{
    const struct convert_shape *s = &plan->shape;
    float floats[BLOCK];
    switch (s->dtype) {
    case FMNIST_UINT8:
        memcpy(out, sample + (s->in_channels == 1 ? 0 : c) * plan->pixels + first, n);
        break;
    case FMNIST_FLOAT32:
        block_floats(plan, sample, c, first, n, out);
        break;
    case FMNIST_FLOAT16:
        block_floats(plan, sample, c, first, n, floats);
        narrow_float16(out, floats, n);
        break;
    default:
        block_floats(plan, sample, c, first, n, floats);
        narrow_bfloat16(out, floats, n);
    }
}

/* ---- layouts */

static void image_planar(const struct convert_plan *plan, const uint8_t *sample, uint8_t *image)
{
    size_t plane_bytes = plan->pixels * plan->element_bytes;
    for (uint32_t c = 0; c < plan->shape.channels; c++) {
        uint8_t *plane = image + c * plane_bytes;
        if (c > 0 && plan->channels_equal) {
            memcpy(plane, image, plane_bytes);
            continue;
        }
        for (size_t at = 0; at < plan->pixels; at += BLOCK) {
            size_t n = plan->pixels - at < BLOCK ? plan->pixels - at : BLOCK;
            block_values(plan, sample, c, at, n, plane + at * plan->element_bytes);
        }
    }
}

/* out[i][c] = in[c][i]: with the number of channels known where it is called, the compiler
 * makes shuffles of it. */
#define DEFINE_INTERLEAVE(name, type)                                                      \
    static inline void name(type *restrict out, const type *const in[FMNIST_CHANNELS_MAX], \
                            size_t n, uint32_t channels)                                   \
    {                                                                                      \
        const type *restrict a = in[0], *restrict b = in[1], *restrict c = in[2];          \
        const type *restrict d = in[3];                                                    \
        if (channels == 2)                                                                 \
            for (size_t i = 0; i < n; i++)                                                 \
                out[2 * i] = a[i], out[2 * i + 1] = b[i];                                  \
        else if (channels == 3)                                                            \
            for (size_t i = 0; i < n; i++)                                                 \
                out[3 * i] = a[i], out[3 * i + 1] = b[i], out[3 * i + 2] = c[i];           \
        else                                                                               \
            for (size_t i = 0; i < n; i++)                                                 \
                out[4 * i] = a[i], out[4 * i + 1] = b[i], out[4 * i + 2] = c[i],           \
                        out[4 * i + 3] = d[i];                                             \
    }
DEFINE_INTERLEAVE(interleave_8, uint8_t)
DEFINE_INTERLEAVE(interleave_16, uint16_t)
DEFINE_INTERLEAVE(interleave_32, uint32_t)

static void image_interleaved(const struct convert_plan *plan, const uint8_t *sample,
                              uint8_t *image)
{
    uint32_t channels = plan->shape.channels;
    uint32_t values[FMNIST_CHANNELS_MAX][BLOCK];
    for (size_t at = 0; at < plan->pixels; at += BLOCK) {
        size_t n = plan->pixels - at < BLOCK ? plan->pixels - at : BLOCK;
        const void *in[FMNIST_CHANNELS_MAX];
        for (uint32_t c = 0; c < FMNIST_CHANNELS_MAX; c++) {
            bool repeat = c >= channels || (c > 0 && plan->channels_equal);
            in[c] = repeat ? values[0] : values[c];
            if (!repeat)
                block_values(plan, sample, c, at, n, values[c]);
        }
        void *out = image + at * channels * plan->element_bytes;
        if (plan->element_bytes == 1)
            interleave_8(out, (const uint8_t *const *)in, n, channels);
        else if (plan->element_bytes == 2)
            interleave_16(out, (const uint16_t *const *)in, n, channels);
        else
            interleave_32(out, (const uint32_t *const *)in, n, channels);
    }
}

/* ---- levels, interleaved while they are bytes */

/* Every CONVERT_ROW values have the same means and deviations. */
static inline void normalise_rows(float *restrict values, size_t n, const float *restrict mean,
                                  const float *restrict std)
{
    size_t i = 0;
    for (; i + CONVERT_ROW <= n; i += CONVERT_ROW)
        for (size_t k = 0; k < CONVERT_ROW; k++)
            values[i + k] = (values[i + k] - mean[k]) / std[k];
    for (size_t k = 0; i + k < n; k++)
        values[i + k] = (values[i + k] - mean[k]) / std[k];
}

static inline void widen_normalise_rows(float *restrict out, const uint8_t *restrict levels,
                                        size_t n, const float *restrict mean,
                                        const float *restrict std)
{
    size_t i = 0;
    for (; i + CONVERT_ROW <= n; i += CONVERT_ROW)
        for (size_t k = 0; k < CONVERT_ROW; k++)
            out[i + k] = (u8_to_unit_f32(levels[i + k]) - mean[k]) / std[k];
    for (size_t k = 0; i + k < n; k++)
        out[i + k] = (u8_to_unit_f32(levels[i + k]) - mean[k]) / std[k];
}

static inline void row_floats(const struct convert_plan *plan, const uint8_t *levels, size_t n,
                              float *restrict out)
{
    if (plan->shape.scale == CONVERT_MULTIPLY) {
        widen_product(out, levels, n);
        if (plan->shape.normalise)
            normalise_rows(out, n, plan->row_mean, plan->row_std);
    } else if (plan->shape.normalise) {
        widen_normalise_rows(out, levels, n, plan->row_mean, plan->row_std);
    } else {
        widen(out, levels, n);
    }
}

/* Where the delivered type is a narrow one. */
static inline void narrow(const struct convert_plan *plan, const float *restrict in, size_t n,
                          void *restrict out)
{
    if (plan->shape.dtype == FMNIST_FLOAT16)
        narrow_float16(out, in, n);
    else if (plan->shape.dtype == FMNIST_BFLOAT16)
        narrow_bfloat16(out, in, n);
}

static inline void row_values(const struct convert_plan *plan, const uint8_t *levels, size_t n,
                              void *restrict out)
{
    float floats[BLOCK * FMNIST_CHANNELS_MAX];
    float *values = plan->shape.dtype == FMNIST_FLOAT32 ? out : floats;
    row_floats(plan, levels, n, values);
    narrow(plan, floats, n, out);
}

#if defined(__SSE2__)
#define ROW_PIXELS (CONVERT_ROW / 3)

static inline __m128i load_16(const void *from)
{
    return _mm_loadu_si128(from);
}

static inline void store_16(void *to, __m128i bytes)
{
    _mm_storeu_si128(to, bytes);
}

#if defined(__AVX2__)
/* A row of three channels: each of its vectors has bytes of all three. A control byte with its high
 * bit set, where the channel has no place, gives 0. */
static inline void interleave_row(const uint8_t *const in[3], size_t at, __m128i row[3])
{
#define NO (-1)
    static const int8_t places[3][3][16] = {
        {{0, NO, NO, 1, NO, NO, 2, NO, NO, 3, NO, NO, 4, NO, NO, 5},
         {NO, 0, NO, NO, 1, NO, NO, 2, NO, NO, 3, NO, NO, 4, NO, NO},
         {NO, NO, 0, NO, NO, 1, NO, NO, 2, NO, NO, 3, NO, NO, 4, NO}},
        {{NO, NO, 6, NO, NO, 7, NO, NO, 8, NO, NO, 9, NO, NO, 10, NO},
         {5, NO, NO, 6, NO, NO, 7, NO, NO, 8, NO, NO, 9, NO, NO, 10},
         {NO, 5, NO, NO, 6, NO, NO, 7, NO, NO, 8, NO, NO, 9, NO, NO}},
        {{NO, 11, NO, NO, 12, NO, NO, 13, NO, NO, 14, NO, NO, 15, NO, NO},
         {NO, NO, 11, NO, NO, 12, NO, NO, 13, NO, NO, 14, NO, NO, 15, NO},
         {10, NO, NO, 11, NO, NO, 12, NO, NO, 13, NO, NO, 14, NO, NO, 15}},
    };
#undef NO
    for (int v = 0; v < 3; v++) {
        row[v] = _mm_setzero_si128();
        for (int c = 0; c < 3; c++)
            row[v] =
                _mm_or_si128(row[v], _mm_shuffle_epi8(load_16(in[c] + at), load_16(places[v][c])));
    }
}

/* Of eight levels, in the low half of the register, from place k of a row on. */
static inline __m256 eight_floats(const struct convert_plan *plan, __m128i levels, size_t k)
{
    bool product = plan->shape.scale == CONVERT_MULTIPLY;
    __m256 v = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(levels));
    __m256 x = _mm256_mul_ps(v, _mm256_set1_ps(product ? 1.0f / 255.0f : UNIT_SCALE_HI));
    if (!product)
        x = _mm256_add_ps(x, _mm256_mul_ps(v, _mm256_set1_ps(UNIT_SCALE_LO)));
    if (!plan->shape.normalise)
        return x;
    return _mm256_div_ps(_mm256_sub_ps(x, _mm256_loadu_ps(plan->row_mean + k)),
                         _mm256_loadu_ps(plan->row_std + k));
}
#else
/* Four pixels a b c 0 as 12 bytes, without the zeros. */
static inline __m128i close_up(__m128i pixels)
{
    const __m128i first = _mm_set1_epi64x(0xffffff), second = _mm_set1_epi64x(0xffffff000000);
    __m128i pairs = _mm_or_si128(_mm_and_si128(pixels, first),
                                 _mm_and_si128(_mm_srli_epi64(pixels, 8), second));
    return _mm_or_si128(_mm_move_epi64(pairs), _mm_slli_si128(_mm_srli_si128(pairs, 8), 6));
}

static inline void interleave_row(const uint8_t *const in[3], size_t at, __m128i row[3])
{
    const __m128i zero = _mm_setzero_si128();
    __m128i a = load_16(in[0] + at), b = load_16(in[1] + at), c = load_16(in[2] + at);
    __m128i ab = _mm_unpacklo_epi8(a, b), c0 = _mm_unpacklo_epi8(c, zero);
    __m128i first = close_up(_mm_unpacklo_epi16(ab, c0));
    __m128i second = close_up(_mm_unpackhi_epi16(ab, c0));
    ab = _mm_unpackhi_epi8(a, b), c0 = _mm_unpackhi_epi8(c, zero);
    __m128i third = close_up(_mm_unpacklo_epi16(ab, c0));
    __m128i fourth = close_up(_mm_unpackhi_epi16(ab, c0));
    row[0] = _mm_or_si128(first, _mm_slli_si128(second, 12));
    row[1] = _mm_or_si128(_mm_srli_si128(second, 4), _mm_slli_si128(third, 8));
    row[2] = _mm_or_si128(_mm_srli_si128(third, 8), _mm_slli_si128(fourth, 4));
}
#endif

/* A row's levels to values. Registers that were just stored are never loaded as one wider than they
 * are, for which the CPU waits until they have reached the cache. */
static inline void row_of_registers(const struct convert_plan *plan, const __m128i row[3],
                                    void *restrict out)
{
#if defined(__AVX2__)
    float floats[CONVERT_ROW];
    float *values = plan->shape.dtype == FMNIST_FLOAT32 ? out : floats;
    for (int v = 0; v < 3; v++) {
        size_t k = 16 * (size_t)v;
        _mm256_storeu_ps(values + k, eight_floats(plan, row[v], k));
        _mm256_storeu_ps(values + k + 8, eight_floats(plan, _mm_srli_si128(row[v], 8), k + 8));
    }
    narrow(plan, floats, CONVERT_ROW, out);
#else
    uint8_t levels[CONVERT_ROW];
    for (int v = 0; v < 3; v++)
        store_16(levels + 16 * v, row[v]);
    row_values(plan, levels, CONVERT_ROW, out);
#endif
}

/* Whole rows of three channels, in one pass. Three short planes side by side are no stream that the
 * CPU's own prefetcher sees, so the next sample is asked for meanwhile. Returns how many pixels are
 * done. */
static size_t interleave_rows(const struct convert_plan *plan, const uint8_t *const in[3],
                              uint8_t *image)
{
    size_t at = 0;
    for (; at + ROW_PIXELS <= plan->pixels; at += ROW_PIXELS) {
        uint8_t *out = image + at * 3 * plan->element_bytes;
        __m128i row[3];
        __builtin_prefetch(in[0] + plan->sample_bytes + at * plan->shape.in_channels, 0, 3);
        interleave_row(in, at, row);
        if (plan->shape.dtype != FMNIST_UINT8)
            row_of_registers(plan, row, out);
        else
            for (int v = 0; v < 3; v++)
                store_16(out + 16 * v, row[v]);
    }
    return at;
}
#endif

static void levels_interleaved(const struct convert_plan *plan, const uint8_t *sample,
                               uint8_t *image)
{
    const struct convert_shape *s = &plan->shape;
    uint8_t levels[BLOCK * FMNIST_CHANNELS_MAX];
    const uint8_t *in[FMNIST_CHANNELS_MAX];
    for (uint32_t c = 0; c < FMNIST_CHANNELS_MAX; c++)
        in[c] = sample + (c < s->in_channels ? c : 0) * plan->pixels;
    size_t at = 0;
#if defined(__SSE2__)
    if (s->channels == 3)
        at = interleave_rows(plan, in, image);
#endif
    for (size_t n; at < plan->pixels; at += n) {
        n = plan->pixels - at < BLOCK ? plan->pixels - at : BLOCK;
        const uint8_t *from[FMNIST_CHANNELS_MAX];
        for (uint32_t c = 0; c < FMNIST_CHANNELS_MAX; c++)
            from[c] = in[c] + at;
        void *out = image + at * s->channels * plan->element_bytes;
        interleave_8(s->dtype == FMNIST_UINT8 ? out : levels, from, n, s->channels);
        if (s->dtype != FMNIST_UINT8)
            row_values(plan, levels, n * s->channels, out);
    }
}

/* ---- a batch */

void ISA_NAME(convert_loop)(const struct convert_plan *plan, const uint8_t *samples,
                            uint8_t *images, size_t count)
{
    if (plan->is_copy) {
        memcpy(images, samples, count * plan->image_bytes);
    } else if (plan->widen_only) {
        widen((float *)(void *)images, samples, count * plan->sample_bytes);
    } else {
        for (size_t i = 0; i < count; i++) {
            const uint8_t *sample = samples + i * plan->sample_bytes;
            uint8_t *image = images + i * plan->image_bytes;
            if (plan->planar)
                image_planar(plan, sample, image);
            else if (!plan->shape.float_samples &&
                     (!plan->channels_equal || plan->shape.dtype == FMNIST_UINT8))
                levels_interleaved(plan, sample, image);
            else
                image_interleaved(plan, sample, image);
        }
    }
}
