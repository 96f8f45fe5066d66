/* SPDX-License-Identifier: MIT */
/* ctl/found.h — copies of datasets that frameworks keep in their default folders, and what makes
 * each of them one that is served.
 *
 * Source: where torchvision, Keras, tensorflow_datasets, MXNet, d2l, MedMNIST, Hugging Face and
 * Debian put them, and the variables by which their users say otherwise. Threads: one. Blocks:
 * looks at names, and at the headers of IDX files.
 */
#ifndef CTL_FOUND_H
#define CTL_FOUND_H

#include "base/err.h"

#include <stddef.h>

enum found_kind {
    FOUND_IDX,     /* as it is: `line` is the entry of a config */
    FOUND_FOREIGN, /* `line` is the command that imports it */
    FOUND_PYTHON,  /* what fmnistctl does not read: `line` is a call in Python */
    FOUND_BROKEN   /* IDX, but not as it should be: `line` says what is wrong */
};

struct found {
    char name[64];         /* that it is to have: "cifar-10" */
    const char *framework; /* that keeps it there */
    enum found_kind kind;
    char *path; /* owned; of a folder or file, absolute */
    char *line; /* owned */
};

struct found_list {
    struct found *items; /* owned; [count] */
    size_t count, room;
};

/* "idx", "foreign", "python", "broken". */
extern const char *const found_kind_words[];

/* Fills *list with what is there; the same place once. Errors: -ENOMEM. */
int found_look(struct found_list *list, struct err *e);
void found_close(struct found_list *list); /* accepts a zeroed one */

#endif
