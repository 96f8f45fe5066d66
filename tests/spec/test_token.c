/* SPDX-License-Identifier: MIT */
/* A token's bytes: what comes back, and what is refused. */
#include "base/bytes.h"
#include "base/crc32.h"
#include "spec/token.h"
#include "support/support.h"

#include <errno.h>
#include <string.h>

static struct fmnist_token make_token(void)
{
    struct token t = {.epoch = UINT64_C(0x1122334455667788), .step = UINT64_C(0x99aabbccddeeff00)};
    for (uint8_t i = 0; i < 16; i++)
        t.identity[i] = (uint8_t)(i * 17);
    struct fmnist_token out;
    memset(&out, 0xff, sizeof out);
    token_encode(&t, &out);
    return out;
}

/* Tokens lie in checkpoints for years: their bytes never change. */
START_TEST(token_encode__known_token__its_bytes)
{
    struct fmnist_token t = make_token();
    ck_assert_uint_eq(sizeof t.bytes, 48);
    ck_assert_mem_eq(t.bytes, "FMTK\1\0\0\0", 8);
    ck_assert_uint_eq(t.bytes[8 + 15], 255);
    ck_assert_uint_eq(get_le64(t.bytes + 24), UINT64_C(0x1122334455667788));
    ck_assert_uint_eq(get_le64(t.bytes + 32), UINT64_C(0x99aabbccddeeff00));
    ck_assert_uint_eq(get_le32(t.bytes + 40), 0);
    ck_assert_uint_eq(get_le32(t.bytes + 44), crc32_of(t.bytes, 44));
}
END_TEST

START_TEST(token_decode__of_token_encode__the_same_position)
{
    struct fmnist_token t = make_token();
    struct token back;
    struct err e;
    ck_assert_msg(token_decode(&back, &t, &e) == 0, "%s", e.text);
    ck_assert_uint_eq(back.epoch, UINT64_C(0x1122334455667788));
    ck_assert_uint_eq(back.step, UINT64_C(0x99aabbccddeeff00));
    ck_assert_mem_eq(back.identity, t.bytes + 8, 16);
}
END_TEST

/* A damaged token would go on somewhere else in the epoch, silently. */
START_TEST(token_decode__every_bit_flip__refused)
{
    struct fmnist_token t = make_token();
    struct token back;
    for (unsigned bit = 0; bit < sizeof t.bytes * 8; bit++) {
        struct err e = {""};
        t.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert_msg(token_decode(&back, &t, &e) == -EINVAL, "bit %u", bit);
        ck_assert_ptr_nonnull(strstr(e.text, "token"));
        t.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    ck_assert_int_eq(token_decode(&back, &t, NULL), 0);
}
END_TEST

/* A later version with a right checksum is still not ours to read. */
START_TEST(token_decode__another_version_or_magic__refused_by_what_it_has)
{
    static const struct {
        unsigned at;
        uint8_t value;
        const char *says;
    } other[] = {{4, 2, "token version 2: want 1"}, {4, 0, "token version 0"}, {0, 'f', "begins"}};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        struct fmnist_token t = make_token();
        struct token back;
        struct err e = {""};
        t.bytes[other[i].at] = other[i].value;
        put_le32(t.bytes + 44, crc32_of(t.bytes, 44));
        ck_assert_int_eq(token_decode(&back, &t, &e), -EINVAL);
        ck_assert_msg(strstr(e.text, other[i].says) != NULL, "%s", e.text);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("spec/token");
    TCase *tc = tcase_create("token");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, token_encode__known_token__its_bytes);
    tcase_add_test(tc, token_decode__of_token_encode__the_same_position);
    tcase_add_test(tc, token_decode__every_bit_flip__refused);
    tcase_add_test(tc, token_decode__another_version_or_magic__refused_by_what_it_has);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
