/* SPDX-License-Identifier: MIT */
/* session/catalog.h — the datasets that are served, by name.
 *
 * Invariant: datasets[0 .. count) are all open, in the order of the config.
 * Threads: the loop thread, and the opener's, which builds and closes those that nobody else sees.
 * Memory: a use of each dataset. Streams have uses of their own, so a dataset outlives its entry.
 */
#ifndef SESSION_CATALOG_H
#define SESSION_CATALOG_H

#include "config/config.h"
#include "render/render_plan.h"

struct catalog {
    struct dataset **datasets; /* [count] */
    uint32_t count;
};

struct catalog_opening {
    /* The dataset that is open already and that the entry names, or NULL. NULL: none are open. */
    struct dataset *(*find)(void *data, const struct dataset_source *source);
    void *data;
    const _Atomic bool *cancel; /* true: nobody wants it any more */
};

/* Opens what the config names, and logs how long each took; what is open already is taken over.
 * On an error nothing is open.
 * Errors: -ENOMEM, -ECANCELED, and those of dataset_open, with text. Blocks. */
int catalog_open(struct catalog *c, const struct config *config,
                 const struct catalog_opening *opening, struct render_caches *caches,
                 struct err *e);

/* Gives every use back. Accepts a zeroed struct. */
void catalog_close(struct catalog *c, struct render_caches *caches);

/* The dataset of that name, or NULL with a text that says what is served. */
struct dataset *catalog_find(const struct catalog *c, const char *name, struct err *e);

/* Why a stream of the dataset failed with `code`; once, the log has it where the dataset is not
 * whole any more. Returns the code. Thread: any. */
int catalog_tell(struct dataset *d, int code, struct err *e);

/* What is mapped of all of them. */
uint64_t catalog_bytes(const struct catalog *c);

#endif
