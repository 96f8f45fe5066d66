/* SPDX-License-Identifier: MIT */
/* PNG by libpng, to the pixels that Pillow has.
 *
 * libpng undoes bits and interlacing; palette and 16 bit gray are converted here, because Pillow's
 * rules for them are its own: an index behind the palette is black, and gray of 16 bits is clamped.
 * A picture that is not interlaced passes through one row. Text, profiles and all other chunks that
 * do not bear on pixels are skipped unread, so that none of them can be a bomb.
 */
#include "import/picture.h"

#include <errno.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

struct job {
    png_structp png;
    png_infop info;
    const uint8_t *bytes;
    size_t size, at;
    enum raster_colour colour;
    struct raster *out;
    struct err *e;
    int code; /* what failed, where libpng's jump is taken */
    uint32_t height, width;
    int depth, type;
    uint8_t palette[256][3];
    uint8_t luma[256]; /* the palette's entries as gray */
    bool is_gray;
    uint8_t *stored; /* rows as libpng gives them: all of an interlaced picture, else one */
    size_t row_bytes;
    png_bytep *rows;
};

static void fail(png_structp png, png_const_charp text)
{
    struct job *job = png_get_error_ptr(png);
    if (job->code == 0) /* else an error of our own, which has its text */
        job->code = err_set(job->e, -EBADMSG, "a broken PNG picture: %s", text);
    png_longjmp(png, 1);
}

static void ignore(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void take(png_structp png, png_bytep out, size_t n)
{
    struct job *job = png_get_io_ptr(png);
    if (n > job->size - job->at) {
        job->code = err_set(job->e, -EBADMSG,
                            "a PNG picture that ends in the middle, after %zu bytes", job->size);
        png_longjmp(png, 1);
    }
    memcpy(out, job->bytes + job->at, n);
    job->at += n;
}

/* Ends the decoding with an error that is written already. */
static void stop(struct job *job, int code)
{
    job->code = code;
    png_longjmp(job->png, 1);
}

static void read_palette(struct job *job)
{
    png_colorp entries = NULL;
    int count = 0;
    if (!png_get_PLTE(job->png, job->info, &entries, &count))
        png_error(job->png, "it has no palette");
    job->is_gray = true;
    for (int i = 0; i < count && i < 256; i++) {
        const uint8_t rgb[3] = {entries[i].red, entries[i].green, entries[i].blue};
        memcpy(job->palette[i], rgb, 3);
        job->luma[i] = raster_luma(rgb[0], rgb[1], rgb[2]);
        job->is_gray = job->is_gray && rgb[0] == rgb[1] && rgb[1] == rgb[2];
    }
}

/* The header is held against the bounds, and the rows' form is settled. */
static void read_header(struct job *job)
{
    png_read_info(job->png, job->info);
    int r = raster_check(job->height = png_get_image_height(job->png, job->info),
                         job->width = png_get_image_width(job->png, job->info), "the PNG header",
                         job->e);
    if (r < 0)
        stop(job, r);
    job->depth = png_get_bit_depth(job->png, job->info);
    job->type = png_get_color_type(job->png, job->info);
    job->is_gray = job->type == PNG_COLOR_TYPE_GRAY || job->type == PNG_COLOR_TYPE_GRAY_ALPHA;
    if (job->type == PNG_COLOR_TYPE_PALETTE) {
        read_palette(job);
        png_set_packing(job->png);
    } else if (job->type == PNG_COLOR_TYPE_GRAY) {
        if (job->depth < 8)
            png_set_expand_gray_1_2_4_to_8(job->png);
    } else if (job->depth == 16)
        png_set_strip_16(job->png);
    png_set_strip_alpha(job->png);
}

static void convert_row(const struct job *job, uint8_t *out, const uint8_t *in)
{
    uint32_t channels = job->out->channels;
    if (job->type == PNG_COLOR_TYPE_PALETTE) {
        for (uint32_t x = 0; x < job->width; x++)
            if (channels == 1)
                out[x] = job->luma[in[x]];
            else
                memcpy(out + (size_t)3 * x, job->palette[in[x]], 3);
    } else if (job->type == PNG_COLOR_TYPE_GRAY && job->depth == 16) {
        for (uint32_t x = 0; x < job->width; x++)
            memset(out + (size_t)channels * x, in[2 * x] ? 255 : in[2 * x + 1], channels);
    } else
        raster_convert(out, channels, in, job->is_gray ? 1 : 3, job->width);
}

static void make_rows(struct job *job, int passes)
{
    size_t count = passes > 1 ? job->height : 1;
    job->row_bytes = png_get_rowbytes(job->png, job->info);
    job->stored = calloc(count, job->row_bytes);
    if (passes > 1)
        job->rows = malloc(count * sizeof *job->rows);
    if (!job->stored || (passes > 1 && !job->rows))
        stop(job, err_set(job->e, -ENOMEM, "no memory for a picture of %ux%u pixels (h x w)",
                          job->height, job->width));
    for (size_t y = 0; job->rows && y < count; y++)
        job->rows[y] = job->stored + y * job->row_bytes;
}

static void read_pixels(struct job *job)
{
    int passes = png_set_interlace_handling(job->png);
    png_read_update_info(job->png, job->info);
    uint32_t channels = raster_channels(job->colour, job->is_gray);
    int r = raster_reserve(job->out, job->height, job->width, channels, job->e);
    if (r < 0)
        stop(job, r);
    make_rows(job, passes);
    if (passes > 1)
        png_read_image(job->png, job->rows);
    size_t out_bytes = (size_t)job->width * channels;
    for (uint32_t y = 0; y < job->height; y++) {
        if (passes == 1)
            png_read_row(job->png, job->stored, NULL);
        convert_row(job, job->out->pixels + y * out_bytes, passes > 1 ? job->rows[y] : job->stored);
    }
}

/* The one place that libpng's errors jump to: what they left is in the job, which is the caller's.
 */
static int run(struct job *job)
{
    if (setjmp(png_jmpbuf(job->png)))
        return job->code;
    png_set_read_fn(job->png, job, take);
    png_set_user_limits(job->png, PNG_UINT_31_MAX,
                        PNG_UINT_31_MAX); /* raster_check says it better */
    png_set_keep_unknown_chunks(job->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    read_header(job);
    read_pixels(job);
    return 0;
}

int png_decode(struct raster *out, enum raster_colour colour, const uint8_t *bytes, size_t size,
               struct err *e)
{
    struct job job = {.bytes = bytes, .size = size, .colour = colour, .out = out, .e = e};
    int r = -ENOMEM;
    job.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &job, fail, ignore);
    if (job.png)
        job.info = png_create_info_struct(job.png);
    r = job.info ? run(&job) : err_set(e, -ENOMEM, "no memory to decode a PNG picture");
    png_destroy_read_struct(&job.png, &job.info, NULL);
    free(job.rows);
    free(job.stored);
    return r;
}
