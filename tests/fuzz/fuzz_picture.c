/* SPDX-License-Identifier: MIT */
/* Any bytes as a picture: it is refused with a text, or its pixels are all there, within the
 * bounds, and gray is what the luma of its colours is. */
#include "fuzz/fuzz.h"
#include "import/picture.h"

#include <assert.h>
#include <stdlib.h>

/* Larger ones are refused by the same code, and only take time. */
#define PIXELS_FUZZED 1000000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct raster rgb = {0}, gray = {0}, stored = {0};
    struct err e = {""};
    int r = picture_decode(&rgb, RASTER_RGB, data, size, &e);
    if (r < 0)
        assert(e.text[0]);
    else {
        size_t pixels = (size_t)rgb.height * rgb.width;
        assert(pixels > 0 && pixels <= RASTER_PIXELS_MAX && rgb.channels == 3 &&
               rgb.room >= 3 * pixels);
        assert(picture_decode(&gray, RASTER_GRAY, data, size, &e) == 0 && gray.channels == 1);
        assert(picture_decode(&stored, RASTER_AS_STORED, data, size, &e) == 0);
        assert(gray.height == rgb.height && gray.width == rgb.width);
        const struct raster *same = stored.channels == 1 ? &gray : &rgb;
        assert(!memcmp(stored.pixels, same->pixels, pixels * stored.channels));
        for (size_t i = 0; i < pixels && i < PIXELS_FUZZED; i++) {
            const uint8_t *p = rgb.pixels + 3 * i;
            assert(gray.pixels[i] == raster_luma(p[0], p[1], p[2]));
        }
    }
    raster_close(&rgb);
    raster_close(&gray);
    raster_close(&stored);
    return 0;
}
