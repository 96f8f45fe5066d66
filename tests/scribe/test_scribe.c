/* SPDX-License-Identifier: MIT */
/* The ledger's files: what is put is there, going on, turning, and disks that take no more. */
#include "base/log.h"
#include "ledger/sum.h"
#include "scribe/scribe.h"
#include "support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct scribe *s;
static struct err e;

static void setup(void)
{
    support_setup();
    log_set_level(LOG_LEVEL_ERROR);
    signal(SIGXFSZ, SIG_IGN);
}

static int start(uint64_t max_bytes, uint32_t files)
{
    struct scribe_options o = {
        .path = support_path("ledger"), .max_bytes = max_bytes, .files = files};
    return scribe_start(&s, &o, &e);
}

static void must_start(uint64_t max_bytes, uint32_t files)
{
    int rc = start(max_bytes, files);
    ck_assert_msg(rc == 0, "%s", e.text);
}

static bool put_run(uint32_t session, uint64_t first)
{
    struct ledger_record r = {.type = LEDGER_RUN,
                              .run = {.session = session, .count = 1, .first = first}};
    return scribe_put(s, &r);
}

static void put_open(uint32_t session)
{
    struct ledger_record r = {.type = LEDGER_OPEN, .open = {.session = session}};
    spec_init(&r.open.spec);
    ck_assert(scribe_put(s, &r));
}

static void put_end(uint32_t session)
{
    struct ledger_record r = {.type = LEDGER_END, .end = {.session = session}};
    ck_assert(scribe_put(s, &r));
}

/* A file's records, each as a letter, "X" a STOP; a START that goes on is "s", an OPEN that does
 * "o". */
static char *letters(const char *name, struct ledger_reader *r)
{
    static char text[1 << 16];
    struct ledger_record record;
    size_t n = 0;
    *r = (struct ledger_reader){0};
    r->bytes = support_read(support_path("%s", name), &r->size);
    while (ledger_next(r, &record)) {
        ck_assert_uint_lt(n, sizeof text - 1);
        bool goes_on = (record.type == LEDGER_START && record.start.goes_on) ||
                       (record.type == LEDGER_OPEN && record.open.goes_on);
        text[n++] = (goes_on ? "?sorenx" : "?SOREGX")[record.type];
    }
    text[n] = 0;
    free((void *)r->bytes);
    return text;
}

static const char *letters_of(const char *name)
{
    struct ledger_reader r;
    return letters(name, &r);
}

