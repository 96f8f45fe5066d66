/* SPDX-License-Identifier: MIT */
/* Fixtures. Does not know any module of the project. */
#include "support/support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct baseline {
    int descriptors;
    int mappings;
    int threads;
    size_t allocated;
};

static char dir[256];
static struct baseline before;

static int count_entries(const char *path)
{
    DIR *d = opendir(path);
    ck_assert_ptr_nonnull(d);
    int n = 0;
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

/* Mappings that a test can have made: of files, memfds and shared memory. Anonymous ones are left
 * out, because malloc and the sanitizers make and keep those as they please. */
static int count_mappings(void)
{
    FILE *f = fopen("/proc/self/maps", "re");
    ck_assert_ptr_nonnull(f);
    char line[1024];
    int n = 0;
    while (fgets(line, sizeof line, f))
        n += strstr(line, "/memfd:") || strstr(line, "/tmp/") || strstr(line, "io_uring");
    fclose(f);
    return n;
}

static struct baseline take_baseline(void)
{
    struct baseline b = {
        .descriptors = count_entries("/proc/self/fd"),
        .mappings = count_mappings(),
        .threads = count_entries("/proc/self/task"),
    };
    if (!SANITIZED)
        b.allocated = mallinfo2().uordblks;
    return b;
}

static void *end_at_once(void *number)
{
    *(pid_t *)number = gettid();
    return NULL;
}

/* A thread that was joined is among the process's tasks for a moment more. */
static void await_end_of_task(pid_t number)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d", (int)number);
    for (int ms = 0; ms < 1000 && access(path, F_OK) == 0; ms++)
        poll(NULL, 0, 1);
}

static void await_ends_of_tasks(int most)
{
    for (int ms = 0; ms < 1000 && count_entries("/proc/self/task") > most; ms++)
        poll(NULL, 0, 1);
}

/* ThreadSanitizer starts a thread of its own beside a forked process's first one. */
static void warm_up_threads(void)
{
    pthread_t thread;
    pid_t number = 0;
    ck_assert_int_eq(pthread_create(&thread, NULL, end_at_once, &number), 0);
    pthread_join(thread, NULL);
    await_end_of_task(number);
}

void support_setup(void)
{
    if (SANITIZED)
        warm_up_threads();
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof dir, "%s/fmnist-test-XXXXXX", tmp ? tmp : "/tmp");
    ck_assert_msg(mkdtemp(dir), "mkdtemp %s: %s", dir, strerror(errno));
    /* Whatever libc allocates at first use belongs to the baseline. */
    (void)take_baseline();
    before = take_baseline();
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void support_teardown(void)
{
    await_ends_of_tasks(before.threads);
    struct baseline after = take_baseline();
    nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    ck_assert_msg(after.descriptors == before.descriptors, "descriptors: %d before, %d after",
                  before.descriptors, after.descriptors);
    ck_assert_msg(after.mappings == before.mappings, "mappings: %d before, %d after",
                  before.mappings, after.mappings);
    ck_assert_msg(after.threads == before.threads, "threads: %d before, %d after", before.threads,
                  after.threads);
    ck_assert_msg(after.allocated <= before.allocated, "allocated: %zu bytes before, %zu after",
                  before.allocated, after.allocated);
}

const char *support_dir(void)
{
    return dir;
}

const char *support_path(const char *format, ...)
{
    static char paths[16][512];
    static unsigned next;
    char *path = paths[next++ % 16];
    int n = snprintf(path, sizeof paths[0], "%s/", dir);
    va_list args;
    va_start(args, format);
    vsnprintf(path + n, sizeof paths[0] - (size_t)n, format, args);
    va_end(args);
    return path;
}

const char *support_program(const char *name)
{
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];
    const char *folder = getenv("FMNIST_PROGRAMS");
    if (!folder)
        folder = getenv("BUILD");
    snprintf(path, sizeof paths[0], "%s/%s", folder ? folder : "build", name);
    return path;
}

void support_write(const char *path, const void *data, size_t size)
{
    FILE *f = fopen(path, "we");
    ck_assert_msg(f, "open %s: %s", path, strerror(errno));
    ck_assert_uint_eq(fwrite(data, 1, size, f), size);
    ck_assert_int_eq(fclose(f), 0);
}

void *support_read(const char *path, size_t *size)
{
    FILE *f = fopen(path, "re");
    ck_assert_msg(f, "open %s: %s", path, strerror(errno));
    ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
    long n = ftell(f);
    ck_assert_int_ge(n, 0);
    rewind(f);
    char *data = malloc((size_t)n + 1);
    ck_assert_ptr_nonnull(data);
    ck_assert_uint_eq(fread(data, 1, (size_t)n, f), (size_t)n);
    data[n] = 0;
    fclose(f);
    if (size)
        *size = (size_t)n;
    return data;
}

void *support_golden(const char *name, size_t *size)
{
    const char *folder = getenv("FMNIST_GOLDEN");
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder ? folder : "tests/golden", name);
    return support_read(path, size);
}

/* malloc's per-thread cache would count what was freed as still in use, and so would the arena and
 * the stack that glibc keeps of a thread that has ended. Only a new process can be told to go
 * without them. */
static void run_without_caches(void)
{
    if (SANITIZED || getenv("GLIBC_TUNABLES"))
        return;
    setenv("GLIBC_TUNABLES",
           "glibc.malloc.tcache_count=0:glibc.malloc.arena_max=1:glibc.pthread.stack_cache_size=0",
           1);
    char *argv[] = {program_invocation_name, NULL};
    execv("/proc/self/exe", argv);
    /* An emulator of programs can be what does not start one. */
    fprintf(stderr, "%s cannot start itself again: %s; set GLIBC_TUNABLES=%s\n",
            program_invocation_name, strerror(errno), getenv("GLIBC_TUNABLES"));
    exit(1);
}

int support_run(Suite *suite)
{
    run_without_caches();
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
