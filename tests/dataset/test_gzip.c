/* SPDX-License-Identifier: MIT */
/* The gzip stream: members, damage, limits. */
#include "dataset/gzip.h"

#include "dataset/idxfile.h"

#include <errno.h>

/* Gives its bytes in pieces of `step`. */
struct memory {
    const uint8_t *data;
    size_t size, at, step;
};

static int next_piece(void *data, const uint8_t **bytes, size_t *size, struct err *e)
{
    struct memory *m = data;
    size_t n = m->size - m->at < m->step ? m->size - m->at : m->step;
    *bytes = m->data + m->at;
    *size = n;
    m->at += n;
    return 0;
}

/* Reads at most `limit` bytes in pieces. Returns what gzip_open or gzip_read says. */
static int read_all(struct bytes in, size_t in_step, uint8_t *out, size_t limit, size_t out_step,
                    size_t *got, struct err *e)
{
    struct memory m = {in.data, in.size, 0, in_step};
    struct gzip g;
    *got = 0;
    int rc = gzip_open(&g, &(struct gzip_source){next_piece, &m}, e);
    while (rc == 0 && *got < limit) {
        size_t want = limit - *got < out_step ? limit - *got : out_step, n;
        rc = gzip_read(&g, out + *got, want, &n, e);
        if (rc == 0)
            *got += n;
        if (n < want)
            break;
    }
    gzip_close(&g);
    return rc;
}

static struct bytes concat(struct bytes a, const void *b, size_t size)
{
    a.data = realloc(a.data, a.size + size);
    memcpy(a.data + a.size, b, size);
    a.size += size;
    return a;
}

/* A piece boundary anywhere, in or out, must not change a byte. */
START_TEST(gzip_read__every_piece_size__same_bytes)
{
    struct bytes raw = idx_images(40, 9, 9), z = gzip_make(raw.data, raw.size);
    uint8_t out[4096];
    const size_t steps[] = {1, 2, 3, 7, 64, 100000};
    for (size_t i = 0; i < 6; i++)
        for (size_t k = 0; k < 6; k++) {
            size_t got;
            struct err e;
            ck_assert_int_eq(read_all(z, steps[i], out, sizeof out, steps[k], &got, &e), 0);
            ck_assert_uint_eq(got, raw.size);
            ck_assert_mem_eq(out, raw.data, got);
            ck_assert_int_eq(read_all(raw, steps[i], out, sizeof out, steps[k], &got, &e), 0);
            ck_assert_uint_eq(got, raw.size);
            ck_assert_mem_eq(out, raw.data, got);
        }
    free(raw.data);
    free(z.data);
}
END_TEST

/* gzread takes a truncated file for a short one. */
START_TEST(gzip_read__every_truncation__einval)
{
    struct bytes raw = idx_images(3, 5, 5), z = gzip_make(raw.data, raw.size);
    for (size_t n = 1; n < z.size; n++) {
        uint8_t *exact = malloc(n), out[4096];
        memcpy(exact, z.data, n);
        size_t got;
        struct err e;
        ck_assert_int_eq(read_all((struct bytes){exact, n}, 4096, out, sizeof out, 512, &got, &e),
                         -EINVAL);
        free(exact);
    }
    free(raw.data);
    free(z.data);
}
END_TEST

/* A flipped bit may be harmless (the time stamp); it must never give other bytes. */
START_TEST(gzip_read__every_bit_flip__error_or_the_same_bytes)
{
    struct bytes raw = idx_images(3, 5, 5), z = gzip_make(raw.data, raw.size);
    for (size_t bit = 0; bit < 8 * z.size; bit++) {
        uint8_t out[4096];
        size_t got;
        struct err e;
        z.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        int rc = read_all(z, 4096, out, sizeof out, 512, &got, &e);
        if (rc == 0 &&
            bit / 8 > 0) { /* without its first byte it is no gzip, and the IDX parser's */
            ck_assert_uint_eq(got, raw.size);
            ck_assert_mem_eq(out, raw.data, got);
        }
        z.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    free(raw.data);
    free(z.data);
}
END_TEST

/* Members are one stream, also where the cut falls inside a piece, and also empty ones. */
START_TEST(gzip_read__several_members__concatenated)
{
    struct bytes raw = idx_images(10, 6, 6);
    struct bytes a = gzip_make(raw.data, 100), empty = gzip_make("", 0);
    struct bytes b = gzip_make(raw.data + 100, raw.size - 100);
    a = concat(a, empty.data, empty.size);
    a = concat(a, b.data, b.size);
    a = concat(a, empty.data, empty.size);
    for (size_t step = 1; step < 40; step++) {
        uint8_t out[4096];
        size_t got;
        struct err e;
        ck_assert_int_eq(read_all(a, step, out, sizeof out, 64, &got, &e), 0);
        ck_assert_uint_eq(got, raw.size);
        ck_assert_mem_eq(out, raw.data, got);
    }
    free(raw.data);
    free(a.data);
    free(b.data);
    free(empty.data);
}
END_TEST

/* gzread ignores what follows a member; a half second member must not pass either. */
START_TEST(gzip_read__anything_else_behind__einval)
{
    static const uint8_t tails[][4] = {{0}, {0x1f}, {0x1f, 0x8b}, {0x1f, 0x8b, 8}, {'x', 'y'}};
    for (size_t i = 0; i < 5; i++)
        for (size_t n = 1; n <= 4; n++) {
            struct bytes z = gzip_make("hello", 5);
            z = concat(z, tails[i], n);
            uint8_t out[64];
            size_t got;
            struct err e;
            ck_assert_int_eq(read_all(z, 4096, out, sizeof out, 64, &got, &e), -EINVAL);
            free(z.data);
        }
}
END_TEST

/* A megabyte of gzip can hold a gigabyte: only what was asked for may be made. */
START_TEST(gzip_read__bomb__stops_at_the_limit)
{
    uint8_t *zeros = calloc(1, 1 << 20), out[100];
    struct bytes z = gzip_make(zeros, 1 << 20);
    struct memory m = {z.data, z.size, 0, 64};
    struct gzip g;
    struct err e;
    size_t got;
    ck_assert_uint_lt((1 << 20) / z.size, GZIP_RATIO_MAX);
    ck_assert_int_eq(gzip_open(&g, &(struct gzip_source){next_piece, &m}, &e), 0);
    ck_assert_int_eq(gzip_read(&g, out, sizeof out, &got, &e), 0);
    ck_assert_uint_eq(got, sizeof out);
    ck_assert_uint_le(m.at, 256); /* the rest was not even asked for */
    gzip_close(&g);
    free(zeros);
    free(z.data);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("dataset/gzip");
    TCase *tc = tcase_create("gzip_read");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, gzip_read__every_piece_size__same_bytes);
    tcase_add_test(tc, gzip_read__every_truncation__einval);
    tcase_add_test(tc, gzip_read__every_bit_flip__error_or_the_same_bytes);
    tcase_add_test(tc, gzip_read__several_members__concatenated);
    tcase_add_test(tc, gzip_read__anything_else_behind__einval);
    tcase_add_test(tc, gzip_read__bomb__stops_at_the_limit);
    suite_add_tcase(s, tc);
    return support_run(s);
}
