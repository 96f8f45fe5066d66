/* Where a batch's parts lie: aligned, apart, inside the slot, and never so large that a number
 * wraps. */
#include "ring/slot.h"
#include "support/support.h"

START_TEST(slot_layout_init__any_size__parts_apart_and_aligned)
{
    static const uint64_t samples[] = {1, 63, 64, 65, 784, 4096, 12288};
    for (uint64_t batch = 1; batch <= 130; batch++)
        for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
            struct slot_layout l;
            ck_assert(slot_layout_init(&l, batch, samples[i]));
            ck_assert_uint_eq((l.labels_at | l.indices_at | l.bytes) % 64, 0);
            ck_assert_uint_ge(l.labels_at, SLOT_SAMPLES_AT + batch * samples[i]);
            ck_assert_uint_ge(l.indices_at, l.labels_at + batch * 4);
            ck_assert_uint_ge(l.bytes, l.indices_at + batch * 4);
            ck_assert_uint_lt(l.bytes, 64 + batch * (samples[i] + 8) + 3 * 64);
        }
}
END_TEST

/* A frame's length has 32 bits: the largest slot fits, one image more does not. */
START_TEST(slot_layout_init__around_4_gib__refused_from_there_on)
{
    static const struct {
        uint64_t batch, image;
        bool fits;
    } cases[] = {
        {1, SLOT_BYTES_MAX - 192, true},
        {1, SLOT_BYTES_MAX - 191, false},
        {1, SLOT_BYTES_MAX, false},
        {1 << 24, 247, true},
        {1 << 24, 248, false},
        {1 << 24, 4096 * 4096 * 16, false},
        {UINT64_C(1) << 32, UINT64_C(1) << 32, false},
        {UINT64_MAX, 1, false},
        {1, UINT64_MAX, false},
        {UINT64_MAX, UINT64_MAX, false},
        {SLOT_BYTES_MAX, 1, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct slot_layout l;
        ck_assert_msg(slot_layout_init(&l, cases[i].batch, cases[i].image) == cases[i].fits,
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
