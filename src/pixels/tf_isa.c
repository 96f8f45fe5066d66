/* TensorFlow's bilinear resize of a plane, compiled once a level (isa_variants.h).
 *
 * TensorFlow interpolates each pixel from its four neighbours, left-right twice and then
 * top-bottom. The left-right result depends on the row and the column only, so it is computed once
 * for each row; the two rows in use are kept, each in the slot of its number's parity. */
#include "pixels/tf.h"

#include "base/bytes.h"
#include "pixels/unit_scale.h"

static inline void stretch_row(const struct tf_axis *x, const uint8_t *in, float *restrict unit,
                               float *restrict out)
{
    for (uint32_t i = 0; i < x->n_in; i++)
        unit[i] = unit_scale(in[i]);
    const uint32_t *restrict lo = x->lo, *restrict hi = x->hi;
    const float *restrict t = x->t;
    for (uint32_t i = 0; i < x->n_out; i++)
        out[i] = unit[lo[i]] + (unit[hi[i]] - unit[lo[i]]) * t[i];
}

static inline void mix_rows(const float *top, const float *bottom, float t, size_t n,
                            float *restrict out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = top[i] + (bottom[i] - top[i]) * t;
}

void ISA_NAME(tf_plane)(const struct tf_axis *x, const struct tf_axis *y, const uint8_t *in,
                        float *out, size_t stride, void *scratch)
{
    float *unit = scratch;
    float *slots[2] = {unit + align_up(x->n_in, 16)};
    slots[1] = slots[0] + align_up(x->n_out, 16);
    int64_t held[2] = {-1, -1};
    for (uint32_t i = 0; i < y->n_out; i++, out += stride) {
        uint32_t rows[2] = {y->lo[i], y->hi[i]};
        for (int k = 0; k < 2; k++) {
            uint32_t slot = rows[k] & 1;
            if (held[slot] == rows[k])
                continue;
            stretch_row(x, in + (size_t)rows[k] * x->n_in, unit, slots[slot]);
            held[slot] = rows[k];
        }
        mix_rows(slots[rows[0] & 1], slots[rows[1] & 1], y->t[i], x->n_out, out);
    }
}
