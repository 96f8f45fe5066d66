/* SPDX-License-Identifier: MIT */
#include "ctl/served.h"

#include "cut/cut.h"

#include <string.h>

bool served_find(const struct fmnist_datasets *all, const struct fmnist_spec *spec,
                 struct fmnist_dataset *out)
{
    const struct fmnist_dataset *d;
    size_t n = cut_name_length(spec->split);
    for (size_t i = 0; (d = fmnist_datasets_at(all, i)); i++)
        if (!strcmp(d->name, spec->dataset) && !strncmp(d->split, spec->split, n) && !d->split[n])
            break;
    if (!d)
        return false;
    *out = *d;
    const char *const texts[] = {spec->select, strchr(spec->split, '|')};
    for (int i = 0; i < 2; i++)
        if (texts[i] && (strstr(texts[i], "labels") || strstr(texts[i], "renumber")))
            out->class_count = 0;
    return true;
}
