/* SPDX-License-Identifier: MIT */
/* A raster's room, its bounds, and its two conversions. */
#include "import/raster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int raster_check(uint64_t height, uint64_t width, const char *what, struct err *e)
{
    if (height == 0 || width == 0)
        return err_set(e, -EBADMSG, "%s says %llux%llu pixels (h x w)", what,
                       (unsigned long long)height, (unsigned long long)width);
    if (height > RASTER_SIDE_MAX || width > RASTER_SIDE_MAX || height * width > RASTER_PIXELS_MAX)
        return err_set(e, -EFBIG,
                       "%s claims %llux%llu pixels (h x w), more than %u a side or %u MiPixels",
                       what, (unsigned long long)height, (unsigned long long)width, RASTER_SIDE_MAX,
                       (unsigned)(RASTER_PIXELS_MAX >> 20));
    return 0;
}

int raster_reserve(struct raster *raster, uint32_t height, uint32_t width, uint32_t channels,
                   struct err *e)
{
    size_t bytes = (size_t)height * width * channels;
    if (bytes > raster->room) {
        free(raster->pixels); /* what it held is of the picture before */
        raster->room = 0;
        raster->pixels = malloc(bytes);
        if (!raster->pixels)
            return err_set(e, -ENOMEM, "no memory for a picture of %ux%u pixels (h x w)", height,
                           width);
        raster->room = bytes;
    }
    raster->height = height;
    raster->width = width;
    raster->channels = channels;
    return 0;
}

void raster_close(struct raster *raster)
{
    free(raster->pixels);
    *raster = (struct raster){0};
}

void raster_convert(uint8_t *out, uint32_t to, const uint8_t *in, uint32_t from, size_t count)
{
    if (from == to)
        memcpy(out, in, count * from);
    else if (to == 1)
        for (size_t i = 0; i < count; i++)
            out[i] = raster_luma(in[3 * i], in[3 * i + 1], in[3 * i + 2]);
    else
        for (size_t i = 0; i < count; i++)
            out[3 * i] = out[3 * i + 1] = out[3 * i + 2] = in[i];
}
