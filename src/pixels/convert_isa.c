/* The loops of the last step, compiled once a level (isa_variants.h).
 *
 * A sample goes through in blocks that stay in the first-level cache:
 *
 *     levels ─widen─► float32 ─normalise─► float32 ─narrow─► values ─interleave─► image
 *
 * and a stage that a plan does not need is left out: level to float32 in planar layout, the common
 * case, is one loop from the sample into the image. Every stage is elementwise IEEE arithmetic
 * that the compiler vectorises; there are no tables, because computing is as fast. Needs libc only:
 * the client library links this.
 */
#include "pixels/convert_plan.h"
#include "pixels/u8_to_unit_f32.h"

#include <string.h>

#if defined(__F16C__)
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
            else
                image_interleaved(plan, sample, image);
        }
    }
}
