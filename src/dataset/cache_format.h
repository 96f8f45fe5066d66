/* SPDX-License-Identifier: MIT */
/* dataset/cache_format.h — a split as one block of bytes: the cache file's layout and its header
 * page.
 *
 * Shape: page of PAGE_BYTES | images[count][height][width][channels] uint8 | zeros up to a multiple
 * of 64 | labels[count] int32, or label_rows[count][label_count] uint8. Everything little-endian.
 * Invariant: the digest covers dimensions, images and labels, and nothing that depends on how they
 * were stored. Threads: any; pure.
 */
#ifndef DATASET_CACHE_FORMAT_H
#define DATASET_CACHE_FORMAT_H

#include "dataset/dataset.h"
#include "dataset/source.h"

#include <stddef.h>

#define PAGE_BYTES 4096

/* What a stream can be made of. */
#define SPLIT_COUNT_MAX  (UINT64_C(1) << 27)
#define SPLIT_SIDE_MAX   4096
#define SPLIT_CHANNELS   4
#define SPLIT_LABELS_MAX 4096 /* as many as class names may be */

/* What a cache file was made from. */
struct cache_origin {
    struct file_id files[SOURCE_FILES];
    bool transposed;  /* rows and columns were exchanged while it was built */
    bool multi_label; /* labels were taken as rows */
};

/* Bytes from the page's begin. Every split within the limits above has one: no overflow. */
struct cache_layout {
    uint64_t image_bytes; /* of one image */
    uint64_t label_bytes; /* of one image's label, or row of them */
    uint64_t images;
    uint64_t labels;
    uint64_t end;
};

struct cache_layout cache_layout(const struct dataset_split *s);

/* Writes the header page; takes the split's description, not its pointers. */
void cache_header_pack(uint8_t page[PAGE_BYTES], const struct dataset_split *s,
                       const struct cache_origin *origin);

/* Reads it. Returns 0, or -EINVAL with what is wrong: damaged, of another version, not a page. */
int cache_header_unpack(const uint8_t page[PAGE_BYTES], struct dataset_split *s,
                        struct cache_origin *origin, struct err *e);

/* The digest of a split: begin with its shape, add the images in order and then the labels, as any
 * number of pieces, and end, which frees. split_digest_begin returns NULL without memory. */
struct XXH3_state_s;
struct XXH3_state_s *split_digest_begin(const struct dataset_split *s);
void split_digest_add(struct XXH3_state_s *state, const void *bytes, size_t size);
void split_digest_end(struct XXH3_state_s *state, uint8_t digest[16]);

/* Maps `fd`, whose whole size is that of the split's layout, read-only into s.
 * Errors: -ENOMEM and what mmap(2) says. */
int cache_map(int fd, struct dataset_split *s, struct err *e);

/* Ends the mapping and the watch over it, and forgets what *s describes. Accepts a zeroed split. */
void cache_unmap(struct dataset_split *s);

/* A step of what goes through a whole split: a few milliseconds, where memory holds it. */
#define CACHE_STEP_BYTES (4u << 20)

/* Reads mapped bytes in: one call is cheaper than a fault a page.
 * Returns 0, or -EIO where they cannot be read: the file ends before them, or its disk fails. */
int cache_read_in(const void *bytes, size_t size);

/* Whether memory does not hold the mapping, which was just read whole: more than 1/64 of its pages
 * are gone again. This sees every limit: the machine's, a cgroup's, what others use; a page that
 * was reclaimed by chance does not count. */
bool cache_not_resident(const struct dataset_split *s);

#endif
