/* pixels/convert_plan.h — what convert.c works out once and the loops of convert_isa.c use for
 * every sample. Private to pixels/.
 *
 * Invariant: the shape is one that convert_plan_new has asserted.
 */
#ifndef PIXELS_CONVERT_PLAN_H
#define PIXELS_CONVERT_PLAN_H

#include "pixels/convert.h"
#include "pixels/isa_variants.h"

struct convert_plan {
    struct convert_shape shape;
    size_t pixels;         /* height * width */
    size_t element_bytes;  /* of one delivered value */
    size_t sample_bytes;   /* in */
    size_t image_bytes;    /* out */
    bool is_copy;          /* the image is the sample */
    bool planar;           /* the image is channel after channel: NCHW, or one channel */
    bool channels_equal;   /* every delivered channel has the bytes of the first */
    size_t ahead;          /* samples between the one prefetched and the one converted */
    size_t prefetch_bytes; /* of a coming sample; the rest follows by the CPU's own prefetcher */
};

ISA_DECLARE(convert_loop, const struct convert_plan *plan, const void *const *samples,
            void *const *images, size_t count);

#endif
