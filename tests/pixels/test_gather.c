/* SPDX-License-Identifier: MIT */
/* Samples from anywhere to anywhere: every byte of them, and no other. */
#include "pixels/gather.h"
#include "pixels/guarded.h"
#include "pixels/isa_variants.h"
#include "support/support.h"

#include <stdlib.h>
#include <string.h>

/* Sizes around a cache line, the string move's and the prefetch's bounds; the first sample twice.
 * All buffers lie against unmapped pages, where a byte too many is a fault. */
START_TEST(gather_samples__any_size__the_same_bytes)
{
    enum { SAMPLES = 3, COUNT = 40 };
    static const size_t sizes[] = {1, 63, 64, 65, 511, 512, 784, 1024, 2047, 2048, 2049, 50176};
    if (!isa_available(_i / 2))
        return;
    isa_force(_i / 2);
    enum guard_side side = _i % 2 ? GUARD_BEHIND : GUARD_BEFORE;
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        size_t bytes = sizes[k];
        struct guarded samples[SAMPLES], out = guarded_new(COUNT * bytes, side);
        const void *from[COUNT];
        void *to[COUNT];
        for (int i = 0; i < SAMPLES; i++) {
            samples[i] = guarded_new(bytes, side);
            for (size_t at = 0; at < bytes; at++)
                samples[i].data[at] = (uint8_t)(at * 7 + (size_t)i * 31);
        }
        for (int i = 0; i < COUNT; i++) {
            from[i] = samples[i % 7 % SAMPLES].data;
            to[i] = out.data + (size_t)(COUNT - 1 - i) * bytes;
        }
        gather_samples(from, to, COUNT, bytes);
        for (int i = 0; i < COUNT; i++)
            ck_assert_msg(!memcmp(to[i], from[i], bytes), "sample %d of %zu bytes", i, bytes);
        for (int i = 0; i < SAMPLES; i++)
            guarded_free(&samples[i]);
        guarded_free(&out);
    }
    gather_samples(NULL, NULL, 0, 784);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pixels/gather");
    TCase *tc = tcase_create("gather");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_loop_test(tc, gather_samples__any_size__the_same_bytes, 0, 2 * ISA_COUNT);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
