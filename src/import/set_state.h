/* SPDX-License-Identifier: MIT */
/* import/set_state.h — what a set is made of, for the files that write it (set.c, set_finish.c). */
#ifndef IMPORT_SET_STATE_H
#define IMPORT_SET_STATE_H

#include "import/set.h"
#include "import/set_file.h"

struct set_split {
    char name[IMPORT_NAME_SIZE];
    struct import_shape shape; /* of the images; 0: none came yet */
    struct set_file images;
    struct set_file labels; /* int32, big-endian, [label_count][columns] */
    uint64_t image_count, label_count;
    uint32_t columns;
    int32_t label_max;
};

struct import_set {
    char *target; /* NULL: not known yet */
    bool target_given, name_given;
    char name[IMPORT_NAME_SIZE]; /* "": not known yet */
    char *parent;                /* the folder that target is in */
    char temporary[64];          /* in parent */
    int parent_fd, fd;           /* of both; -1: none */
    char *swept;
    bool committed;
    struct set_split splits[IMPORT_SPLITS_MAX];
    int split_count;
    char **classes; /* [class_count]; NULL: without a name */
    uint32_t class_count;
    char *origin, *licence;
    int (*ended)(struct err *e);                                 /* NULL: nobody is asked */
    int (*on_name)(void *data, const char *name, struct err *e); /* likewise */
    void *on_name_data;
    bool has_sha256;
    uint8_t sha256[32];
};

/* The names of a split's finished files. */
void set_images_name(const struct set_split *s, char name[128]);
void set_labels_name(const struct set_split *s, char name[128]);

/* The splits in their order: train, test, then as they came. Shape: order[split_count]. */
void set_order(const struct import_set *set, int order[IMPORT_SPLITS_MAX]);

/* Writes dataset.yaml and syncs it. */
int set_write_yaml(const struct import_set *set, struct err *e);

#endif
