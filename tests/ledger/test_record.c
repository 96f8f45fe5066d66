/* SPDX-License-Identifier: MIT */
/* Records: what comes back, what is no record, and reading on behind it. */
#include "base/bytes.h"
#include "base/crc32.h"
#include "ledger/record.h"
#include "ledger/sum.h"
#include "support/support.h"

#include <stdlib.h>
#include <string.h>

static struct ledger_record kinds[6];
enum { KINDS = sizeof kinds / sizeof *kinds };

static void make_kinds(void)
{
    memset(kinds, 0, sizeof kinds);
    kinds[0] = (struct ledger_record){
        .type = LEDGER_START,
        .start = {.boot = 0x1122334455667788, .time_ms = 2, .file = 3, .goes_on = true}};
    kinds[1].type = LEDGER_OPEN;
    struct ledger_open *o = &kinds[1].open;
    *o = (struct ledger_open){.session = 1, .uid = 2, .pid = 3, .at_token = true, .time_ms = 5};
    o->first = 1000;
    o->images = 60000;
    memset(o->identity, 0xab, 16);
    strcpy(o->program, "a-long-program-");
    spec_init(&o->spec);
    strcpy(o->spec.augment, "random-crop(28, padding=4)");
    o->spec.views = 2;
    o->spec.draws = FMNIST_DRAWS_COUNTER;
    kinds[2] = (struct ledger_record){
        .type = LEDGER_RUN,
        .run = {.session = 1, .count = 7, .first = UINT64_C(1) << 50, .sum = UINT64_MAX}};
    kinds[3] = (struct ledger_record){.type = LEDGER_END,
                                      .end = {.session = 1, .told = 4711, .handed = 4712}};
    kinds[4] = (struct ledger_record){.type = LEDGER_GAP,
                                      .gap = {.sessions = 1, .batches = 99, .time_ms = 7}};
    kinds[5] =
        (struct ledger_record){.type = LEDGER_STOP, .stop = {.boot = 1u << 20, .time_ms = 8}};
}

static void setup(void)
{
    support_setup();
    make_kinds();
}

/* All kinds, one behind the other. Returns their bytes. */
static size_t encode_all(uint8_t *out, size_t ends[KINDS])
{
    size_t size = 0;
    for (int i = 0; i < KINDS; i++) {
        size += ledger_encode(&kinds[i], out + size);
        ends[i] = size;
    }
    return size;
}

/* Ledgers are kept: their bytes never change. */
START_TEST(ledger_encode__known_records__their_bytes)
{
    uint8_t b[LEDGER_RECORD_MAX];
    ck_assert_uint_eq(ledger_encode(&kinds[0], b), 48);
    ck_assert_mem_eq(b + 4, "\x30\0\1\0FMLG\1\0\0\0\x88\x77\x66\x55\x44\x33\x22\x11", 20);
    ck_assert_uint_eq(get_le32(b), crc32_of(b + 4, 44));
    ck_assert_uint_eq(ledger_encode(&kinds[2], b), 32);
    ck_assert_mem_eq(b + 4, "\x20\0\3\0\1\0\0\0\7\0\0\0\0\0\0\0\0\0\4\0", 20);
}
END_TEST

START_TEST(ledger_decode__of_ledger_encode__the_same_record)
{
    for (int i = 0; i < KINDS; i++) {
        uint8_t b[LEDGER_RECORD_MAX], again[LEDGER_RECORD_MAX];
        struct ledger_record back;
        size_t size = ledger_encode(&kinds[i], b);
        ck_assert_uint_eq(size % 8, 0);
        ck_assert_uint_eq(ledger_decode(&back, b, size), size);
        ck_assert_int_eq(back.type, kinds[i].type);
        ck_assert_uint_eq(ledger_encode(&back, again), size);
        ck_assert_mem_eq(b, again, size);
    }
    ck_assert_uint_eq(kinds[1].open.spec.views, 2);
}
END_TEST

/* A chain's text ends somewhere: the bytes that are left out are its zeros, at any length. */
START_TEST(ledger_decode__chains_of_any_length__the_same_spec)
{
    struct ledger_open *o = &kinds[1].open;
    for (size_t n = 0; n < SPEC_AUGMENT_SIZE; n++) {
        uint8_t b[LEDGER_RECORD_MAX];
        struct ledger_record back;
        memset(o->spec.augment, 0, sizeof o->spec.augment);
        memset(o->spec.augment, 'x', n);
        o->spec.views = o->spec.draws = n > 0;
        size_t size = ledger_encode(&kinds[1], b);
        ck_assert_uint_eq(ledger_decode(&back, b, size), size);
        ck_assert_mem_eq(&back.open.spec, &o->spec, sizeof o->spec);
    }
}
END_TEST

/* A daemon that is killed, or a disk that is full, ends a file anywhere. */
START_TEST(ledger_next__every_truncation__the_whole_records)
{
    uint8_t bytes[KINDS * LEDGER_RECORD_MAX];
    size_t ends[KINDS], size = encode_all(bytes, ends);
    for (size_t n = 0; n <= size; n++) {
        uint8_t *cut = malloc(n ? n : 1); /* so that a sanitizer sees what is read behind it */
        memcpy(cut, bytes, n);
        struct ledger_reader r = {.bytes = cut, .size = n};
        struct ledger_record record;
        int count = 0, want = 0;
        while (want < KINDS && ends[want] <= n)
            want++;
        while (ledger_next(&r, &record))
            ck_assert_int_eq(record.type, kinds[count++].type);
        ck_assert_int_eq(count, want);
        ck_assert_uint_eq(r.at, want ? ends[want - 1] : 0);
        ck_assert_uint_eq(r.skipped, 0);
        free(cut);
    }
}
END_TEST

