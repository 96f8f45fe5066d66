/* SPDX-License-Identifier: MIT */
/* render/render_plan.h — everything that a spec means for one dataset, and the rendering of its
 * batches.
 *
 * render_plan_new resolves a spec against a dataset: sizes, channels, shards, plans, digests. From
 * then on render_part is the pure function of this project: (plan, epoch, step) to bytes, in wire
 * form (ring/slot.h): samples as they are kept, or what the head of the spec's chain makes of them,
 * whatever the spec wants made of those. Plans that differ only in that have one `ring_id`, and
 * their streams can share a ring.
 *
 * Threads: a plan is immutable once it is checked, but for the count of its owners; rendering
 * threads bring a scratch each.
 */
#ifndef RENDER_RENDER_PLAN_H
#define RENDER_RENDER_PLAN_H

#include "augment/plan.h"
#include "dataset/dataset.h"
#include "render/index_list_cache.h"
#include "render/permutation_cache.h"
#include "render/sample_cache.h"
#include "spec/spec.h"

/* What all plans share. */
struct render_caches {
    struct permutation_cache *permutations;
    struct sample_cache *samples;
    struct index_list_cache *index_lists;
    struct budget *budget; /* of all memory that clients may take; NULL: without an end */
};

/* Gives one use of a dataset up; the last one ends it, and what the store keeps of it.
 * Thread: any. Accepts NULL. */
void render_caches_put_dataset(struct render_caches *k, struct dataset *d);

struct render_plan {
    _Atomic uint32_t users;
    struct spec spec; /* canonical: every default resolved */
    struct render_caches *caches;
    struct dataset *dataset; /* owned use */
    const struct dataset_split *split;
    const struct index_list *list; /* owned reference; NULL: the whole split */
    /* What was made of a selection, and what labels become with it: `list` where that has indices,
     * else an owned reference. NULL: nothing is selected. */
    const struct index_list *labels;
    int32_t label_min, label_max; /* of what may be delivered */
    uint64_t unchecked_rows;      /* of the list's values, the last ones */
    struct sampler sampler;
    struct sample_entry *entry; /* owned reference */
    bool exceeds_cache;         /* they lie so far apart that gathering them waits for the memory */

    /* Owned; NULL: none, or nothing of it is done here. */
    struct augment_plan *augment;
    struct augment_shape image; /* one image in a slot */
    struct augment_shape final; /* one as delivered; form says nothing */
    uint32_t views;             /* images of a sample in a slot: 1 without a chain */
    uint64_t image_bytes;       /* of one in a slot */
    uint64_t sample_bytes;      /* of all views */
    uint64_t work_ns;           /* about what making a sample takes of a CPU, all views */
    uint32_t slot_samples;      /* samples of the fullest batch */
    uint8_t digest[16];         /* of the canonical spec and the dataset: of what is delivered */
    uint8_t identity[16];       /* the same with the shards taken together: the token's */
    uint8_t ring_id[16]; /* the same as digest, without what the client library makes of it */
};

/* The plan keeps a use of the dataset.
 * Errors: -EINVAL (a field does not fit this dataset), -ENOENT (no such split), -ENODATA (the
 * caches do not have the list), -EAGAIN (nor what is selected: selection.h makes it), -EIO (the
 * dataset is not whole any more), -ENOMEM. Owns: the caller; end with render_plan_free. */
int render_plan_new(struct render_plan **out, const struct spec *spec, struct dataset *dataset,
                    struct render_caches *caches, struct err *e);

/* A step, of RENDER_CHECK_NS, of checking the values that came with the list, for a plan that is
 * nobody else's yet: all of it is checked before anything is rendered. Returns whether it is.
 * Errors: -EINVAL, with the row, the operation, the value and what is allowed. */
#define RENDER_CHECK_NS 1000000u
int render_plan_check(struct render_plan *r, struct err *e);

/* One more owner of the plan. Accepts NULL. */
struct render_plan *render_plan_share(struct render_plan *r);

/* Ends one owner's hold; frees it with the last. Accepts NULL. */
void render_plan_free(struct render_plan *r);

/* Where one batch goes. */
struct batch_target {
    void *samples;     /* [count][sample_bytes] */
    void *labels;      /* [count] int32, or [count][label_count] uint8 */
    uint32_t *indices; /* [count] */
    uint64_t count;    /* out: samples written */
};

struct render_scratch;
struct render_scratch *render_scratch_new(void);
void render_scratch_free(struct render_scratch *scratch);

/* Consecutive batches of one epoch. */
struct render_run {
    uint64_t epoch, step; /* of the first; step + batches <= steps */
    size_t batches;
    const uint32_t *permutation; /* of the epoch; NULL where the order needs none */
    struct batch_target *targets;
};

/* Renders samples of the run from its `*done`-th on, until all are there or end_ns is past and some
 * are; *done then counts those that are. Returns whether all are, or a negative errno value.
 * Whatever the parts, the bytes are the same. Blocks: until end_ns, and for as much as takes about
 * a millisecond, or one sample. Errors: -ENOMEM, -EIO the dataset is not whole any more;
 * then nothing of the targets counts. */
int render_part(const struct render_plan *r, struct render_scratch *scratch,
                const struct render_run *run, uint64_t *done, uint64_t end_ns);

#endif
