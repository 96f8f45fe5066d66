/* SPDX-License-Identifier: MIT */
/* How much memory there is, from files as the kernel shows them. */
#include "host/memory.h"
#include "host/tree.h"

#include <sys/resource.h>

static uint64_t memory(const char *cgroups)
{
    return host_memory_of_cgroups(cgroups, support_dir());
}

START_TEST(host_memory_of_cgroups__no_limit__no_bound)
{
    ck_assert_uint_eq(memory(""), UINT64_MAX);
    ck_assert_uint_eq(memory("0::/\n"), UINT64_MAX);
    ck_assert_uint_eq(memory("0::/not/there\n"), UINT64_MAX);
    file("memory.max", "max\n");
    file("memory.high", "max\n");
    ck_assert_uint_eq(memory("0::/\n"), UINT64_MAX);
}
END_TEST

/* A container sees its own group as the root. The lower of the two counts. */
START_TEST(host_memory_of_cgroups__limit_at_the_mount__the_lower_one)
{
    file("memory.max", "104857600\n");
    ck_assert_uint_eq(memory("0::/\n"), 104857600);
    file("memory.high", "94371840\n");
    ck_assert_uint_eq(memory("0::/\n"), 94371840);
    file("memory.high", "204857600\n");
    ck_assert_uint_eq(memory("0::/\n"), 104857600);
}
END_TEST

START_TEST(host_memory_of_cgroups__nested_groups__the_least_counts)
{
    group("a");
    group("a/b");
    file("a/memory.max", "4000000\n");
    file("a/b/memory.max", "8000000\n");
    ck_assert_uint_eq(memory("0::/a/b\n"), 4000000);
    file("a/b/memory.max", "2000000\n");
    ck_assert_uint_eq(memory("0::/a/b\n"), 2000000);
    ck_assert_uint_eq(memory("0::/a\n"), 4000000);
}
END_TEST

/* Both versions at once, as on machines that mount both: each has its say. */
START_TEST(host_memory_of_cgroups__version_1__of_the_memory_hierarchy)
{
    group("memory");
    group("memory/a");
    file("memory/memory.limit_in_bytes", "9223372036854771712\n");
    file("memory/a/memory.limit_in_bytes", "39997440\n");
    ck_assert_uint_eq(memory("4:cpu:/a\n3:memory:/a\n0::/\n"), 39997440);
    ck_assert_uint_eq(memory("3:memory:/\n"), 9223372036854771712u);
    ck_assert_uint_eq(memory("3:memory_pressure:/a\n"), UINT64_MAX);
}
END_TEST

/* What cannot be read is no limit, never none at all. */
START_TEST(host_memory_of_cgroups__nonsense__no_bound)
{
    static const char *const wrong[] = {
        "lots\n", "", "\n", "-1\n", "12a\n", "1 2\n", "99999999999999999999\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        file("memory.max", wrong[i]);
        ck_assert_uint_eq(memory("0::/\n"), UINT64_MAX);
    }
    ck_assert_uint_eq(memory("nonsense\n::\n0::relative\n"), UINT64_MAX);
}
END_TEST

START_TEST(host_memory_total__meminfo__bytes)
{
    ck_assert_uint_eq(host_memory_total("MemTotal:       24683736 kB\nMemFree: 1 kB\n"),
                      UINT64_C(24683736) * 1024);
    ck_assert_uint_eq(host_memory_total("MemFree: 1 kB\nMemTotal: 8 kB\n"), 8192);
    ck_assert_uint_eq(host_memory_total(""), UINT64_MAX);
    ck_assert_uint_eq(host_memory_total("HugeMemTotal: 8 kB\n"), UINT64_MAX);
    ck_assert_uint_eq(host_memory_total("MemTotal: 8\n"), UINT64_MAX);
    ck_assert_uint_eq(host_memory_total("MemTotal: x kB\n"), UINT64_MAX);
}
END_TEST

/* Whatever this machine has: no more than an rlimit says. */
START_TEST(host_memory_limit__rlimit__is_one)
{
    struct rlimit before, less;
    struct host_memory here = host_memory_limit();
    ck_assert_uint_gt(here.bytes, 0);
    ck_assert_ptr_nonnull(here.of);
    ck_assert_int_eq(getrlimit(RLIMIT_DATA, &before), 0);
    less = before;
    less.rlim_cur = 20 << 20;
    ck_assert_int_eq(setrlimit(RLIMIT_DATA, &less), 0);
    struct host_memory limited = host_memory_limit();
    ck_assert_int_eq(setrlimit(RLIMIT_DATA, &before), 0);
    if (here.bytes > 20 << 20) {
        ck_assert_uint_eq(limited.bytes, 20 << 20);
        ck_assert_str_eq(limited.of, "RLIMIT_DATA");
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("memory");
    TCase *tc = tcase_create("memory");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, host_memory_of_cgroups__no_limit__no_bound);
    tcase_add_test(tc, host_memory_of_cgroups__limit_at_the_mount__the_lower_one);
    tcase_add_test(tc, host_memory_of_cgroups__nested_groups__the_least_counts);
    tcase_add_test(tc, host_memory_of_cgroups__version_1__of_the_memory_hierarchy);
    tcase_add_test(tc, host_memory_of_cgroups__nonsense__no_bound);
    tcase_add_test(tc, host_memory_total__meminfo__bytes);
    tcase_add_test(tc, host_memory_limit__rlimit__is_one);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
