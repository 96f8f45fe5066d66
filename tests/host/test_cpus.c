/* SPDX-License-Identifier: MIT */
/* How many CPUs a cgroup's quota leaves, from files as the kernel shows them. */
#include "host/cpus.h"
#include "host/tree.h"

static uint32_t cpus(const char *cgroups)
{
    return quota_cpus(cgroups, support_dir());
}

/* Without a quota the affinity alone counts. */
START_TEST(quota_cpus__no_quota__no_bound)
{
    ck_assert_uint_eq(cpus(""), UINT32_MAX);
    ck_assert_uint_eq(cpus("0::/\n"), UINT32_MAX);
    ck_assert_uint_eq(cpus("0::/not/there\n"), UINT32_MAX);
    file("cpu.max", "max 100000\n");
    ck_assert_uint_eq(cpus("0::/\n"), UINT32_MAX);
}
END_TEST

/* A container sees its own group as the root. */
START_TEST(quota_cpus__quota_at_the_mount__rounded_up)
{
    file("cpu.max", "150000 100000\n");
    ck_assert_uint_eq(cpus("0::/\n"), 2);
    file("cpu.max", "10000 100000\n");
    ck_assert_uint_eq(cpus("0::/\n"), 1);
    file("cpu.max", "300000 100000\n");
    ck_assert_uint_eq(cpus("0::/\n"), 3);
}
END_TEST

/* A group's own quota may be wider than that of a group above it, which holds too. */
START_TEST(quota_cpus__nested_groups__the_least_counts)
{
    group("a");
    group("a/b");
    file("a/cpu.max", "400000 100000\n");
    file("a/b/cpu.max", "800000 100000\n");
    ck_assert_uint_eq(cpus("0::/a/b\n"), 4);
    file("a/b/cpu.max", "200000 100000\n");
    ck_assert_uint_eq(cpus("0::/a/b\n"), 2);
    ck_assert_uint_eq(cpus("0::/a\n"), 4);
}
END_TEST

/* Version 1: the hierarchy that has the controller "cpu", and no other whose name begins so. */
START_TEST(quota_cpus__version_1__of_the_cpu_hierarchy)
{
    group("cpu,cpuacct");
    group("cpu,cpuacct/a");
    file("cpu,cpuacct/a/cpu.cfs_quota_us", "250000\n");
    file("cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
    ck_assert_uint_eq(cpus("5:memory:/a\n4:cpu,cpuacct:/a\n"), 3);
    ck_assert_uint_eq(cpus("4:cpuset:/a\n"), UINT32_MAX);
    file("cpu,cpuacct/a/cpu.cfs_quota_us", "-1\n");
    ck_assert_uint_eq(cpus("4:cpu,cpuacct:/a\n"), UINT32_MAX);
}
END_TEST

/* What cannot be read is no quota, never zero workers. */
START_TEST(quota_cpus__nonsense__no_bound)
{
    file("cpu.max", "lots\n");
    ck_assert_uint_eq(cpus("0::/\n"), UINT32_MAX);
    file("cpu.max", "100000 0\n");
    ck_assert_uint_eq(cpus("0::/\n"), UINT32_MAX);
    ck_assert_uint_eq(cpus("nonsense\n::\n0::relative\n"), UINT32_MAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpus");
    TCase *tc = tcase_create("quota");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, quota_cpus__no_quota__no_bound);
    tcase_add_test(tc, quota_cpus__quota_at_the_mount__rounded_up);
    tcase_add_test(tc, quota_cpus__nested_groups__the_least_counts);
    tcase_add_test(tc, quota_cpus__version_1__of_the_cpu_hierarchy);
    tcase_add_test(tc, quota_cpus__nonsense__no_bound);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
