/* SPDX-License-Identifier: MIT */
/* The header page's fields, one a line, and what follows from them. Opens no files. */
#include "dataset/cache_format.h"

#include "base/bytes.h"
#include "dataset/mapping.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xxhash.h>
#if defined(__x86_64__) && __has_include(<xxh_x86dispatch.h>)
/* The same hash with the widest vectors of this CPU. */
#include <xxh_x86dispatch.h>
#endif

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the mapped labels are little-endian"
#endif

/* Version 1 took the first column of any int32 table for the labels; version 2 knew no rows. */
#define VERSION 3

static const char magic[8] = "FMNISTD\n";

enum {
    AT_MAGIC = 0,
    AT_VERSION = 8,
    AT_TRANSPOSED = 12,
    AT_COUNT = 16,
    AT_HEIGHT = 24,
    AT_WIDTH = 28,
    AT_CHANNELS = 32,
    AT_LABEL_MIN = 36,
    AT_LABEL_MAX = 40,
    AT_LABEL_COUNT = 44,
    AT_DIGEST = 48,
    AT_FILES = 64,
    FILE_BYTES = 56,
    AT_CHECKSUM = PAGE_BYTES - 8, /* XXH3-64 of what stands before it */
};

struct cache_layout cache_layout(const struct dataset_split *s)
{
    struct cache_layout l = {.images = PAGE_BYTES};
    l.image_bytes = (uint64_t)s->height * s->width * s->channels;
    l.labels = align_up(l.images + s->count * l.image_bytes, 64);
    l.label_bytes = s->label_count ? s->label_count : sizeof(int32_t);
    l.end = l.labels + s->count * l.label_bytes;
    return l;
}

static void pack_file(uint8_t *p, const struct file_id *id)
{
    memcpy(p, id->path_hash, 16);
    put_le64(p + 16, id->dev);
    put_le64(p + 24, id->ino);
    put_le64(p + 32, id->size);
    put_le64(p + 40, (uint64_t)id->mtime_ns);
    put_le64(p + 48, (uint64_t)id->ctime_ns);
}

static void unpack_file(const uint8_t *p, struct file_id *id)
{
    memcpy(id->path_hash, p, 16);
    id->dev = get_le64(p + 16);
    id->ino = get_le64(p + 24);
    id->size = get_le64(p + 32);
    id->mtime_ns = (int64_t)get_le64(p + 40);
    id->ctime_ns = (int64_t)get_le64(p + 48);
}

void cache_header_pack(uint8_t page[PAGE_BYTES], const struct dataset_split *s,
                       const struct cache_origin *origin)
{
    memset(page, 0, PAGE_BYTES);
    memcpy(page + AT_MAGIC, magic, sizeof magic);
    put_le32(page + AT_VERSION, VERSION);
    put_le32(page + AT_TRANSPOSED, origin->transposed);
    put_le64(page + AT_COUNT, s->count);
    put_le32(page + AT_HEIGHT, s->height);
    put_le32(page + AT_WIDTH, s->width);
    put_le32(page + AT_CHANNELS, s->channels);
    put_le32(page + AT_LABEL_MIN, (uint32_t)s->label_min);
    put_le32(page + AT_LABEL_MAX, (uint32_t)s->label_max);
    put_le32(page + AT_LABEL_COUNT, s->label_count);
    memcpy(page + AT_DIGEST, s->digest, sizeof s->digest);
    for (int i = 0; i < SOURCE_FILES; i++)
        pack_file(page + AT_FILES + i * FILE_BYTES, &origin->files[i]);
    put_le64(page + AT_CHECKSUM, XXH3_64bits(page, AT_CHECKSUM));
}

