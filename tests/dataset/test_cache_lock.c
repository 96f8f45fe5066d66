/* SPDX-License-Identifier: MIT */
/* Waiting for another process's lock: while that gets on, and no longer. */
#include "dataset/cache_lock.h"
#include "dataset/holder.h"

#include "base/clock.h"
#include "dataset/opener.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

static void put_mine(void)
{
    put_gzip("train-images.gz", idx_images(300, 20, 20));
    put_file("train-labels", idx_labels(300));
}

/* A process that takes the stem's lock, says so, and does `then` with it. */
static pid_t start_holder(const char *folder, void (*then)(int lock))
{
    int ready[2];
    char byte;
    ck_assert_int_eq(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct cache c;
        struct err e;
        int lock;
        if (cache_open(&c, folder, &e) || cache_lock_try(&c, "mine-train", &lock, &e))
            _exit(9);
        holder_show(lock, 0);
        if (write(ready[1], "", 1) != 1)
            _exit(9);
        then(lock);
        _exit(0);
    }
    close(ready[1]);
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return pid;
}

static void end_holder(pid_t pid)
{
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

static void be_stopped(int lock)
{
    for (;;)
        raise(SIGSTOP);
}

/* Gets on for longer than a stopped one is waited for, and then ends. */
static void get_on(int lock)
{
    uint64_t end = clock_ns() + (CACHE_LOCK_PATIENCE_MS + 1500) * UINT64_C(1000000);
    for (unsigned i = 1; clock_ns() < end; i++) {
        holder_show(lock, i);
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
}

/* A second daemon must not hang for the first one's being stopped, and says whose fault it is. */
START_TEST(dataset_open__builder_stopped__held_in_memory_and_told)
{
    put_mine();
    const char *cache = support_path("cache");
    pid_t holder = start_holder(cache, be_stopped);
    struct dataset_source source = mine();
    struct dataset *d;
    struct err e;
    char who[64];
    ck_assert_int_eq(open_noted(&source, cache, true, &d, &e), 0);
    dataset_close(d);
    snprintf(who, sizeof who, "held in memory: process %d holds the lock", (int)holder);
    ck_assert_text(notes, "waiting for the process that builds");
    ck_assert_text(notes, who);
    ck_assert_text(notes, "built in memory");
    end_holder(holder);
    ck_assert_int_eq(open_noted(&source, cache, true, &d, &e), 0);
    dataset_close(d);
    ck_assert_text(notes, "built in the cache");
}
END_TEST

/* A builder that is slow is waited for, however long it takes. */
START_TEST(dataset_open__builder_gets_on__waited_for)
{
    put_mine();
    const char *cache = support_path("cache");
    pid_t holder = start_holder(cache, get_on);
    struct dataset_source source = mine();
    struct dataset *d;
    struct err e;
    ck_assert_int_eq(open_noted(&source, cache, true, &d, &e), 0);
    dataset_close(d);
    ck_assert_text(notes, "waiting for the process that builds");
    ck_assert_text(notes, "built in the cache");
    end_holder(holder);
}
END_TEST

static atomic_bool cancel;

static void *cancel_soon(void *unused)
{
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    atomic_store(&cancel, true);
    return NULL;
}

/* Whoever ends the daemon must not wait for a lock first. */
START_TEST(dataset_open__cancelled_while_it_waits__ecanceled)
{
    put_mine();
    const char *cache = support_path("cache");
    pid_t holder = start_holder(cache, be_stopped);
    struct dataset_source source = mine();
    struct dataset_options o = {.cache = cache, .cancel = &cancel};
    struct dataset *d;
    struct err e;
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, cancel_soon, NULL), 0);
    uint64_t start = clock_ns();
    ck_assert_int_eq(dataset_open(&source, &o, &d, &e), -ECANCELED);
    ck_assert_uint_lt(clock_ns() - start, CACHE_LOCK_PATIENCE_MS * UINT64_C(1000000));
    ck_assert_ptr_null(d);
    ck_assert_text(e.text, "opening dataset \"mine\": train: it was cancelled");
    pthread_join(thread, NULL);
    end_holder(holder);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("dataset/cache_lock");
    TCase *tc = tcase_create("cache_lock_wait");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, dataset_open__builder_stopped__held_in_memory_and_told);
    tcase_add_test(tc, dataset_open__builder_gets_on__waited_for);
    tcase_add_test(tc, dataset_open__cancelled_while_it_waits__ecanceled);
    suite_add_tcase(s, tc);
    return support_run(s);
}
