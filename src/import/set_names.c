/* SPDX-License-Identifier: MIT */
/* How a set's files are called, and in which order its splits stand. */
#include "import/set_state.h"

#include <stdio.h>
#include <string.h>

void set_images_name(const struct set_split *s, char name[128])
{
    snprintf(name, 128, "%s-images-idx%d-ubyte", s->name, s->shape.channels > 1 ? 4 : 3);
}

void set_labels_name(const struct set_split *s, char name[128])
{
    const char *kind = s->columns > 1       ? "idx2-ubyte"
                       : s->label_max > 255 ? "idx1-int"
                                            : "idx1-ubyte";
    snprintf(name, 128, "%s-labels-%s", s->name, kind);
}

void set_order(const struct import_set *set, int order[IMPORT_SPLITS_MAX])
{
    static const char *const first[] = {"train", "test"};
    int n = 0;
    for (size_t f = 0; f < 2; f++)
        for (int i = 0; i < set->split_count; i++)
            if (!strcmp(set->splits[i].name, first[f]))
                order[n++] = i;
    for (int i = 0; i < set->split_count; i++)
        if (strcmp(set->splits[i].name, first[0]) && strcmp(set->splits[i].name, first[1]))
            order[n++] = i;
}
