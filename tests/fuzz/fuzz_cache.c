/* SPDX-License-Identifier: MIT */
/* A cache file of any bytes: found as what it is, refused with a reason, and never read beyond its
 * end. The first byte says what of it is put right, so that what lies behind a check is reached: a
 * checksum is no signature. */
#include "dataset/cache.h"

#include "base/bytes.h"
#include "fuzz/fuzz.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

enum { RIGHT_CHECKSUM = 1, RIGHT_SIZE = 2, RIGHT_DIGEST = 4, RIGHT_ORIGIN = 8 };
enum { FIELDS = 176, BYTES_MAX = 1 << 16, AT_DIGEST = 48 };

static char folder[64], path[128];
static struct cache cache;

static void end(void)
{
    cache_close(&cache);
    unlink(path);
    rmdir(folder);
}

static void begin(void)
{
    struct err e;
    snprintf(folder, sizeof folder, "/dev/shm/fmnist-fuzz-XXXXXX");
    if (!mkdtemp(folder) || cache_open(&cache, folder, &e))
        abort();
    snprintf(path, sizeof path, "%s/a-train.cache", folder);
    atexit(end);
}

static void put_checksum(uint8_t *page)
{
    put_le64(page + PAGE_BYTES - 8, XXH3_64bits(page, PAGE_BYTES - 8));
}

/* Of the content that follows the page, where the header fits it. */
static void put_digest(uint8_t *file, uint64_t size)
{
    struct dataset_split s;
    struct cache_origin origin;
    put_checksum(file);
    if (cache_header_unpack(file, &s, &origin, NULL) || cache_layout(&s).end != size)
        return;
    struct cache_layout l = cache_layout(&s);
    struct XXH3_state_s *state = split_digest_begin(&s);
    assert(state);
    split_digest_add(state, file + l.images, s.count * l.image_bytes);
    split_digest_add(state, file + l.labels, s.count * l.label_bytes);
    split_digest_end(state, file + AT_DIGEST);
}

/* The header alone. What it says is said again by a page that is made of it. */
static void check_header(const uint8_t *page, struct dataset_split *s, struct cache_origin *origin)
{
    uint8_t again[PAGE_BYTES];
    struct dataset_split split;
    struct cache_origin from;
    struct err e;
    if (cache_header_unpack(page, s, origin, &e)) {
        assert(*e.text);
        return;
    }
    cache_header_pack(again, s, origin);
    int rc = cache_header_unpack(again, &split, &from, &e);
    assert(rc == 0 && !memcmp(&split, s, sizeof split));
    assert(from.transposed == origin->transposed &&
           !memcmp(from.files, origin->files, sizeof from.files));
}

static void check_found(struct dataset_split *s)
{
    unsigned sum = 0;
    struct cache_layout l = cache_layout(s);
    assert(s->map_bytes == l.end && l.end <= BYTES_MAX);
    for (uint64_t i = 0; i < s->count * l.image_bytes; i++)
        sum += s->images[i];
    for (uint64_t i = 0; i < s->count; i++)
        for (uint32_t k = 0; k < (s->label_count ? s->label_count : 1); k++)
            sum += s->label_count ? s->label_rows[i * s->label_count + k] : (unsigned)s->labels[i];
    *(volatile unsigned *)&sum = sum;
    cache_unmap(s);
}

static uint64_t right_size(const uint8_t *page, uint64_t size)
{
    struct dataset_split s;
    struct cache_origin origin;
    if (cache_header_unpack(page, &s, &origin, NULL))
        return size;
    uint64_t end = cache_layout(&s).end;
    return end <= BYTES_MAX ? end : size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t file[BYTES_MAX];
    struct input in = {data, size};
    struct dataset_split s, found;
    struct cache_origin origin = {0}, none = {0};
    struct pulse pulse = {.lock = -1};
    struct err e;
    if (!*folder)
        begin();
    uint8_t right = input_u8(&in);
    memset(file, 0, sizeof file);
    input_bytes(&in, file, FIELDS);
    uint64_t bytes = in.left < BYTES_MAX - PAGE_BYTES ? in.left : BYTES_MAX - PAGE_BYTES;
    input_bytes(&in, file + PAGE_BYTES, bytes);
    bytes = right & 16 ? FIELDS : PAGE_BYTES + bytes; /* or a file of less than a page */
    if (right & RIGHT_CHECKSUM)
        put_checksum(file);
    if (right & RIGHT_SIZE)
        bytes = right_size(file, bytes);
    if (right & RIGHT_DIGEST)
        put_digest(file, bytes);
    if (right & RIGHT_CHECKSUM)
        put_checksum(file);
    check_header(file, &s, &origin);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t n = fd < 0 ? -1 : write(fd, file, bytes);
    assert(n == (ssize_t)bytes);
    close(fd);
    *e.text = 0;
    int rc =
        cache_find(&cache, "a-train", right & RIGHT_ORIGIN ? &origin : &none, &found, &pulse, &e);
    assert(rc == 0 || (rc == CACHE_UNFIT && *e.text));
    if (rc == 0)
        check_found(&found);
    return 0;
}
