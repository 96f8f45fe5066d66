/* SPDX-License-Identifier: MIT */
/* import/reader.h — the formats that can be imported, each a reader: it recognises its files by
 * their content, and writes a set of them.
 *
 * A reader is a row of import_readers. It sees one member after the other, whatever they are packed
 * in, and has nothing to do with places in messages, progress or what is left half written.
 * Threads: one.
 */
#ifndef IMPORT_READER_H
#define IMPORT_READER_H

#include "base/err.h"
#include "import/described.h"
#include "import/input.h"
#include "import/set.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the user says; NULL or 0: nothing. */
struct import_options {
    const char *split;      /* of a source that has none */
    uint32_t height, width; /* --size */
    uint32_t resize;        /* --resize: enum fmnist_resize; 0: pillow-bilinear */
    uint32_t channels;      /* --grayscale: 1, --rgb: 3 */
    const char *images;     /* --images, --labels: names of arrays or members */
    const char *labels;
    const char *label_column; /* --label-column of a CSV */
    const char *labels_kind;  /* --labels-kind: fine or coarse */
    const char *set;          /* --set: which of several sets in the source */
    /* Told of what is left out and why, with where; a broken one is no reason to end. */
    void (*note)(void *data, bool broken, const char *text);
    void *note_data;
    /* Takes a dataset.yaml that lies among the files: names the set and its classes, fills *d.
     * Errors: -EINVAL, with its place. NULL: nobody does. */
    int (*describe)(const struct import_options *o, const char *where, const char *text,
                    size_t size, struct import_set *set, struct described *d, struct err *e);
    struct described *described; /* what came of it, for the reader; NULL: there is none */
};

/* What a member looks like. */
struct import_head {
    struct import_member member;
    const uint8_t *bytes; /* [count], its first; all of it where whole */
    size_t count;
    bool whole;
};

struct import_reader {
    const char *word; /* for programs: "idx" */
    const char *text; /* for people: "IDX files, MNIST's format" */
    /* Whether the member is one of the format's, by its content as far as that tells. The first
     * member that a reader recognises decides for all, but for a CSV, which others go before; rows
     * above are asked first. */
    bool (*recognise)(const struct import_head *head, const struct import_options *o);
    /* Reads all members of an input that stands before the first. Errors: negative errno values,
     * told without the place. */
    int (*read)(struct import_input *in, struct import_set *set, const struct import_options *o,
                struct err *e);
    const char *takes; /* the options that it honours, beside those of every reader; NULL: none */
    bool is_described; /* a dataset.yaml may say which file is what: read goes by it */
    bool names;        /* read calls the set by a name; others' are called as their source */
};

/* Ended by NULL. */
extern const struct import_reader *const import_readers[];

/* Finds the reader of a source, by its first members. Leaves the input before the first.
 * Errors: -EINVAL where nothing is known to be, with what the first file is instead. */
int import_recognise(struct import_input *in, const struct import_options *o,
                     const struct import_reader **reader, struct err *e);

/* Recognises, reads and commits. `reader` says what it was. Where nobody named the set it is called
 * as its source. Errors: negative errno values, with the place; -ECANCELED. */
int import_run(struct import_input *in, struct import_set *set, const struct import_options *o,
               const struct import_reader **reader, struct err *e);

/* ---- for readers --------------------------------------------------------------------------- */

/* The split that a member's name tells of, else its folders', else its source's; else --split, else
 * "train". "train", "test", "validation", or another that names say ("nist"). */
const char *import_split_name(const struct import_member *m, const struct import_options *o);

/* Calls the set as its source is called: "digits-2.tar.gz" is "digits-2". Errors: as
 * import_set_call. */
int import_call_by_source(struct import_set *set, const struct import_input *in, struct err *e);

/* The last part of a path, without what stands behind it. */
void import_last_part(const char *path, char *out, size_t size);

/* The last part of a member's name. */
const char *import_base_name(const struct import_member *m);

/* Tells of a member that is left out. */
void import_note(const struct import_options *o, bool broken, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What CIFAR's sets are called: by their labels, fine ones or coarse. */
const char *import_cifar_name(bool hundred, const struct import_options *o);

extern const struct import_reader import_reader_idx, import_reader_npy, import_reader_cifar,
    import_reader_pickle, import_reader_csv, import_reader_mat, import_reader_usps,
    import_reader_stl, import_reader_pictures;

#endif
