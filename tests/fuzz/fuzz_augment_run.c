/* SPDX-License-Identifier: MIT */
/* A chain, an image's shape and a row of values from anywhere: what is checked can be run. */
#include "augment/draw.h"
#include "augment/run.h"
#include "fuzz/fuzz.h"

#include <stdlib.h>

/* Input: channels, height, width, a byte each; the text and a 0; the values. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[512];
    const uint8_t *end = size > 4 ? memchr(data + 3, 0, size - 3) : NULL;
    if (!end || (size_t)(end - data - 3) >= sizeof text)
        return 0;
    memcpy(text, data + 3, (size_t)(end - data - 3) + 1);
    struct augment_shape in = {1 + data[0] % 4, 1 + data[1] % 64, 1 + data[2] % 64,
                               AUGMENT_PICTURE};
    struct augment_chain *chain;
    struct augment_plan *plan;
    struct err e;
    if (augment_parse(&chain, text, &e) || augment_plan_new(&plan, chain, &in, &e))
        return 0;
    uint32_t *values = calloc(chain->value_count + 1, sizeof *values);
    size_t left = size - (size_t)(end + 1 - data), bytes = chain->value_count * sizeof *values;
    struct mt19937 mt;
    mt19937_seed(&mt, data[0]);
    augment_draw_torch(plan, &mt, 1, values); /* what the input does not say */
    if (augment_check_values(plan, values, 1, &e))
        abort();
    memcpy(values, end + 1, left < bytes ? left : bytes);
    bool large = (size_t)plan->max_height * plan->max_width * plan->max_channels > 1 << 20;
    if (!large && !augment_check_values(plan, values, 1, &e)) {
        size_t sample_bytes = (size_t)in.channels * in.height * in.width;
        uint8_t *sample = calloc(1, sample_bytes), *out = malloc(augment_sample_bytes(plan));
        for (size_t i = 0; i < sample_bytes; i++)
            sample[i] = (uint8_t)(i * 37);
        const void *from = sample;
        void *to = out;
        struct augment_scratch *scratch = augment_scratch_new(plan);
        augment_run(plan, scratch, &from, values, 1, &to);
        augment_scratch_free(scratch);
        free(sample);
        free(out);
    }
    free(values);
    augment_plan_free(plan);
    return 0;
}
