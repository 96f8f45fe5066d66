/* How a split is known that memory does not hold. The layout and the header page are tested with
 * the cache (test_cache.c). */
#include "dataset/paged.h"

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

int main(void)
{
    Suite *suite = suite_create("dataset/page");
    TCase *tc = tcase_create("cache_not_resident");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, cache_not_resident__pages_missing__from_a_share_on);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
