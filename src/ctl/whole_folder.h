/* SPDX-License-Identifier: MIT */
/* ctl/whole_folder.h — a folder's dataset, for whole.c. Threads: one. */
#ifndef CTL_WHOLE_FOLDER_H
#define CTL_WHOLE_FOLDER_H

#include "config/config.h"
#include "dataset/dataset.h"

struct whole_folder {
    struct config config;         /* of a dataset.yaml */
    struct dataset_source source; /* the entry: that config's, or made of what lies there */
    char name[DATASET_NAME_SIZE];
    char path[4096];
    struct dataset *dataset; /* owned */
    int32_t *rows;           /* owned; labels of a step, where they are rows */
};

/* Opens what lies in a folder. *f is zeroed before, and to be closed whatever is returned.
 * Errors: -EINVAL where no dataset is there; those of config_load and dataset_open. */
int whole_folder_open(struct whole_folder *f, const char *folder, struct err *e);
void whole_folder_close(struct whole_folder *f);

#endif
