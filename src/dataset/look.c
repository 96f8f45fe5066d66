/* SPDX-License-Identifier: MIT */
/* Looking at a dataset without opening it: for checking a config. */
#include "dataset/build.h"
#include "dataset/dataset.h"
#include "dataset/find.h"

/* Returns 0, FIND_NO_SPLIT or a negative code. */
static int look_at_split(const struct dataset_source *source, const struct known_dataset *known,
                         int split, struct err *e)
{
    struct source_file files[SOURCE_FILES];
    struct dataset_split s;
    int rc = find_files(source, known, split, files, e);
    if (rc == 0) {
        struct pulse pulse = {.lock = -1};
        struct build b = {.files = files, .rules = find_rules(source, known), .pulse = &pulse};
        rc = build_look(&b, &s, e);
    }
    for (int i = 0; i < SOURCE_FILES; i++)
        source_close(&files[i]);
    return rc < 0 ? err_prefix(e, rc, "%s", dataset_split_name(source, split)) : rc;
}

int dataset_look(const struct dataset_source *source, struct err *e)
{
    const struct known_dataset *known = known_find(source->name);
    int rc = 0, absent = 0;
    for (int i = 0; i < DATASET_SPLITS && rc >= 0; i++) {
        rc = look_at_split(source, known, i, e);
        absent += rc == FIND_NO_SPLIT;
    }
    if (absent == DATASET_SPLITS)
        rc = find_tell_nothing(source, known, e);
    return rc < 0 ? err_prefix(e, rc, "dataset \"%s\"", source->name) : 0;
}