START_TEST(scribe_put__records__in_the_file_and_private)
{
    struct stat st;
    must_start(1 << 20, 2);
    put_open(1);
    ck_assert(put_run(1, 0));
    put_end(1);
    scribe_stop(s);
    ck_assert_str_eq(letters_of("ledger"), "SOREX");
    ck_assert_int_eq(stat(support_path("ledger"), &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
}
END_TEST

/* A restart goes on in the same file, behind what a crash left torn, wherever it did. */
START_TEST(scribe_start__file_cut_anywhere__goes_on_behind_the_last_whole_record)
{
    must_start(1 << 20, 2);
    put_open(1);
    ck_assert(put_run(1, 0));
    scribe_stop(s);
    size_t size;
    char *bytes = support_read(support_path("ledger"), &size);
    for (size_t n = 48; n <= size; n++) {
        struct ledger_reader r;
        support_write(support_path("ledger"), bytes, n);
        must_start(1 << 20, 2);
        ck_assert(put_run(2, 0));
        scribe_stop(s);
        const char *text = letters("ledger", &r);
        ck_assert_str_eq(text, n == size        ? "SORXSRX"
                               : n >= size - 32 ? "SORSRX"
                               : n >= size - 64 ? "SOSRX"
                                                : "SSRX");
        ck_assert_uint_eq(r.skipped, 0);
        ck_assert_uint_eq(r.at, r.size);
    }
    free(bytes);
}
END_TEST

/* Somebody's file of that name. */
START_TEST(scribe_start__no_ledger_of_ours__refused_and_left_alone)
{
    support_write(support_path("ledger"), "precious", 8);
    ck_assert_int_eq(start(1 << 20, 2), -EEXIST);
    ck_assert_msg(strstr(e.text, "no delivery ledger"), "%s", e.text);
    size_t size;
    char *bytes = support_read(support_path("ledger"), &size);
    ck_assert_uint_eq(size, 8);
    ck_assert_mem_eq(bytes, "precious", 8);
    free(bytes);
    ck_assert_int_eq(unlink(support_path("ledger")), 0);
    ck_assert_int_eq(symlink(support_path("other"), support_path("ledger")), 0);
    ck_assert_int_eq(start(1 << 20, 2), -ELOOP);
    ck_assert_int_eq(unlink(support_path("ledger")), 0);
    ck_assert_int_eq(mkfifo(support_path("ledger"), 0600), 0);
    ck_assert_int_eq(start(1 << 20, 2), -EEXIST);
}
END_TEST

START_TEST(scribe_start__another_writes_it__refused)
{
    must_start(1 << 20, 2);
    struct scribe *first = s;
    ck_assert_int_eq(start(1 << 20, 2), -EBUSY);
    scribe_stop(first);
    must_start(1 << 20, 2);
    scribe_stop(s);
    ck_assert_str_eq(letters_of("ledger"), "SXSX");
}
END_TEST

static uint64_t put_until_stopped(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        while (!put_run(1, i))
            usleep(1000);
    scribe_stop(s);
    return count;
}

/* Full files: never more bytes than were allowed, the newest records, and each file with the
 * sessions that go on, but not with those that ended. */
START_TEST(scribe_put__more_than_fits__files_turn_within_their_bytes)
{
    enum { MAX = 64 << 10, FILES = 4 };
    must_start(MAX, FILES);
    put_open(1);
    put_open(2);
    put_end(2);
    put_until_stopped(5000); /* 160,000 bytes */
    uint64_t bytes = 0, runs = 0;
    for (int i = 0; i < FILES; i++) {
        char name[32];
        struct stat st;
        snprintf(name, sizeof name, i ? "ledger.%d" : "ledger", i);
        ck_assert_int_eq(stat(support_path("%s", name), &st), 0);
        ck_assert_uint_le((uint64_t)st.st_size, MAX / FILES);
        ck_assert_uint_eq(st.st_mode & 07777, 0600);
        bytes += (uint64_t)st.st_size;
        const char *text = letters_of(name);
        ck_assert_msg(!strncmp(text, "soR", 3), "%s: %.9s", name, text);
        runs += strlen(text) - 2 - (i == 0);
    }
    ck_assert_uint_le(bytes, MAX);
    ck_assert_uint_ge(runs, 1400);
    ck_assert_int_eq(access(support_path("ledger.4"), F_OK), -1);
    ck_assert_int_eq(access(support_path("ledger.new"), F_OK), -1);
}
END_TEST

/* The beginnings of so many sessions are more than a file may have: each record began a file then,
 * and the ledger kept none but the last 64. */
START_TEST(scribe_put__beginnings_fill_a_file__it_grows_to_twice_as_much)
{
    enum { MAX = 64 << 10, FILES = 64, SESSIONS = 20, RUNS = 3000 };
    must_start(MAX, FILES);
    for (uint32_t i = 1; i <= SESSIONS; i++)
        put_open(i);
    put_until_stopped(RUNS);
    uint64_t runs = 0, turns = 0;
    for (int i = 0; i < FILES; i++) {
        char name[32];
        struct stat st;
        snprintf(name, sizeof name, i ? "ledger.%d" : "ledger", i);
        if (stat(support_path("%s", name), &st))
            break;
        const char *text = letters_of(name);
        size_t begun = strspn(text, "soSO");
        ck_assert_uint_le((uint64_t)st.st_size, 2 * (48 + SESSIONS * 400));
        runs += strlen(text) - begun;
        turns++;
    }
    ck_assert_uint_eq(runs, RUNS + 1); /* and the STOP: nothing had to go */
    ck_assert_uint_lt(turns, FILES / 2);
}
END_TEST

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A full disk: nobody waits, what there is room for is kept and written when there is room again,
 * also the half of a record that was written already, and what was lost is told. */
START_TEST(scribe_put__disk_full_and_free_again__all_that_was_taken_and_a_gap)
{
    must_start(1 << 20, 2);
    limit_files(48 + 32 + 20);
    uint64_t taken = 0;
    while (put_run(1, taken))
        taken++;
    ck_assert_uint_gt(taken, 4000);
    scribe_lost(s, 77);
    limit_files(RLIM_INFINITY);
    while (!put_run(1, taken))
        usleep(10000);
    scribe_stop(s);
    struct ledger_reader r;
    const char *text = letters("ledger", &r);
    ck_assert_uint_eq(r.skipped, 0);
    ck_assert_uint_eq(strlen(text), 1 + taken + 1 + 1 + 1);
    ck_assert_uint_eq(strspn(text + 1, "R"), strchr(text, 'G') - text - 1);
    ck_assert_ptr_nonnull(strchr(text, 'G'));
}
END_TEST

/* The end does not wait for a disk that stays full. */
START_TEST(scribe_stop__disk_full__ends_and_the_file_is_valid)
{
    must_start(1 << 20, 2);
    limit_files(48 + 32 + 20);
    for (uint64_t i = 0; i < 10; i++)
        ck_assert(put_run(1, i));
    scribe_stop(s);
    limit_files(RLIM_INFINITY);
    ck_assert_str_eq(letters_of("ledger"), "SR");
    must_start(1 << 20, 2);
    scribe_stop(s);
    ck_assert_str_eq(letters_of("ledger"), "SRSX");
}
END_TEST

/* The next file cannot be made: what there is stays within its bytes, and goes on later. */
START_TEST(scribe_put__next_file_cannot_be_made__waits_for_it)
{
    enum { MAX = 64 << 10, FILES = 2 };
    must_start(MAX, FILES);
    ck_assert_int_eq(mkdir(support_path("ledger.new"), 0700), 0);
    for (uint64_t i = 0; i < 2000; i++)
        ck_assert(put_run(1, i));
    usleep(50000);
    struct stat st;
    ck_assert_int_eq(stat(support_path("ledger"), &st), 0);
    ck_assert_uint_le((uint64_t)st.st_size, MAX / FILES);
    ck_assert_int_eq(rmdir(support_path("ledger.new")), 0);
    while (access(support_path("ledger.1"), F_OK))
        usleep(10000);
    scribe_stop(s);
    ck_assert_uint_eq(strlen(letters_of("ledger")) + strlen(letters_of("ledger.1")), 2000 + 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scribe");
    TCase *tc = tcase_create("scribe");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, support_teardown);
    tcase_add_test(tc, scribe_put__records__in_the_file_and_private);
    tcase_add_test(tc, scribe_start__file_cut_anywhere__goes_on_behind_the_last_whole_record);
    tcase_add_test(tc, scribe_start__no_ledger_of_ours__refused_and_left_alone);
    tcase_add_test(tc, scribe_start__another_writes_it__refused);
    tcase_add_test(tc, scribe_put__more_than_fits__files_turn_within_their_bytes);
    tcase_add_test(tc, scribe_put__beginnings_fill_a_file__it_grows_to_twice_as_much);
    tcase_add_test(tc, scribe_put__disk_full_and_free_again__all_that_was_taken_and_a_gap);
    tcase_add_test(tc, scribe_stop__disk_full__ends_and_the_file_is_valid);
    tcase_add_test(tc, scribe_put__next_file_cannot_be_made__waits_for_it);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
