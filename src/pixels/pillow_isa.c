/* Pillow's pass, compiled once a level (isa_variants.h). A block of columns keeps its sums in
 * registers over all taps; the last block of a row is laid over its neighbour rather than cut. */
#include "pixels/pillow.h"

#include <string.h>

#define COLUMNS 16u

typedef uint8_t levels __attribute__((vector_size(COLUMNS)));
typedef int32_t sums __attribute__((vector_size(4 * COLUMNS)));

static inline void weigh_block(const uint8_t *in, size_t stride, const int32_t *weights,
                               uint32_t taps, uint8_t *out)
{
    sums sum = {0};
    sum += 1 << (PILLOW_WEIGHT_BITS - 1);
    for (uint32_t j = 0; j < taps; j++) {
        levels v;
        memcpy(&v, in + j * stride, sizeof v);
        sum += __builtin_convertvector(v, sums) * weights[j];
    }
    sum >>= PILLOW_WEIGHT_BITS;
    sum &= ~(sum >> 31);      /* below 0: 0 */
    sum |= (255 - sum) >> 31; /* above 255: all ones, of which 8 bits are kept */
    levels r = __builtin_convertvector(sum & 255, levels);
    memcpy(out, &r, sizeof r);
}

static void weigh_narrow(const uint8_t *in, size_t width, const int32_t *weights, uint32_t taps,
                         uint8_t *out)
{
    for (size_t x = 0; x < width; x++) {
        int32_t sum = 1 << (PILLOW_WEIGHT_BITS - 1);
        for (uint32_t j = 0; j < taps; j++)
            sum += in[j * width + x] * weights[j];
        sum >>= PILLOW_WEIGHT_BITS;
        out[x] = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
    }
}

void ISA_NAME(pillow_pass)(const struct pillow_axis *axis, const uint8_t *in, size_t width,
                           uint8_t *out)
{
    uint32_t taps = axis->taps;
    for (uint32_t i = 0; i < axis->n_out; i++, out += width) {
        const uint8_t *rows = in + axis->first[i] * width;
        const int32_t *weights = axis->weights + (size_t)i * taps;
        if (width < COLUMNS) {
            weigh_narrow(rows, width, weights, taps, out);
            continue;
        }
        for (size_t x = 0; x < width; x += COLUMNS) {
            size_t at = x + COLUMNS <= width ? x : width - COLUMNS;
            weigh_block(rows + at, width, weights, taps, out + at);
        }
    }
}
