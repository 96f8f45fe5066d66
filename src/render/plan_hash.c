/* SPDX-License-Identifier: MIT */
/* The digests of a plan whose spec is resolved. */
#include "render/plan_hash.h"

#include "base/bytes.h"

#include <string.h>
#include <xxhash.h>

/* Part of every digest: raised when an order or a pixel rule changes its result. */
#define RENDER_VERSION 1u

/* What labels become, where some become others. */
static void add_labels(const struct render_plan *r, uint8_t digest[16])
{
    const struct index_list *l = r->labels;
    if (!l || !l->labels)
        return;
    XXH128_hash_t h = XXH3_128bits(digest, 16);
    for (uint32_t i = 0; i < l->label_count; i++) {
        uint8_t bytes[8];
        int32_t label = l->label_first + (int32_t)i;
        if (l->labels[i] == label)
            continue;
        put_le32(bytes, (uint32_t)label);
        put_le32(bytes + 4, (uint32_t)l->labels[i]);
        h = XXH3_128bits_withSeed(bytes, sizeof bytes, h.low64 ^ (h.high64 << 1 | h.high64 >> 63));
    }
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, h);
    memcpy(digest, canonical.digest, 16);
}

static void hash_spec(const struct render_plan *r, const struct spec *s, uint8_t out[16])
{
    const struct dataset_split *split = r->split;
    uint8_t bytes[SPEC_BYTES + 16 + 4];
    size_t size = *s->augment ? SPEC_BYTES : SPEC_PLAIN_BYTES;
    struct spec named = *s;
    /* The content's digest stands for the dataset, whatever it is called. */
    memset(named.dataset, 0, sizeof named.dataset);
    memset(named.split, 0, sizeof named.split);
    named.epoch = named.epochs = 0;
    named.transport = 0;
    spec_encode(&named, bytes);
    memcpy(bytes + size, split->digest, 16);
    put_le32(bytes + size + 16, RENDER_VERSION);
    XXH128_hash_t h = XXH3_128bits(bytes, size + 16 + 4);
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, h);
    memcpy(out, canonical.digest, 16);
    add_labels(r, out);
}

/* What is done of a chain before the ring: its head, or nothing. */
static void cut_augment(struct render_plan *r, struct spec *s)
{
    memset(s->augment, 0, sizeof s->augment);
    if (!r->augment) {
        s->draws = s->views = 0;
        return;
    }
    struct augment_chain *chain = r->augment->chain;
    uint32_t count = chain->count;
    chain->count = r->augment->tail.head_count;
    augment_print(chain, s->augment, NULL); /* shorter than the whole, which had room */
    chain->count = count;
}

/* Every stream of these samples in this order, whatever is made of them behind the ring. */
static void hash_ring(struct render_plan *r)
{
    struct spec s = r->spec;
    cut_augment(r, &s);
    s.dtype = FMNIST_UINT8;
    s.layout = FMNIST_NCHW;
    s.channels = r->split->channels;
    s.mean_count = s.std_count = 0;
    memset(s.mean, 0, sizeof s.mean);
    memset(s.std, 0, sizeof s.std);
    s.label_dtype = FMNIST_INT32;
    hash_spec(r, &s, r->ring_id);
}

void render_plan_hash(struct render_plan *r)
{
    hash_spec(r, &r->spec, r->digest);
    hash_ring(r);
    struct spec whole = r->spec;
    uint64_t global_batch = (uint64_t)whole.batch_size * whole.world_size; /* at most 2^40 */
    whole.batch_size = (uint32_t)global_batch;
    whole.rank = (uint32_t)(global_batch >> 32); /* a whole has no rank: room for the rest */
    whole.world_size = 1;
    whole.pad = FMNIST_PAD_NONE;
    hash_spec(r, &whole, r->identity);
}
