/* SPDX-License-Identifier: MIT */
/* dataset/dataset.h — a dataset in memory: images and labels of its splits, mapped read-only.
 *
 * Opening finds the IDX files (as named or with/without .gz), takes the verified cache file where
 * one fits, and otherwise reads, inflates and checks the files and writes that cache file. What is
 * mapped is always our own cache file or a sealed memfd, never a file of somebody else's.
 *
 * Shape: images[count][height][width][channels] uint8; labels[count] int32, or, of a multi-label
 * set, label_rows[count][label_count] uint8: what stands in its files, byte for byte.
 * Invariant: the digest is XXH3-128 of the content (dimensions, images, labels), so the same data
 * has the same digest whatever its files were called and however they were compressed.
 * Threads: opening may be called from any thread, several datasets at a time; an open dataset is
 * immutable but for the count of its users, and whether it is whole. Memory: the mapping; page
 * cache, shared.
 */
#ifndef DATASET_DATASET_H
#define DATASET_DATASET_H

#include "base/budget.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* Places of splits: these two have theirs, others stand behind them in the order of the config. */
enum { DATASET_TRAIN, DATASET_TEST, DATASET_OTHERS, DATASET_SPLITS = 16 };

#define DATASET_NAME_SIZE 64 /* of a dataset, and of a split */

/* Where a dataset lies: one entry of the config, all paths absolute. */
struct dataset_source {
    const char *name;
    const char *path; /* the folder */
    struct {
        const char *images; /* file names in the folder; NULL: as known by name, */
        const char *labels; /* or the split is left out */
        const char *name;   /* NULL: "train", "test", or there is no split in this place */
        const char *from;   /* the name of the split with files that it is cut from, */
        const char *cut;    /* by the text of cut/cut.h; NULL: it has files */
    } splits[DATASET_SPLITS];
    const char *const *classes; /* NULL: as known by name, or none */
    uint32_t class_count;
    int transpose; /* 1 or 0: stored transposed or not; -1: as known by name */
    /* 1: labels are rows of bytes, a class a column; 0: a number, the class; -1: it is not said,
     * which is 0 */
    int multi_label;
};

/* The name of the split in that place, or NULL where the source has none. */
const char *dataset_split_name(const struct dataset_source *source, int split);

struct dataset_split {
    char name[DATASET_NAME_SIZE];
    uint64_t count; /* images; 0: the dataset has no split in this place */
    uint32_t height;
    uint32_t width;
    uint32_t channels;    /* 1 .. 4 */
    uint32_t label_count; /* bytes of a row, 1 .. SPLIT_LABELS_MAX; 0: one label an image */
    int32_t label_min;    /* of all labels, or of all bytes of the rows */
    int32_t label_max;
    const uint8_t *images;
    const int32_t *labels;     /* [count]; NULL where there are rows */
    const uint8_t *label_rows; /* [count][label_count]; NULL where there are none */
    uint8_t digest[16];
    void *map; /* owned: the mapping behind images and labels */
    uint64_t map_bytes;
    struct mapping *mapping; /* owned: the watch over it (mapping.h) */
    char *file;              /* owned: its path; NULL: it is memory of our own */
    struct budget *budget;   /* that held_bytes are of */
    uint64_t held_bytes;     /* memory for good: no file is behind the mapping; else 0 */
    bool not_resident;       /* memory did not hold it when it was opened: pages come and go */
    bool use_uring;          /* for asking for them (prefetch.h) */

    /* A part of another split, by the text of cut/cut.h; owned. It has no images and labels of its
     * own: count, shape and bounds of labels are the part's, the digest is of the other's and of
     * how it is cut. NULL: it is stored. */
    char *cut;
    int from;        /* the place of that other, which is stored */
    bool relabelled; /* labels are others than those that are stored */
};

/* The split that holds a split's images: itself, or the one that it is cut from. */
static inline const struct dataset_split *dataset_stored(const struct dataset_split *splits,
                                                         const struct dataset_split *s)
{
    return s->cut ? &splits[s->from] : s;
}

struct dataset {
    _Atomic uint32_t users; /* dataset_open gives one */
    _Atomic bool told;      /* dataset_tell_first */
    char name[DATASET_NAME_SIZE];
    struct dataset_split splits[DATASET_SPLITS];
    char **classes; /* owned; [class_count] */
    uint32_t class_count;
};

/* How to open. */
struct dataset_options {
    const char *cache; /* folder, made if missing; NULL: keep nothing on disk */
    bool use_uring;    /* false: pread only */
    /* A split that no cache file holds is memory of this budget. NULL: memory has no end. */
    struct budget *budget;
    /* Called on the opening thread with what is worth a line (built, rebuilt and why, no cache and
     * why, io_uring not available). NULL: nobody listens. */
    void (*note)(void *data, const char *text);
    /* The same with what needs a look: content that is not the published one of its name. NULL:
     * nobody listens. */
    void (*warn)(void *data, const char *text);
    void *note_data;
    /* Once it is true, from any thread, dataset_open ends with -ECANCELED: within 50 ms, unless a
     * single read or write of the disk takes longer. NULL: nobody cancels. */
    const _Atomic bool *cancel;
};

/* Opens every split of the source. A source without a class list or files of its own takes those
 * that its name is known for. Under a known name, content that was published under another known
 * one is refused; content that was never published is a warning.
 * Returns 0; *out is the caller's, end with dataset_close.
 * Errors: -ENOENT no such file, -EINVAL what is in it is wrong, -ECANCELED, -ENOMEM, -EIO; always
 * with text.
 * A cache folder that cannot be written (-EROFS, -EACCES, -ENOSPC) is a note, not an error: the
 * split is then held in a sealed memfd; -E2BIG where the budget has no room for it.
 * Blocks: reads, inflates and writes files. */
int dataset_open(const struct dataset_source *source, const struct dataset_options *options,
                 struct dataset **out, struct err *e);

/* Looks whether the source's files are there and their headers are right, without reading what they
 * hold: what dataset_open would refuse for another reason is not seen.
 * Returns 0 or the errors of dataset_open. Blocks: opens files. */
int dataset_look(const struct dataset_source *source, struct err *e);

/* Whether all that was read of the split so far is what was verified: nobody has changed its cache
 * file, and no page of it has failed. Look behind the last byte that was read, and give nothing of
 * it away unless. Thread: any. */
bool dataset_split_is_whole(const struct dataset_split *s);

/* Returns 0, or -EIO with dataset, split and file where a split is not whole. Opening it again
 * builds the file again. Thread: any. */
int dataset_check(const struct dataset *d, struct err *e);

/* Whether nobody asked this before: whoever is the first tells the log. Thread: any. */
bool dataset_tell_first(struct dataset *d);

/* One more user of an open dataset, and one less. dataset_put returns whether that was the last:
 * whoever gave it ends the dataset with dataset_close. Thread: any. */
struct dataset *dataset_get(struct dataset *d);
bool dataset_put(struct dataset *d);

/* Unmaps and frees. Accepts NULL. */
void dataset_close(struct dataset *d);

#endif
