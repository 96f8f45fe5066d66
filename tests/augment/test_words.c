/* SPDX-License-Identifier: MIT */
/* Words and what PyTorch makes of them: against records of torch, and its generator's state. */
#include "augment/rig.h"
#include "augment/words.h"
#include "base/bytes.h"

#include <errno.h>
#include <stdio.h>

#define ROWS 4096

/* ---- words --------------------------------------------------------------------------------- */

/* Random123's published vectors. */
START_TEST(philox__published_vectors__same)
{
    static const struct {
        uint64_t key, offset, subsequence;
        uint32_t want[4];
    } known[] = {
        {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {UINT64_C(0x299f31d0a4093822),
         UINT64_C(0x85a308d3243f6a88),
         UINT64_C(0x0370734413198a2e),
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint32_t got[4];
        philox4x32_10(known[i].key, known[i].offset, known[i].subsequence, got);
        ck_assert_msg(!memcmp(got, known[i].want, sizeof got), "vector %zu: %08x %08x %08x %08x", i,
                      got[0], got[1], got[2], got[3]);
    }
}
END_TEST

/* One record of golden/augment_draws.txt, read token by token. */
struct reader {
    char *rest;
    const char *record;
    struct words words;
};

static const char *token(struct reader *r)
{
    char *t;
    while ((t = strsep(&r->rest, " \n")) && !*t)
        ;
    return t;
}

static uint64_t number(struct reader *r)
{
    return strtoull(token(r), NULL, 10);
}

static uint64_t two_words(struct words *w)
{
    uint64_t high = words_next(w);
    return high << 32 | words_next(w);
}

static void check_bits(struct reader *r, uint64_t got, const char *call)
{
    uint64_t want = strtoull(token(r), NULL, 16);
    ck_assert_msg(got == want, "%s: %s gives %lx, want %lx", r->record, call, got, want);
}

static void check_randint(struct reader *r)
{
    int64_t low = (int64_t)number(r), high = (int64_t)number(r);
    for (uint64_t n = number(r); n; n--) {
        uint64_t range = (uint64_t)(high - low);
        uint64_t drawn = range <= UINT32_MAX ? words_below(&r->words, (uint32_t)range)
                                             : two_words(&r->words) % range;
        int64_t want = (int64_t)number(r), got = low + (int64_t)drawn;
        ck_assert_msg(got == want, "%s: randint %ld to %ld gives %ld, want %ld", r->record, low,
                      high, got, want);
    }
}

static void check_randperm(struct reader *r)
{
    uint32_t n = (uint32_t)number(r), *p = malloc(n * sizeof *p);
    for (uint32_t i = 0; i < n; i++)
        p[i] = i;
    for (uint32_t i = 0; i + 1 < n; i++) {
        uint32_t k = i + words_below(&r->words, n - i), kept = p[i];
        p[i] = p[k];
        p[k] = kept;
    }
    for (uint32_t i = 0; n <= 100 && i < n; i++)
        ck_assert_msg(p[i] == number(r), "%s: randperm(%u) at %u", r->record, n, i);
    free(p);
}

static void check_call(struct reader *r, const char *call)
{
    if (!strcmp(call, "randint")) {
        check_randint(r);
    } else if (!strcmp(call, "randperm")) {
        check_randperm(r);
    } else if (!strcmp(call, "uniform")) {
        double low = strtod(token(r), NULL), high = strtod(token(r), NULL);
        for (uint64_t n = number(r); n; n--)
            check_bits(r, bits_of(words_uniform(&r->words, low, high)), call);
    } else if (!strcmp(call, "rand")) {
        for (uint64_t n = number(r); n; n--)
            check_bits(r, bits_of(words_rand(&r->words)), call);
    } else if (!strcmp(call, "rand64")) {
        for (uint64_t n = number(r); n; n--) {
            double got = (double)(two_words(&r->words) & UINT64_C(0x1fffffffffffff)) * 0x1p-53;
            uint64_t bits;
            memcpy(&bits, &got, sizeof bits);
            check_bits(r, bits, call);
        }
    } else if (!strcmp(call, "random")) {
        for (uint64_t n = number(r); n; n--)
            ck_assert_uint_eq(two_words(&r->words) & INT64_MAX, number(r));
    } else {
        ck_assert_str_eq(call, "skip");
        for (uint64_t n = number(r); n; n--)
            words_next(&r->words);
    }
}

/* rand, uniform_, randint, randperm of torch 2.13.0, and how many words they took. */
START_TEST(words__records_of_torch__same_numbers_and_next_word)
{
    size_t size;
    char *file = support_golden("augment_draws.txt", &size);
    char *text = strndup(file, size);
    struct reader r = {.rest = text};
    unsigned records = 0, calls = 0;
    const char *t;
    free(file);
    while ((t = token(&r))) {
        ck_assert_str_eq(t, "record");
        r.record = token(&r);
        struct mt19937 mt, other;
        mt19937_seed(&mt, (uint32_t)strtoll(token(&r), NULL, 10));
        other = mt;
        words_begin_torch(&r.words, &mt);
        for (t = token(&r); strcmp(t, "end") != 0; t = token(&r), calls++)
            check_call(&r, t);
        words_end_torch(&r.words);
        mt19937_skip(&other, number(&r));
        uint32_t next = (uint32_t)number(&r);
        ck_assert_msg(mt19937_u32(&other) == next, "%s: the record itself", r.record);
        ck_assert_msg(mt19937_u32(&mt) == next, "%s: another word comes next", r.record);
        records++;
    }
    free(text);
    ck_assert_uint_eq(records, 14);
    ck_assert_uint_gt(calls, 300);
}
END_TEST

/* ---- the generator's state ----------------------------------------------------------------- */

/* Bytes of torch 2.13.0: manual_seed(2^40 + 7), then nothing, 1, 624, 625 and 1000 words. */
START_TEST(torch_state__after_any_number_of_words__as_torch_has_it)
{
    static const struct {
        uint32_t words, left, next, first; /* first: of the 624 */
    } known[] = {
        {0, 1, 0, 7}, {1, 624, 1, 0}, {624, 1, 624, 0}, {625, 624, 1, 0}, {1000, 249, 376, 0},
    };
    struct err e = {""};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint8_t state[TORCH_STATE_BYTES], as_was[TORCH_STATE_BYTES];
        struct mt19937 mt, want;
        torch_state_seed(state, (UINT64_C(1) << 40) + 7);
        put_le64(state + TORCH_STATE_BYTES - 32, 0x3ff8000000000000); /* a cached number */
        memcpy(as_was, state, sizeof state);
        ck_assert_int_eq(torch_state_load(&mt, state, &e), 0);
        mt19937_seed(&want, 7);
        ck_assert_mem_eq(&mt, &want, sizeof mt);
        mt19937_skip(&mt, known[i].words);
        torch_state_store(&mt, state);
        ck_assert_uint_eq(get_le64(state), (UINT64_C(1) << 40) + 7);
        ck_assert_uint_eq(get_le32(state + 8), known[i].left);
        ck_assert_uint_eq(get_le32(state + 12), 1);
        ck_assert_uint_eq(get_le64(state + 16), known[i].next);
        for (int k = 0; k < MT19937_WORDS; k++)
            ck_assert_uint_eq(get_le64(state + 24 + 8 * k), mt.words[k]);
        if (known[i].first)
            ck_assert_uint_eq(get_le64(state + 24), known[i].first);
        size_t behind = 24 + 8 * MT19937_WORDS;
        ck_assert_mem_eq(state + behind, as_was + behind, TORCH_STATE_BYTES - behind);
        ck_assert_int_eq(torch_state_load(&want, state, &e), 0);
        ck_assert_mem_eq(&mt, &want, sizeof mt);
    }
}
END_TEST

START_TEST(torch_state__no_such_state__refused)
{
    static const struct {
        uint32_t at, value;
    } wrong[] = {{8, 0}, {8, 626}, {8, UINT32_MAX}, {8, 5}, {12, 0}, {12, 2}};
    struct err e = {""};
    struct mt19937 mt;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint8_t state[TORCH_STATE_BYTES];
        torch_state_seed(state, 1);
        put_le32(state + wrong[i].at, wrong[i].value);
        ck_assert_int_eq(torch_state_load(&mt, state, &e), -EINVAL);
        ck_assert_msg(strstr(e.text, "want that of a CPU generator") != NULL, "%s", e.text);
    }
}
END_TEST

