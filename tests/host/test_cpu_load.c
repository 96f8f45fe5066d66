/* SPDX-License-Identifier: MIT */
/* How long the CPUs were idle, from a text as the kernel shows it. */
#include "host/cpu_load.h"
#include "support/support.h"

#include <string.h>
#include <unistd.h>

static uint64_t ticks(uint64_t idle_ns)
{
    return idle_ns / (UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK));
}

static uint64_t idle_ticks(const char *text, int first_cpu, int second_cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(first_cpu, &set);
    CPU_SET(second_cpu, &set);
    support_write(support_path("stat"), text, strlen(text));
    return ticks(cpu_load_idle_ns(support_path("stat"), &set));
}

static const char four_cpus[] = "cpu  1 9 9 1110 9 5 6 0 0 0\n"
                                "cpu0 1 2 3 1000 7 0 0 0 0 0\n"
                                "cpu1 1 2 3 200 70 0 0 0 0 0\n"
                                "cpu2 1 2 3 30 700 0 0 0 0 0\n"
                                "cpu11 1 2 3 4 5 0 0 0 0 0\n"
                                "intr 1 2 3 4 5\n"
                                "cpu3 0 0 0 99999 0\n";

/* Only the CPUs that this process may use count, and those that wait for a disk are idle, too. */
START_TEST(load_idle_ns__some_cpus__their_idle_and_waiting_time)
{
    ck_assert_uint_eq(idle_ticks(four_cpus, 0, 1), 1007 + 270);
    ck_assert_uint_eq(idle_ticks(four_cpus, 2, 11), 730 + 9);
    ck_assert_uint_eq(idle_ticks(four_cpus, 3, 4), 0);
}
END_TEST

START_TEST(load_idle_ns__no_such_file_or_nonsense__nothing)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    ck_assert_uint_eq(cpu_load_idle_ns(support_path("none"), &set), 0);
    ck_assert_uint_eq(idle_ticks("", 0, 1), 0);
    ck_assert_uint_eq(idle_ticks("cpu0 1 2 3\ncpux 1 2 3 4 5\ncpu99999999999 1 2 3 4 5\n", 0, 1),
                      0);
}
END_TEST

/* An answer holds for some time, and asking does not need a sample of before. */
START_TEST(load_is_full__asked_at_once__the_same_answer)
{
    struct cpu_load l = {0};
    uint64_t now = UINT64_C(1000000000000);
    bool full = cpu_load_is_full(&l, now);
    ck_assert_uint_eq(l.asked_ns, now);
    ck_assert_int_eq(cpu_load_is_full(&l, now + 1), full);
    ck_assert_uint_eq(l.asked_ns, now);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("load");
    TCase *t = tcase_create("load");
    tcase_add_checked_fixture(t, support_setup, support_teardown);
    tcase_add_test(t, load_idle_ns__some_cpus__their_idle_and_waiting_time);
    tcase_add_test(t, load_idle_ns__no_such_file_or_nonsense__nothing);
    tcase_add_test(t, load_is_full__asked_at_once__the_same_answer);
    suite_add_tcase(s, t);
    return support_run(s);
}
