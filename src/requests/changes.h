/* requests/changes.h — what differs between two configs, as a reload tells it. Pure. */
#ifndef REQUESTS_CHANGES_H
#define REQUESTS_CHANGES_H

#include "config/config.h"

/* The place of the entry of that name, or -1. */
int changes_find(const struct config *c, const char *name);

/* Whether two entries name the same files in the same way. */
bool changes_same_source(const struct dataset_source *a, const struct dataset_source *b);

/* A line for each difference, malloc'd; NULL when out of memory. The numbers of workers are those
 * that `auto` came to. */
char *changes_tell(const struct config *before, uint32_t workers_before, const struct config *after,
                   uint32_t workers_after);

#endif
