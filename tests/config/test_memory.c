/* SPDX-License-Identifier: MIT */
/* Which defaults little memory gives. */
#include "config/memory.h"

#include "support/support.h"

#include <string.h>

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static struct config with(uint64_t bytes)
{
    struct config c = {0};
    config_memory_defaults(&c, (struct host_memory){bytes, "its cgroup"});
    return c;
}

/* A machine of 8 GiB has what the documents say, and so has one of which nothing is known. */
START_TEST(config_memory_defaults__8_gib_and_more__the_documented_ones)
{
    const uint64_t sizes[] = {8 * GIB, 64 * GIB, UINT64_MAX};
    for (size_t i = 0; i < 3; i++) {
        struct config c = with(sizes[i]);
        ck_assert_uint_eq(c.sample_cache_bytes, GIB);
        ck_assert_uint_eq(c.limits.ring_bytes, GIB);
        ck_assert_uint_eq(c.limits.ring_bytes_per_user, 4 * GIB);
        ck_assert_uint_eq(c.limits.list_bytes, 256 * MIB);
        ck_assert_uint_eq(c.limits.clients, 256);
        ck_assert_uint_eq(c.limits.clients_per_user, 128);
    }
}
END_TEST

/* All of one user's, and the store, fit into the budget; something is kept free; no limit is below
 * what a config may say. */
START_TEST(config_memory_defaults__any_size__fit_and_grow)
{
    struct config before = with(0);
    for (uint64_t bytes = 0; bytes < 16 * GIB; bytes += bytes < 512 * MIB ? MIB : 64 * MIB) {
        struct config c = with(bytes);
        ck_assert_uint_le(c.budget_bytes, bytes);
        ck_assert_uint_le(c.limits.ring_bytes, c.limits.ring_bytes_per_user);
        ck_assert_uint_ge(c.limits.ring_bytes, 65536);
        ck_assert(c.limits.clients >= 16 && c.limits.clients_per_user <= c.limits.clients);
        if (c.budget_bytes > MIB)
            ck_assert_uint_le(c.limits.ring_bytes_per_user + c.sample_cache_bytes +
                                  c.limits.list_bytes,
                              c.budget_bytes);
        ck_assert_uint_ge(c.budget_bytes, before.budget_bytes);
        ck_assert_uint_ge(c.limits.ring_bytes, before.limits.ring_bytes);
        ck_assert_uint_ge(c.sample_cache_bytes, before.sample_cache_bytes);
        before = c;
    }
}
END_TEST

START_TEST(config_memory_text__what_came_of_it__in_a_line)
{
    char text[CONFIG_MEMORY_TEXT_SIZE];
    struct config c = with(256 * MIB);
    ck_assert_str_eq(config_memory_text(&c, text),
                     "memory: the limit of its cgroup is 256MiB, 200MiB of it for clients; "
                     "sample_store 50MiB, limits: ring_bytes 100MiB, ring_bytes_per_user 125MiB, "
                     "list_bytes 25MiB, clients 256");
    /* What is below a MiB is told, too, and what the file says to the byte. */
    c = with(25 * MIB + 12345);
    c.limits.ring_bytes = 70000;
    ck_assert_str_eq(config_memory_text(&c, text),
                     "memory: the limit of its cgroup is 25MiB, 0 bytes of it for clients; "
                     "sample_store 64KiB, limits: ring_bytes 70000 bytes, ring_bytes_per_user "
                     "64KiB, list_bytes 64KiB, clients 25");
    c = with(UINT64_MAX);
    ck_assert_str_eq(config_memory_text(&c, text), "memory: no limit is known");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config memory");
    TCase *tc = tcase_create("memory");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, config_memory_defaults__8_gib_and_more__the_documented_ones);
    tcase_add_test(tc, config_memory_defaults__any_size__fit_and_grow);
    tcase_add_test(tc, config_memory_text__what_came_of_it__in_a_line);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
