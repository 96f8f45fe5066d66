/* SPDX-License-Identifier: MIT */
/* Names of files: the config's, or the known ones. Does not read what is in them. */
#include "dataset/find.h"

#include "dataset/missing.h"

#include <errno.h>

static const char *const what[SOURCE_FILES] = {"images", "labels"};

const char *dataset_split_name(const struct dataset_source *source, int split)
{
    static const char *const fixed[DATASET_OTHERS] = {"train", "test"};
    if (split < DATASET_OTHERS)
        return fixed[split];
    return split < DATASET_SPLITS ? source->splits[split].name : NULL;
}

static void wanted_names(const struct dataset_source *source, const struct known_dataset *known,
                         int split, const char *names[SOURCE_FILES])
{
    names[SOURCE_IMAGES] = source->splits[split].images;
    names[SOURCE_LABELS] = source->splits[split].labels;
    if (known && split < KNOWN_SPLITS && !names[SOURCE_IMAGES])
        names[SOURCE_IMAGES] = known->splits[split].images;
    if (known && split < KNOWN_SPLITS && !names[SOURCE_LABELS])
        names[SOURCE_LABELS] = known->splits[split].labels;
}

static int tell_missing(const struct dataset_source *source, const struct known_dataset *known,
                        int split, int file, struct err *e)
{
    const char *others[DATASET_SPLITS * SOURCE_FILES], *name = NULL;
    int count = 0;
    for (int s = 0; s < DATASET_SPLITS; s++) {
        const char *names[SOURCE_FILES];
        wanted_names(source, known, s, names);
        for (int i = 0; i < SOURCE_FILES; i++)
            if (s == split && i == file)
                name = names[i];
            else if (names[i])
                others[count++] = names[i];
    }
    struct missing m = {.folder = source->path,
                        .what = what[file],
                        .name = name,
                        .others = others,
                        .other_count = count};
    return missing_tell(&m, e);
}

int find_files(const struct dataset_source *source, const struct known_dataset *known, int split,
               struct source_file files[SOURCE_FILES], struct err *e)
{
    const char *names[SOURCE_FILES];
    wanted_names(source, known, split, names);
    for (int i = 0; i < SOURCE_FILES; i++)
        files[i] = (struct source_file){.fd = -1};
    if (source->splits[split].cut || (!names[SOURCE_IMAGES] && !names[SOURCE_LABELS]))
        return FIND_NO_SPLIT;
    int missing = 0, absent = -1;
    for (int i = 0; i < SOURCE_FILES; i++) {
        if (!names[i])
            return err_set(e, -EINVAL, "no %s file is named", what[i]);
        int rc = source_open(&files[i], source->path, names[i], e);
        if (rc < 0)
            return rc;
        if (rc == SOURCE_MISSING) {
            missing++;
            absent = absent < 0 ? i : absent;
        }
    }
    bool named = source->splits[split].images || source->splits[split].labels;
    if (missing == SOURCE_FILES && !named)
        return FIND_NO_SPLIT;
    return missing ? tell_missing(source, known, split, absent, e) : 0;
}

struct shape_rules find_rules(const struct dataset_source *source,
                              const struct known_dataset *known)
{
    return (struct shape_rules){
        .transpose = source->transpose >= 0 ? source->transpose != 0 : known && known->transposed,
        .label_columns = known ? known->label_columns : 0,
        .multi_label = source->multi_label > 0,
    };
}

int find_tell_nothing(const struct dataset_source *source, const struct known_dataset *known,
                      struct err *e)
{
    if (known)
        return tell_missing(source, known, DATASET_TRAIN, SOURCE_IMAGES, e);
    return err_set(e, -EINVAL, "no files are named, and the name is none of those that are known");
}