int cache_header_unpack(const uint8_t page[PAGE_BYTES], struct dataset_split *s,
                        struct cache_origin *origin, struct err *e)
{
    memset(s, 0, sizeof *s);
    if (memcmp(page + AT_MAGIC, magic, sizeof magic) != 0)
        return err_set(e, -EINVAL, "it is not a cache file");
    if (get_le32(page + AT_VERSION) != VERSION)
        return err_set(e, -EINVAL, "it has version %" PRIu32 ", want %d",
                       get_le32(page + AT_VERSION), VERSION);
    if (get_le64(page + AT_CHECKSUM) != XXH3_64bits(page, AT_CHECKSUM))
        return err_set(e, -EINVAL, "its header is damaged");
    origin->transposed = get_le32(page + AT_TRANSPOSED) != 0;
    s->count = get_le64(page + AT_COUNT);
    s->height = get_le32(page + AT_HEIGHT);
    s->width = get_le32(page + AT_WIDTH);
    s->channels = get_le32(page + AT_CHANNELS);
    s->label_min = (int32_t)get_le32(page + AT_LABEL_MIN);
    s->label_max = (int32_t)get_le32(page + AT_LABEL_MAX);
    s->label_count = get_le32(page + AT_LABEL_COUNT);
    origin->multi_label = s->label_count > 0;
    memcpy(s->digest, page + AT_DIGEST, sizeof s->digest);
    for (int i = 0; i < SOURCE_FILES; i++)
        unpack_file(page + AT_FILES + i * FILE_BYTES, &origin->files[i]);
    /* A checksum is no signature: whoever wrote the file, the sizes must be possible. */
    if (s->count < 1 || s->count > SPLIT_COUNT_MAX || s->height < 1 || s->height > SPLIT_SIDE_MAX ||
        s->width < 1 || s->width > SPLIT_SIDE_MAX || s->channels < 1 ||
        s->channels > SPLIT_CHANNELS || s->label_count > SPLIT_LABELS_MAX)
        return err_set(e, -EINVAL, "its header has impossible dimensions");
    return 0;
}

struct XXH3_state_s *split_digest_begin(const struct dataset_split *s)
{
    XXH3_state_t *state = XXH3_createState();
    if (!state)
        return NULL;
    uint8_t shape[24];
    put_le64(shape, s->count);
    put_le32(shape + 8, s->height);
    put_le32(shape + 12, s->width);
    put_le32(shape + 16, s->channels);
    put_le32(shape + 20, s->label_count);
    XXH3_128bits_reset(state);
    /* As it was before there were rows, where there are none. */
    XXH3_128bits_update(state, shape, s->label_count ? 24 : 20);
    return state;
}

void split_digest_add(struct XXH3_state_s *state, const void *bytes, size_t size)
{
    XXH3_128bits_update(state, bytes, size);
}

void split_digest_end(struct XXH3_state_s *state, uint8_t digest[16])
{
    XXH128_canonical_t hash;
    XXH128_canonicalFromHash(&hash, XXH3_128bits_digest(state));
    memcpy(digest, hash.digest, 16);
    XXH3_freeState(state);
}

int cache_map(int fd, struct dataset_split *s, struct err *e)
{
    struct cache_layout l = cache_layout(s);
    void *map = mmap(NULL, l.end, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return err_sys(e, -errno, "mapping %" PRIu64 " bytes", l.end);
    s->map = map;
    s->map_bytes = l.end;
    s->images = (const uint8_t *)map + l.images;
    const uint8_t *labels = (const uint8_t *)map + l.labels;
    s->labels = s->label_count ? NULL : (const int32_t *)labels;
    s->label_rows = s->label_count ? labels : NULL;
    return 0;
}

void cache_unmap(struct dataset_split *s)
{
    mapping_end(s->mapping);
    if (s->map)
        munmap(s->map, s->map_bytes);
    budget_give(s->budget, s->held_bytes);
    free(s->file);
    memset(s, 0, sizeof *s);
}

int cache_read_in(const void *bytes, size_t size)
{
    size_t before = (uintptr_t)bytes % PAGE_BYTES;
    int rc = madvise((uint8_t *)bytes - before, size + before, MADV_POPULATE_READ);
    /* Linux before 5.14 does not know it: each page is then read by the fault. */
    return rc < 0 && (errno == EFAULT || errno == EHWPOISON) ? -EIO : 0;
}

#define PAGED_SHARE 64 /* one page of so many may be missing */

bool cache_not_resident(const struct dataset_split *s)
{
    size_t pages = (s->map_bytes + PAGE_BYTES - 1) / PAGE_BYTES, missing = 0;
    unsigned char *resident = malloc(pages);
    if (resident && mincore(s->map, s->map_bytes, resident) == 0)
        for (size_t i = 0; i < pages; i++)
            missing += !(resident[i] & 1);
    free(resident);
    return missing > pages / PAGED_SHARE;
}
