/* SPDX-License-Identifier: MIT */
/* One allocation, cut into rooms. */
#include "augment/scratch.h"

#include "base/bytes.h"
#include "pixels/warp.h"

#include <stdlib.h>
#include <string.h>

#define ALIGNMENT   64u
#define CACHE_BYTES (256u * 1024u) /* of weights a direction, where two slots need no more */
#define SLOTS_MAX   128u

/* Takes the next bytes of what is laid out; with no memory yet it only counts them. */
struct layout {
    uint8_t *memory;
    size_t at;
};

static void *take(struct layout *l, size_t bytes)
{
    void *p = l->memory ? l->memory + l->at : NULL;
    l->at += align_up(bytes, ALIGNMENT);
    return p;
}

static bool makes_floats(const struct augment_plan *plan)
{
    for (uint32_t i = 0; i < plan->tail.head_count; i++) {
        uint32_t kind = plan->chain->ops[i].kind;
        if (kind == AUGMENT_TO_TENSOR || kind == AUGMENT_TO_DTYPE)
            return true;
    }
    return false;
}

/* Of the weights of any size that the chain can ask for; 0 where it does not resample. */
static size_t slot_bytes(const struct augment_plan *plan, uint32_t side, uint32_t direction)
{
    size_t most = 0;
    for (uint32_t i = 0; i < plan->tail.head_count; i++) {
        const struct augment_op *op = &plan->chain->ops[i];
        if (op->kind != AUGMENT_RESIZE && op->kind != AUGMENT_RANDOM_RESIZED_CROP)
            continue;
        bool shorter_side = op->size[1] == 0;
        size_t bytes =
            pillow_axis_bytes(PILLOW_BICUBIC, side, shorter_side ? side : op->size[direction]);
        most = bytes > most ? bytes : most;
    }
    return align_up(most, ALIGNMENT);
}

static void lay_out_cache(struct layout *l, struct axis_cache *cache, size_t bytes)
{
    if (bytes == 0)
        return;
    size_t count = CACHE_BYTES / bytes;
    cache->count = (uint32_t)(count < 1 ? 1 : count > SLOTS_MAX ? SLOTS_MAX : count);
    cache->slots = take(l, cache->count * sizeof *cache->slots);
    for (uint32_t i = 0; i < cache->count; i++) {
        void *memory = take(l, bytes);
        if (cache->slots)
            cache->slots[i] = (struct axis_slot){.memory = memory};
    }
}

static void lay_out(struct layout *l, struct augment_scratch *s, const struct augment_plan *plan)
{
    size_t plane = (size_t)plan->max_height * plan->max_width;
    size_t element = makes_floats(plan) ? sizeof(float) : 1;
    size_t room = plane * plan->max_channels * element + WARP_MARGIN;
    /* Resampling takes three planes, each aligned, or an index of a side. */
    size_t side = plan->max_height > plan->max_width ? plan->max_height : plan->max_width;
    size_t beside = 3 * align_up(plane, ALIGNMENT) + side * sizeof(uint32_t);
    for (int i = 0; i < 2; i++) {
        s->rooms[i] = take(l, room);
        s->row_maps[i] = take(l, plan->max_height * sizeof(int16_t));
        s->column_maps[i] = take(l, plan->max_width * sizeof(int16_t));
    }
    s->beside = take(l, beside > room ? beside : room);
    s->warp = take(l, warp_scratch_bytes(plan->max_channels, plan->max_height, plan->max_width));
    lay_out_cache(l, &s->vertical, slot_bytes(plan, plan->max_height, 0));
    lay_out_cache(l, &s->horizontal, slot_bytes(plan, plan->max_width, 1));
}

struct augment_scratch *augment_scratch_new(const struct augment_plan *plan)
{
    struct augment_scratch *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->max_height = plan->max_height;
    s->max_width = plan->max_width;
    struct layout l = {NULL, 0};
    lay_out(&l, s, plan);
    s->bytes = l.at;
    s->memory = aligned_alloc(ALIGNMENT, s->bytes);
    if (!s->memory) {
        free(s);
        return NULL;
    }
    l = (struct layout){s->memory, 0};
    lay_out(&l, s, plan);
    return s;
}

size_t augment_scratch_bytes(const struct augment_scratch *scratch)
{
    return scratch->bytes;
}

void augment_scratch_free(struct augment_scratch *scratch)
{
    if (!scratch)
        return;
    free(scratch->memory);
    free(scratch);
}

const struct pillow_axis *axis_cache_get(struct axis_cache *cache, enum pillow_filter filter,
                                         enum pillow_weights weights, uint32_t n_in, uint32_t n_out)
{
    struct axis_slot *slot = &cache->slots[(n_in + 31 * n_out) % cache->count];
    const struct pillow_axis *axis = &slot->axis;
    if (axis->n_in != n_in || axis->n_out != n_out || slot->filter != (uint32_t)filter ||
        slot->weights != (uint32_t)weights) {
        pillow_axis_place(&slot->axis, filter, weights, n_in, n_out, slot->memory);
        slot->filter = filter;
        slot->weights = weights;
    }
    return axis;
}
