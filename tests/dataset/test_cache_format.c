/* SPDX-License-Identifier: MIT */
/* How a split is known that memory does not hold. The layout and the header page are tested with
 * the cache (test_cache.c). */
#include "dataset/paged.h"

#include <errno.h>
#include <sys/mman.h>

static struct nonresident_split p;

static void drop_pages(size_t first, size_t count)
{
    ck_assert_int_eq(fallocate(p.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                               (off_t)(first * PAGE_BYTES), (off_t)(count * PAGE_BYTES)),
                     0);
}

/* A few pages may be gone by chance; with the first one too many the split is paged. */
START_TEST(cache_not_resident__pages_missing__from_a_share_on)
{
    nonresident_split_init(&p, memfd_create("split", MFD_CLOEXEC));
    size_t pages = (p.split.map_bytes + PAGE_BYTES - 1) / PAGE_BYTES;
    ck_assert(!cache_not_resident(&p.split));
    drop_pages(10, pages / 64);
    ck_assert(!cache_not_resident(&p.split));
    drop_pages(pages - 1, 1);
    ck_assert(cache_not_resident(&p.split));
    drop_pages(0, pages);
    ck_assert(cache_not_resident(&p.split));
    nonresident_split_free(&p);
}
END_TEST

/* A checksum is no signature: a header that says what cannot be is refused, whoever sealed it. */
START_TEST(cache_header_unpack__sealed_with_impossible_sizes__refused)
{
    static const struct {
        uint64_t count;
        uint32_t height, width, channels, label_count;
        bool is_possible;
    } sizes[] = {
        {1, 1, 1, 1, 0, true},
        {SPLIT_COUNT_MAX, SPLIT_SIDE_MAX, SPLIT_SIDE_MAX, SPLIT_CHANNELS, 0, true},
        {1, 1, 1, 1, SPLIT_LABELS_MAX, true},
        {1, 1, 1, 1, SPLIT_LABELS_MAX + 1, false},
        {0, 1, 1, 1, 0, false},
        {SPLIT_COUNT_MAX + 1, 1, 1, 1, 0, false},
        {UINT64_MAX, 1, 1, 1, 0, false},
        {1, 0, 1, 1, 0, false},
        {1, SPLIT_SIDE_MAX + 1, 1, 1, 0, false},
        {1, 1, 0, 1, 0, false},
        {1, 1, SPLIT_SIDE_MAX + 1, 1, 0, false},
        {1, 1, 1, 0, 0, false},
        {1, 1, 1, SPLIT_CHANNELS + 1, 0, false},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const struct dataset_split made = {.count = sizes[i].count,
                                           .height = sizes[i].height,
                                           .width = sizes[i].width,
                                           .channels = sizes[i].channels,
                                           .label_count = sizes[i].label_count};
        const struct cache_origin origin = {.transposed = true};
        struct dataset_split read;
        struct cache_origin from;
        struct err e = {""};
        uint8_t page[PAGE_BYTES];
        cache_header_pack(page, &made, &origin);
        int rc = cache_header_unpack(page, &read, &from, &e);
        if (sizes[i].is_possible) {
            ck_assert_msg(rc == 0 && read.count == made.count && from.transposed &&
                              read.label_count == made.label_count &&
                              from.multi_label == (made.label_count > 0),
                          "%zu: %s", i, e.text);
            continue;
        }
        ck_assert_msg(rc == -EINVAL, "%zu: %d", i, rc);
        ck_assert_str_eq(e.text, "its header has impossible dimensions");
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dataset/page");
    TCase *tc = tcase_create("cache_not_resident");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, cache_not_resident__pages_missing__from_a_share_on);
    tcase_add_test(tc, cache_header_unpack__sealed_with_impossible_sizes__refused);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
