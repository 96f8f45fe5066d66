/* SPDX-License-Identifier: MIT */
/* Mapped files that are cut short, written into or fail, under those who read them.
 *
 * fcntl is this program's own, so that a test can refuse the lease. */
#include "dataset/mapping.h"

#include "dataset/opener.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZE = 64 * 4096 };

static int lease_error;

int fcntl(int fd, int command, ...)
{
    va_list args;
    va_start(args, command);
    long argument = va_arg(args, long);
    va_end(args);
    errno = lease_error;
    if (command == F_SETLEASE && argument == F_RDLCK && lease_error)
        return -1;
    return (int)syscall(SYS_fcntl, fd, command, argument);
}

static const char *put_ones(void)
{
    uint8_t *ones = malloc(SIZE);
    memset(ones, 1, SIZE);
    support_write(support_path("file"), ones, SIZE);
    free(ones);
    return support_path("file");
}

static struct {
    const uint8_t *map;
    struct mapping *mapping;
} m;

/* Maps the file. Returns what mapping_watch does. */
static int watch(const char *path, bool lease, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    m.map = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
    ck_assert_ptr_ne(m.map, MAP_FAILED);
    if (!lease)
        close(fd);
    return mapping_watch(&m.mapping, (void *)m.map, SIZE, lease ? fd : -1, e);
}

static void end(void)
{
    mapping_end(m.mapping);
    munmap((void *)m.map, SIZE);
}

static void check_read(uint8_t value)
{
    for (size_t i = 0; i < SIZE; i += 512)
        ck_assert_uint_eq(((const volatile uint8_t *)m.map)[i], value);
}

/* Others may read, link, rename, remove: nothing of it touches the bytes. */
START_TEST(mapping_is_whole__others_read_and_rename__whole)
{
    struct err e;
    const char *path = put_ones();
    ck_assert_int_eq(watch(path, true, &e), 0);
    uint8_t *copy = support_read(path, NULL);
    free(copy);
    ck_assert_int_eq(chmod(path, 0640), 0);
    ck_assert_int_eq(link(path, support_path("link")), 0);
    ck_assert_int_eq(rename(path, support_path("other")), 0);
    ck_assert_int_eq(unlink(support_path("other")), 0);
    check_read(1);
    ck_assert(mapping_is_whole(m.mapping));
    end();
}
END_TEST

static void cut(const char *path)
{
    ck_assert_int_eq(truncate(path, 0), 0);
}

static void cut_and_grow(const char *path)
{
    ck_assert_int_eq(truncate(path, 0), 0);
    ck_assert_int_eq(truncate(path, SIZE), 0);
}

static void overwrite(const char *path)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ck_assert(!mapping_is_whole(m.mapping)); /* before the first byte */
    ck_assert_int_eq(pwrite(fd, "2", 1, 0), 1);
    close(fd);
}

static void punch(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    ck_assert(!mapping_is_whole(m.mapping));
    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, SIZE);
    close(fd);
}

/* Whatever is done to the bytes, it shows no later than it is done. */
START_TEST(mapping_is_whole__file_is_written__not_whole_before_the_bytes_change)
{
    static void (*const ways[])(const char *path) = {cut, cut_and_grow, overwrite, punch};
    struct err e;
    const char *path = put_ones();
    ck_assert_int_eq(watch(path, true, &e), 0);
    check_read(1);
    ways[_i](path);
    ck_assert(!mapping_is_whole(m.mapping));
    for (size_t i = 0; i < SIZE; i += 512)
        (void)((const volatile uint8_t *)m.map)[i];
    ck_assert(!mapping_is_whole(m.mapping));
    end();
}
END_TEST

static void *watch_file(void *path)
{
    static struct err e;
    return watch(path, true, &e) ? "no watch" : NULL;
}

/* Whoever opened a dataset may be gone when its file is written. */
START_TEST(mapping_is_whole__watched_by_a_thread_that_ended__not_whole)
{
    const char *path = put_ones();
    pthread_t thread;
    void *result;
    ck_assert_int_eq(pthread_create(&thread, NULL, watch_file, (void *)path), 0);
    pthread_join(thread, &result);
    ck_assert_ptr_null(result);
    overwrite(path);
    end();
}
END_TEST

/* Without a lease the bytes that are gone are noticed by whoever reads them. */
START_TEST(mapping_is_whole__no_lease_and_cut__zeros_and_not_whole)
{
    struct err e;
    const char *path = put_ones();
    lease_error = EINVAL;
    ck_assert_int_eq(watch(path, true, &e), MAPPING_NO_LEASE);
    ck_assert_text(e.text, "Invalid argument");
    check_read(1);
    cut(path);
    ck_assert(mapping_is_whole(m.mapping));
    check_read(0);
    ck_assert(!mapping_is_whole(m.mapping));
    end();
}
END_TEST