/* A bit that changes is one record less, and none that says something else. */
START_TEST(ledger_next__every_bit_flip__that_record_is_missing)
{
    uint8_t bytes[KINDS * LEDGER_RECORD_MAX];
    size_t ends[KINDS], size = encode_all(bytes, ends);
    for (size_t bit = 0; bit < size * 8; bit++) {
        int damaged = 0, at = 0, count = 0;
        while (ends[damaged] <= bit / 8)
            damaged++;
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        struct ledger_reader r = {.bytes = bytes, .size = size};
        struct ledger_record record;
        for (; ledger_next(&r, &record); count++, at++) {
            at += at == damaged;
            ck_assert_msg(at < KINDS && record.type == kinds[at].type, "bit %zu", bit);
        }
        ck_assert_msg(count == KINDS - 1, "bit %zu: %d records", bit, count);
        size_t lost = ends[damaged] - (damaged ? ends[damaged - 1] : 0);
        ck_assert_uint_eq(damaged == KINDS - 1 ? r.size - r.at : r.skipped, lost);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}
END_TEST

/* Content that no encoder writes, under a CRC that fits. */
START_TEST(ledger_decode__wrong_fields_under_a_right_crc__refused)
{
    static const struct {
        int kind;
        size_t at;
        uint8_t value;
    } wrong[] = {
        {0, 8, 0},    /* magic */
        {0, 12, 2},   /* version */
        {0, 40, 2},   /* flags */
        {1, 20, 4},   /* flags */
        {1, 79, 'x'}, /* a program's name without an end */
        {1, 80, 0},   /* the spec's magic */
        {2, 12, 0},   /* no batch */
        {2, 6, 7},    /* type */
        {2, 7, 1},    /* reserved */
        {2, 4, 40},   /* bytes */
        {3, 4, 32},   {5, 24, 1},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint8_t b[LEDGER_RECORD_MAX + 64] = {0};
        struct ledger_record back;
        size_t size = ledger_encode(&kinds[wrong[i].kind], b);
        b[wrong[i].at] = wrong[i].value;
        if (wrong[i].at == 4)
            size = wrong[i].value;
        put_le32(b, crc32_of(b + 4, size - 4));
        ck_assert_msg(ledger_decode(&back, b, sizeof b) == 0, "%zu", i);
    }
}
END_TEST

/* What the sum is there for: any other index, order, batch or length. */
START_TEST(ledger_batch_sum__anything_differs__another_sum)
{
    uint32_t a[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    uint64_t sum = ledger_batch_sum(7, a, 9);
    ck_assert_uint_ne(ledger_batch_sum(8, a, 9), sum);
    ck_assert_uint_ne(ledger_batch_sum(7, a, 8), sum);
    for (int i = 0; i < 9; i++) {
        for (int bit = 0; bit < 32; bit++) {
            a[i] ^= 1u << bit;
            ck_assert_uint_ne(ledger_batch_sum(7, a, 9), sum);
            a[i] ^= 1u << bit;
        }
        for (int k = 0; k < i; k++) {
            uint32_t t = a[i];
            a[i] = a[k];
            a[k] = t;
            ck_assert_uint_ne(ledger_batch_sum(7, a, 9), sum);
            a[k] = a[i];
            a[i] = t;
        }
    }
    ck_assert_uint_eq(ledger_batch_sum(7, a, 9), sum);
}
END_TEST

/* Ledgers are checked by later versions. */
START_TEST(ledger_batch_sum__known_batches__its_number)
{
    static const uint32_t a[] = {0, 1, 59999, 7, 12345};
    uint32_t squares[64];
    for (uint32_t i = 0; i < 64; i++)
        squares[i] = i * i % 60000;
    ck_assert_uint_eq(ledger_batch_sum(0, a, 5), UINT64_C(0xf4cf095d95784afa));
    ck_assert_uint_eq(ledger_batch_sum(1000, a, 1), UINT64_C(0x7508c69105795003));
    ck_assert_uint_eq(ledger_batch_sum(1000, squares, 63), UINT64_C(0x2ace3d26935f26d9));
    ck_assert_uint_eq(ledger_batch_sum(1000, squares, 64), UINT64_C(0xefedc7507abaf474));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("record");
    TCase *tc = tcase_create("record");
    tcase_add_checked_fixture(tc, setup, support_teardown);
    tcase_add_test(tc, ledger_encode__known_records__their_bytes);
    tcase_add_test(tc, ledger_decode__of_ledger_encode__the_same_record);
    tcase_add_test(tc, ledger_decode__chains_of_any_length__the_same_spec);
    tcase_add_test(tc, ledger_next__every_truncation__the_whole_records);
    tcase_add_test(tc, ledger_next__every_bit_flip__that_record_is_missing);
    tcase_add_test(tc, ledger_decode__wrong_fields_under_a_right_crc__refused);
    tcase_add_test(tc, ledger_batch_sum__anything_differs__another_sum);
    tcase_add_test(tc, ledger_batch_sum__known_batches__its_number);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
