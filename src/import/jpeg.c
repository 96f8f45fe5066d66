/* SPDX-License-Identifier: MIT */
/* JPEG by libjpeg-turbo with its defaults, which are Pillow's.
 *
 * What the library only warns of is a picture, as it is for Pillow: bytes of an entropy code that
 * were hit, or rubbish between markers. What ends early is a broken one. A header may ask for very
 * many scans of a large picture, which take hours: there is a bound, 16 scans at the largest size.
 */
#include "import/picture.h"

#ifdef HAVE_JPEG

#include <errno.h>
#include <setjmp.h>
#include <stdio.h> /* before jpeglib.h, which needs it */
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#define SCANS_MAX       500
#define SCAN_PIXELS_MAX (UINT64_C(1) << 30) /* scans times pixels: seconds */

struct job {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf end;
    struct raster *out;
    enum raster_colour colour;
    const uint8_t *bytes;
    size_t size;
    uint8_t *row; /* as the library gives it */
    struct err *e;
    int code;
};

/* Ends the decoding with an error that is written already. */
static __attribute__((noreturn)) void stop(struct job *job, int code)
{
    job->code = code;
    longjmp(job->end, 1);
}

static __attribute__((noreturn)) void fail(j_common_ptr jpeg)
{
    struct job *job = jpeg->client_data;
    char text[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, text);
    stop(job, err_set(job->e, -EBADMSG, "a broken JPEG picture: %s", text));
}

static void ignore(j_common_ptr jpeg, int level)
{
    (void)jpeg;
    (void)level;
}

static void nothing(j_decompress_ptr jpeg)
{
    (void)jpeg;
}

static boolean want_more(j_decompress_ptr jpeg)
{
    struct job *job = jpeg->client_data;
    stop(job, err_set(job->e, -EBADMSG, "a JPEG picture that ends in the middle, after %zu bytes",
                      job->size));
}

static void skip(j_decompress_ptr jpeg, long count)
{
    if (count <= 0)
        return;
    if ((unsigned long)count > jpeg->src->bytes_in_buffer)
        want_more(jpeg);
    jpeg->src->next_input_byte += count;
    jpeg->src->bytes_in_buffer -= (size_t)count;
}

static void count_scans(j_common_ptr jpeg)
{
    struct job *job = jpeg->client_data;
    uint64_t pixels = (uint64_t)job->jpeg.image_width * job->jpeg.image_height;
    uint64_t most = SCAN_PIXELS_MAX / pixels < SCANS_MAX ? SCAN_PIXELS_MAX / pixels : SCANS_MAX;
    if (jpeg->is_decompressor && (uint64_t)job->jpeg.input_scan_number > most)
        stop(job, err_set(job->e, -EFBIG, "a JPEG picture of %ux%u in more than %u scans",
                          job->jpeg.image_height, job->jpeg.image_width, (unsigned)most));
}

/* Pillow takes what inks there are for an inverted CMYK, as Adobe's programs write it, and goes
 * to gray by way of RGB. */
static void convert_cmyk(uint8_t *out, uint32_t channels, const uint8_t *in, uint32_t width)
{
    for (uint32_t x = 0; x < width; x++, in += 4, out += channels) {
        uint32_t white = in[3];
        uint8_t rgb[3];
        for (int c = 0; c < 3; c++) {
            uint32_t t = (255u - in[c]) * white + 128;
            rgb[c] = (uint8_t)(white - (((t >> 8) + t) >> 8));
        }
        raster_convert(out, channels, rgb, 3, 1);
    }
}

static void read_header(struct job *job)
{
    j_decompress_ptr jpeg = &job->jpeg;
    jpeg_read_header(jpeg, TRUE);
    int r = raster_check(jpeg->image_height, jpeg->image_width, "the JPEG header", job->e);
    if (r < 0)
        stop(job, r);
    switch (jpeg->num_components) {
    case 1:
        jpeg->out_color_space = JCS_GRAYSCALE;
        break;
    case 3:
        jpeg->out_color_space = JCS_RGB;
        break;
    case 4:
        jpeg->out_color_space = JCS_CMYK;
        break;
    default:
        stop(job, err_set(job->e, -ENOTSUP, "a JPEG picture of %d components, want 1, 3 or 4",
                          jpeg->num_components));
    }
    uint32_t channels = raster_channels(job->colour, jpeg->num_components == 1);
    r = raster_reserve(job->out, jpeg->image_height, jpeg->image_width, channels, job->e);
    if (r < 0)
        stop(job, r);
    job->row = malloc((size_t)jpeg->image_width * (size_t)jpeg->num_components);
    if (!job->row)
        stop(job, err_set(job->e, -ENOMEM, "no memory for a row of %u pixels", jpeg->image_width));
}

static void read_pixels(struct job *job)
{
    j_decompress_ptr jpeg = &job->jpeg;
    uint32_t width = job->out->width, channels = job->out->channels;
    jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < jpeg->output_height) {
        uint8_t *out = job->out->pixels + (size_t)jpeg->output_scanline * width * channels;
        jpeg_read_scanlines(jpeg, &job->row, 1);
        if (jpeg->output_components == 4)
            convert_cmyk(out, channels, job->row, width);
        else
            raster_convert(out, channels, job->row, (uint32_t)jpeg->output_components, width);
    }
    jpeg_finish_decompress(jpeg);
}

/* The one place that errors jump to: what they left is in the job, which is the caller's. */
static int run(struct job *job)
{
    if (setjmp(job->end))
        return job->code;
    jpeg_create_decompress(&job->jpeg); /* clears what is set before, but err and client_data */
    job->source = (struct jpeg_source_mgr){.next_input_byte = job->bytes,
                                           .bytes_in_buffer = job->size,
                                           .init_source = nothing,
                                           .fill_input_buffer = want_more,
                                           .skip_input_data = skip,
                                           .resync_to_restart = jpeg_resync_to_restart,
                                           .term_source = nothing};
    job->progress.progress_monitor = count_scans;
    job->jpeg.src = &job->source;
    job->jpeg.progress = &job->progress;
    read_header(job);
    read_pixels(job);
    return 0;
}

int jpeg_decode(struct raster *out, enum raster_colour colour, const uint8_t *bytes, size_t size,
                struct err *e)
{
    struct job job = {.out = out, .colour = colour, .bytes = bytes, .size = size, .e = e};
    job.jpeg.err = jpeg_std_error(&job.errors);
    job.jpeg.client_data = &job;
    job.errors.error_exit = fail;
    job.errors.emit_message = ignore;
    int r = run(&job);
    jpeg_destroy_decompress(&job.jpeg);
    free(job.row);
    return r;
}

#endif
