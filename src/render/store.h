/* render/store.h — the sample store: each image resized once per rule and size, and kept.
 *
 * A shelf holds the samples of one (dataset split, resize rule, size). It is filled as samples are
 * first needed, by whichever worker needs them, and shared by every stream of that rule and size.
 * Where the budget does not hold all of a split's samples, the shelf keeps the first ones that it
 * holds, and the others are rendered each time. A shelf that nobody uses stays until another needs
 * its room. A rule that only copies keeps nothing: its samples are the dataset's own pages.
 *
 * Invariant: the sum of all shelves' capacities is at most the budget, or what shelves in use took
 * under a larger one.
 * Threads: any. A sample is claimed by one worker with a compare-and-swap; another that needs it
 * meanwhile renders its own copy instead of waiting.
 * Memory: anonymous pages, touched only as samples are filled in.
 */
#ifndef RENDER_STORE_H
#define RENDER_STORE_H

#include "base/err.h"
#include "dataset/dataset.h"
#include "dataset/prefetch.h"
#include "pixels/resize.h"

struct store;
struct shelf;

struct store *store_new(uint64_t budget_bytes);
void store_free(struct store *s);

/* The shelf of a rule and size; give it back with shelf_put. The split outlives it.
 * Errors: -EINVAL (the rule cannot make that size), -ENOMEM. */
int store_get(struct store *s, const struct dataset_split *split, uint32_t rule, uint32_t height,
              uint32_t width, struct shelf **out, struct err *e);
void shelf_put(struct shelf *shelf);

/* Frees the split's shelves, which nobody may be using: the split is about to end. */
void store_forget(struct store *s, const struct dataset_split *split);

/* Another budget. Shelves that nobody uses go until it holds the rest; one in use keeps its room
 * until it is given back and another needs it. */
void store_resize(struct store *s, uint64_t budget_bytes);

size_t shelf_sample_bytes(const struct shelf *shelf);
size_t shelf_scratch_bytes(const struct shelf *shelf);

/* The kept sample of image `index`, filled in first where needed; NULL where it is not kept (or is
 * just being filled by another worker): render it then with shelf_render. `scratch` has
 * shelf_scratch_bytes. Returned memory: immutable as long as the shelf is held. */
const void *shelf_sample(struct shelf *shelf, uint32_t index, void *scratch);

/* Begins to read the images that shelf_sample or shelf_render of these would need: those that are
 * not kept yet, of a split that memory does not hold. Blocks: as prefetch_images. */
void shelf_prefetch(const struct shelf *shelf, struct prefetcher *f, const uint32_t *indices,
                    size_t count);

/* Renders image `index` into `sample`. */
void shelf_render(const struct shelf *shelf, uint32_t index, void *sample, void *scratch);

struct store_usage {
    uint64_t budget_bytes;
    uint64_t reserved_bytes; /* room given to shelves */
    uint64_t filled_bytes;   /* samples in it */
    uint32_t shelves;
};
void store_usage(struct store *s, struct store_usage *u);

#endif
