/* SPDX-License-Identifier: MIT */
/* render/sample_cache.h — the sample store: each image resized once per rule and size, and kept.
 *
 * An entry holds the samples of one (dataset split, resize rule, size). It is filled as samples are
 * first needed, by whichever worker needs them, and shared by every stream of that rule and size.
 * Where the budget does not hold all of a split's samples, the entry keeps the first ones that it
 * holds, and the others are rendered each time. An entry that nobody uses goes at once where it
 * holds no sample; else it stays until another needs its room, or SAMPLE_CACHE_IDLE_COUNT were used
 * after it. A rule that only copies keeps nothing: its samples are the dataset's own pages.
 *
 * Invariant: the sum of all entries' capacities is at most the budget, or what entries in use took
 * under a larger one.
 * Threads: any. A sample is claimed by one worker with a compare-and-swap; another that needs it
 * meanwhile renders its own copy instead of waiting.
 * Memory: anonymous pages, touched only as samples are filled in, and a byte a sample, both of the
 * budget; beside it the weights of as many entries as are in use, and of the idle ones.
 */
#ifndef RENDER_SAMPLE_CACHE_H
#define RENDER_SAMPLE_CACHE_H

#include "base/budget.h"
#include "base/err.h"
#include "dataset/dataset.h"
#include "dataset/prefetch.h"
#include "pixels/resize.h"

#define SAMPLE_CACHE_IDLE_COUNT 64u

struct sample_cache;
struct sample_entry;

struct sample_cache *sample_cache_new(uint64_t budget_bytes);
void sample_cache_free(struct sample_cache *s);

/* The entry of a rule and size; give it back with sample_entry_put. The split outlives it.
 * Errors: -EINVAL (the rule cannot make that size), -ENOMEM. */
int sample_cache_get(struct sample_cache *s, const struct dataset_split *split, uint32_t rule,
                     uint32_t height, uint32_t width, struct sample_entry **out, struct err *e);
void sample_entry_put(struct sample_entry *entry);

/* Frees the split's entries, which nobody may be using: the split is about to end. */
void sample_cache_forget(struct sample_cache *s, const struct dataset_split *split);

/* Another budget. Shelves that nobody uses go until it holds the rest; one in use keeps its room
 * until it is given back and another needs it. */
void sample_cache_resize(struct sample_cache *s, uint64_t budget_bytes);

/* Room is taken from the budget, too, but for a quarter of it, which is others'. Before there are
 * any entries. */
void sample_cache_share(struct sample_cache *s, struct budget *budget);

/* Entries that nobody uses go until the budget has so many bytes. */
void sample_cache_drop_idle(struct sample_cache *s, uint64_t bytes);

size_t sample_entry_bytes(const struct sample_entry *entry);
size_t sample_entry_scratch_bytes(const struct sample_entry *entry);

/* The kept sample of image `index`, filled in first where needed; NULL where it is not kept (or is
 * just being filled by another worker): render it then with sample_entry_render. `scratch` has
 * sample_entry_scratch_bytes. Returned memory: immutable as long as the entry is held. */
const void *sample_entry_get(struct sample_entry *entry, uint32_t index, void *scratch);

/* Whether that fills a sample in, unless another worker does. */
bool sample_entry_lacks(const struct sample_entry *entry, uint32_t index);

/* Begins to read the images that sample_entry_get or sample_entry_render of these would need: those
 * that are not kept yet, of a split that memory does not hold. Blocks: as prefetch_images. */
void sample_entry_prefetch(const struct sample_entry *entry, struct prefetcher *f,
                           const uint32_t *indices, size_t count);

/* Renders image `index` into `sample`. */
void sample_entry_render(const struct sample_entry *entry, uint32_t index, void *sample,
                         void *scratch);

struct sample_cache_usage {
    uint64_t budget_bytes;
    uint64_t reserved_bytes; /* room given to entries */
    uint64_t filled_bytes;   /* samples in it */
    uint32_t entries;
};
void sample_cache_usage(struct sample_cache *s, struct sample_cache_usage *u);

#endif
