/* SPDX-License-Identifier: MIT */
/* OpenCV's linear resize of a plane, compiled once a level (isa_variants.h). The two rows in use
 * are kept, each in the slot of its number's parity, so that every source row is done once. */
#include "pixels/opencv.h"

#include "base/bytes.h"

/* 11 fractional bits less the 4 that the vertical pass drops first: at most 255 * 2^7. */
static inline void stretch_row(const struct opencv_axis *x, const uint8_t *in,
                               int16_t *restrict out)
{
    const struct opencv_tap *taps = x->taps;
    for (uint32_t i = 0; i < x->n_out; i++) {
        int32_t r = in[taps[i].lo] * taps[i].w_lo + in[taps[i].hi] * taps[i].w_hi;
        out[i] = (int16_t)(r >> 4);
    }
}

static inline void mix_rows(const int16_t *r0, const int16_t *r1, const struct opencv_tap *y,
                            size_t n, uint8_t *restrict out)
{
    int16_t w0 = (int16_t)y->w_lo, w1 = (int16_t)y->w_hi;
    for (size_t i = 0; i < n; i++) {
        int16_t t0 = (int16_t)((r0[i] * w0) >> 16);
        int16_t t1 = (int16_t)((r1[i] * w1) >> 16);
        out[i] = (uint8_t)((t0 + t1 + 2) >> 2);
    }
}

void ISA_NAME(opencv_plane)(const struct opencv_axis *x, const struct opencv_axis *y,
                            const uint8_t *in, uint8_t *out, void *scratch)
{
    int16_t *slots[2] = {scratch, (int16_t *)scratch + align_up(x->n_out, 32)};
    int64_t held[2] = {-1, -1};
    for (uint32_t i = 0; i < y->n_out; i++, out += x->n_out) {
        const struct opencv_tap *tap = &y->taps[i];
        uint32_t rows[2] = {tap->lo, tap->hi};
        for (int k = 0; k < 2; k++) {
            uint32_t slot = rows[k] & 1;
            if (held[slot] == rows[k])
                continue;
            stretch_row(x, in + (size_t)rows[k] * x->n_in, slots[slot]);
            held[slot] = rows[k];
        }
        mix_rows(slots[tap->lo & 1], slots[tap->hi & 1], tap, x->n_out, out);
    }
}
