/* SPDX-License-Identifier: MIT */
/* tests/render/lists.h — a list into the cache, at once. */
#ifndef TESTS_RENDER_LISTS_H
#define TESTS_RENDER_LISTS_H

#include "render/index_list_check.h"
#include "support/support.h"

#include <stdlib.h>

/* The spec's list, whose numbers are malloc'd and taken over, also on failure. */
static inline int list_keep(struct index_list_cache *l, const struct spec *spec, uint32_t *numbers,
                            const struct index_list **out, struct err *e)
{
    struct index_list_check *k;
    ck_assert_int_eq(index_list_check_new(&k, spec, numbers, e), 0);
    int rc = 0;
    while (rc == 0)
        rc = index_list_check_step(k, e);
    if (rc > 0)
        rc = index_list_cache_add(l, k, out, e);
    index_list_check_free(k);
    return rc;
}

#endif