/* Words are read ahead: what was not taken is given back, wherever a call ends. */
START_TEST(torch__samples_drawn_in_parts__as_drawn_at_once)
{
    struct augment_plan *plan = plan_of("random-crop(28,padding=4) random-resized-crop(20) "
                                        "random-apply([color-jitter(0.2,0.3)],p=0.4) "
                                        "rand-augment(3) to-tensor random-erasing",
                                        28, 28);
    uint32_t *once = rows_of(plan, ROWS), *parts = rows_of(plan, ROWS);
    uint32_t n = plan->chain->value_count;
    uint8_t whole[TORCH_STATE_BYTES], state[TORCH_STATE_BYTES];
    struct mt19937 mt;
    struct err e = {""};
    uint64_t random = 5;
    torch_state_seed(whole, 99);
    torch_state_seed(state, 99);
    ck_assert_int_eq(torch_state_load(&mt, whole, &e), 0);
    augment_draw_torch(plan, &mt, ROWS, once);
    torch_state_store(&mt, whole);
    for (size_t done = 0, count; done < ROWS; done += count) {
        count = dice(&random, 40);
        count = count < ROWS - done ? count : ROWS - done;
        ck_assert_int_eq(torch_state_load(&mt, state, &e), 0);
        augment_draw_torch(plan, &mt, count, parts + done * n);
        torch_state_store(&mt, state);
    }
    ck_assert_mem_eq(parts, once, ROWS * n * sizeof *once);
    ck_assert_mem_eq(state, whole, sizeof state);
    free(once);
    free(parts);
    augment_plan_free(plan);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("augment/words");
    TCase *tc = tcase_create("words");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    suite_add_tcase(s, tc);
    tcase_add_test(tc, philox__published_vectors__same);
    tcase_add_test(tc, words__records_of_torch__same_numbers_and_next_word);
    tcase_add_test(tc, torch_state__after_any_number_of_words__as_torch_has_it);
    tcase_add_test(tc, torch_state__no_such_state__refused);
    tcase_add_test(tc, torch__samples_drawn_in_parts__as_drawn_at_once);
    return support_run(s);
}