/* What somebody may be writing at this moment is not to be trusted at all. */
START_TEST(mapping_watch__file_open_for_writing__eagain)
{
    struct err e;
    const char *path = put_ones();
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ck_assert_int_eq(watch(path, true, &e), -EAGAIN);
    ck_assert_ptr_null(m.mapping);
    close(fd);
    end();
    ck_assert_int_eq(watch(path, true, &e), 0);
    end();
}
END_TEST

/* Several threads at one mapping, and another one beside it that is left alone. */
enum { READERS = 4 };

static void *read_to_the_end(void *data)
{
    pthread_barrier_wait(data);
    for (int round = 0; round < 200; round++)
        for (size_t i = 0; i < SIZE; i += 4096)
            if (((const volatile uint8_t *)m.map)[i] == 0)
                return mapping_is_whole(m.mapping) ? "wrong" : NULL;
    return NULL;
}

static void start_and_end_threads(void *(*run)(void *data), void (*meanwhile)(const char *path),
                                  const char *path)
{
    pthread_t threads[READERS];
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, READERS + 1);
    for (int i = 0; i < READERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run, &barrier), 0);
    pthread_barrier_wait(&barrier);
    meanwhile(path);
    for (int i = 0; i < READERS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        ck_assert_ptr_null(result);
    }
    pthread_barrier_destroy(&barrier);
}

START_TEST(mapping_is_whole__cut_under_threads__none_takes_a_zero_for_a_byte)
{
    struct err e;
    struct mapping *other;
    const char *path = put_ones();
    uint8_t *beside = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_int_eq(mapping_watch(&other, beside, SIZE, -1, &e), 0);
    lease_error = _i % 2 ? EACCES : 0;
    ck_assert_int_ge(watch(path, true, &e), 0);
    start_and_end_threads(read_to_the_end, cut, path);
    ck_assert(mapping_is_whole(other));
    end();
    mapping_end(other);
    munmap(beside, SIZE);
}
END_TEST

/* Returns the signal that ended the child. */
static int signal_of(void (*what)(void))
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        what();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void read_behind_an_end(void)
{
    int fd = open(support_path("elsewhere"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    (void)*(volatile uint8_t *)mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
}

static void send_sigbus(void)
{
    raise(SIGBUS);
}

static void send_sigio(void)
{
    raise(SIGIO);
}

/* A bug is not hidden: another SIGBUS than a mapping's ends the process, as ever. */
START_TEST(mapping_watch__sigbus_elsewhere__ends_the_process)
{
    struct err e;
    signal(SIGBUS, SIG_DFL); /* a sanitizer has its own */
    ck_assert_int_eq(watch(put_ones(), true, &e), 0);
    ck_assert_int_eq(signal_of(read_behind_an_end), SIGBUS);
    ck_assert_int_eq(signal_of(send_sigbus), SIGBUS);
    ck_assert_int_eq(signal_of(send_sigio), 0);
    raise(SIGIO);
    ck_assert(mapping_is_whole(m.mapping));
    end();
}
END_TEST

/* Places are given back, and there is an end to them. */
START_TEST(mapping_watch__all_places_taken__enospc)
{
    static struct mapping *all[MAPPINGS_MAX];
    struct err e;
    struct mapping *more;
    uint8_t *map = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MAPPINGS_MAX; i++)
            ck_assert_int_eq(mapping_watch(&all[i], map, SIZE, -1, &e), 0);
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        ck_assert_int_eq(mapping_watch(&more, map, SIZE, fd, &e), -ENOSPC);
        ck_assert_ptr_null(more);
        for (int i = 0; i < MAPPINGS_MAX; i++)
            mapping_end(all[i]);
    }
    munmap(map, SIZE);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("dataset/mapping");
    TCase *tc = tcase_create("mapping");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, mapping_is_whole__others_read_and_rename__whole);
    tcase_add_loop_test(tc, mapping_is_whole__file_is_written__not_whole_before_the_bytes_change, 0,
                        4);
    tcase_add_test(tc, mapping_is_whole__watched_by_a_thread_that_ended__not_whole);
    tcase_add_test(tc, mapping_is_whole__no_lease_and_cut__zeros_and_not_whole);
    tcase_add_test(tc, mapping_watch__file_open_for_writing__eagain);
    tcase_add_loop_test(tc, mapping_is_whole__cut_under_threads__none_takes_a_zero_for_a_byte, 0,
                        10);
    tcase_add_test(tc, mapping_watch__sigbus_elsewhere__ends_the_process);
    tcase_add_test(tc, mapping_watch__all_places_taken__enospc);
    suite_add_tcase(s, tc);
    return support_run(s);
}
