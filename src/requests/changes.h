/* SPDX-License-Identifier: MIT */
/* requests/changes.h — what differs between two configs, as a reload tells it. Pure. */
#ifndef REQUESTS_CHANGES_H
#define REQUESTS_CHANGES_H

#include "config/config.h"

/* The place of the entry of that name, or -1. */
int changes_find(const struct config *c, const char *name);

/* Whether two entries name the same files in the same way. */
bool changes_same_source(const struct dataset_source *a, const struct dataset_source *b);

/* One side of a reload. */
struct changes_side {
    const struct config *config;
    uint32_t workers;                /* what `auto` came to */
    struct dataset *const *datasets; /* opened, in the config's order */
};

/* A line for each difference, malloc'd; NULL when out of memory. */
char *changes_tell(const struct changes_side *before, const struct changes_side *after);

#endif
