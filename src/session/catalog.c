/* SPDX-License-Identifier: MIT */
/* Opening datasets, and finding them. Does not read their files: that is dataset/. */
#include "session/catalog.h"

#include "base/clock.h"
#include "base/near.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_TOLD 8 /* a config may have 256 */

static void note(void *data, const char *text)
{
    log_info("%s", text);
}

static void warn(void *data, const char *text)
{
    log_warning("%s", text);
}

/* "60000 train, 10000 test". */
#define LOG_COUNTS_SIZE (DATASET_SPLITS * (DATASET_NAME_SIZE + 24))
static const char *tell_counts(const struct dataset *d, char text[LOG_COUNTS_SIZE])
{
    size_t used = 0;
    for (int i = 0; i < DATASET_SPLITS; i++)
        if (d->splits[i].count)
            used +=
                (size_t)snprintf(text + used, LOG_COUNTS_SIZE - used, "%s%llu %s", used ? ", " : "",
                                 (unsigned long long)d->splits[i].count, d->splits[i].name);
    return text;
}

static int open_one(const struct dataset_source *source, const struct dataset_options *o,
                    struct dataset **out, struct err *e)
{
    uint64_t start = clock_ns();
    int rc = dataset_open(source, o, out, e);
    if (rc)
        return rc;
    char counts[LOG_COUNTS_SIZE];
    log_info("dataset \"%s\": %s images in %.1f ms", source->name, tell_counts(*out, counts),
             (double)(clock_ns() - start) / 1e6);
    return 0;
}

int catalog_open(struct catalog *c, const struct config *config,
                 const struct catalog_opening *opening, struct render_caches *caches, struct err *e)
{
    const struct dataset_options options = {
        .cache = config->cache,
        .use_uring = config->io_uring,
        .budget = caches->budget,
        .note = note,
        .warn = warn,
        .cancel = opening->cancel,
    };
    int rc;
    *c = (struct catalog){.datasets = calloc(config->dataset_count, sizeof(struct dataset *))};
    if (!c->datasets)
        return err_set(e, -ENOMEM, "out of memory");
    for (; c->count < config->dataset_count; c->count++) {
        const struct dataset_source *source = &config->datasets[c->count];
        struct dataset *same = opening->find ? opening->find(opening->data, source) : NULL;
        if (same) {
            c->datasets[c->count] = dataset_get(same);
            continue;
        }
        rc = open_one(source, &options, &c->datasets[c->count], e);
        if (rc)
            goto close_datasets;
    }
    return 0;

close_datasets:
    catalog_close(c, caches);
    return rc;
}

void catalog_close(struct catalog *c, struct render_caches *caches)
{
    for (uint32_t i = 0; i < c->count; i++)
        render_caches_put_dataset(caches, c->datasets[i]);
    free(c->datasets);
    *c = (struct catalog){0};
}

static void tell_served(const struct catalog *c, const char *name, struct err *e)
{
    char list[NAMES_TOLD * (DATASET_NAME_SIZE + 2) + 64];
    size_t used = 0;
    const char *near = NULL;
    unsigned least = NEAR_WORD;
    for (uint32_t i = 0; i < c->count; i++) {
        const char *served = c->datasets[i]->name;
        if (near_takes(name, served, &least))
            near = served;
        if (i < NAMES_TOLD)
            used +=
                (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", served);
    }
    assert(used < sizeof list);
    if (c->count > NAMES_TOLD)
        snprintf(list + used, sizeof list - used, " and %u more (fmnistctl datasets)",
                 c->count - NAMES_TOLD);
    err_set(e, -ENOENT, "no dataset \"%s\"%s%s%s; served: %s", name, near ? " (is it \"" : "",
            near ? near : "", near ? "\"?)" : "", list);
}

struct dataset *catalog_find(const struct catalog *c, const char *name, struct err *e)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (!strcmp(c->datasets[i]->name, name))
            return c->datasets[i];
    tell_served(c, name, e);
    return NULL;
}

int catalog_tell(struct dataset *d, int code, struct err *e)
{
    if (code != -EIO || !dataset_check(d, e))
        return err_sys(e, code, "rendering a batch of dataset \"%s\"", d->name);
    if (dataset_tell_first(d))
        log_error("%s", e->text);
    return code;
}

uint64_t catalog_bytes(const struct catalog *c)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < c->count; i++)
        for (int k = 0; k < DATASET_SPLITS; k++)
            bytes += c->datasets[i]->splits[k].map_bytes;
    return bytes;
}
