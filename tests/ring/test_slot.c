/* SPDX-License-Identifier: MIT */
/* Where a batch's parts lie: aligned, apart, inside the slot, and never so large that a number
 * wraps. */
#include "ring/slot.h"
#include "support/support.h"

START_TEST(slot_layout_init__any_size__parts_apart_and_aligned)
{
    static const uint64_t samples[] = {1, 63, 64, 65, 784, 4096, 12288};
    static const uint32_t rows[] = {0, 1, 4, 14, 4096};
    for (uint64_t batch = 1; batch <= 130; batch++)
        for (size_t i = 0; i < sizeof samples / sizeof *samples * 5; i++) {
            const struct slot_sample sample = {samples[i / 5], rows[i % 5]};
            const uint64_t label = sample.label_count ? sample.label_count : 4;
            struct slot_layout l;
            ck_assert(slot_layout_init(&l, batch, &sample));
            ck_assert_uint_eq((l.labels_at | l.indices_at | l.bytes) % 64, 0);
            ck_assert_uint_ge(l.labels_at, SLOT_SAMPLES_AT + batch * sample.bytes);
            ck_assert_uint_ge(l.indices_at, l.labels_at + batch * label);
            ck_assert_uint_ge(l.bytes, l.indices_at + batch * 4);
            ck_assert_uint_lt(l.bytes, 64 + batch * (sample.bytes + label + 4) + 3 * 64);
        }
}
END_TEST

/* A frame's length has 32 bits: the largest slot fits, one image more does not. */
START_TEST(slot_layout_init__around_4_gib__refused_from_there_on)
{
    static const struct {
        uint64_t batch, image;
        bool fits;
        uint32_t label_count;
    } cases[] = {
        {1 << 20, 4083, true, 8},
        {1 << 20, 4084, false, 8},
        {1 << 24, 1, false, 4096},
        {1, SLOT_BYTES_MAX - 192, true, 0},
        {1, SLOT_BYTES_MAX - 191, false, 0},
        {1, SLOT_BYTES_MAX, false, 0},
        {1 << 24, 247, true, 0},
        {1 << 24, 248, false, 0},
        {1 << 24, 4096 * 4096 * 16, false, 0},
        {UINT64_C(1) << 32, UINT64_C(1) << 32, false, 0},
        {UINT64_MAX, 1, false, 0},
        {1, UINT64_MAX, false, 0},
        {UINT64_MAX, UINT64_MAX, false, 0},
        {SLOT_BYTES_MAX, 1, false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct slot_sample sample = {cases[i].image, cases[i].label_count};
        struct slot_layout l;
        ck_assert_msg(slot_layout_init(&l, cases[i].batch, &sample) == cases[i].fits,
                      "%lu x %lu: %lu bytes", (unsigned long)cases[i].batch,
                      (unsigned long)cases[i].image, (unsigned long)l.bytes);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ring/slot");
    TCase *tc = tcase_create("slot");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, slot_layout_init__any_size__parts_apart_and_aligned);
    tcase_add_test(tc, slot_layout_init__around_4_gib__refused_from_there_on);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
