/* SPDX-License-Identifier: MIT */
/* The cache folder: what is built, trusted, rebuilt, and what happens without one.
 *
 * fsync, fallocate and pwrite are this program's own, so that a test can make them fail. */
#include "dataset/cache_lock.h"

#include "dataset/opener.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int fsync_calls, fsync_fails_at;

int fsync(int fd)
{
    if (++fsync_calls == fsync_fails_at) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}

static int fallocate_error, pwrite_calls, pwrite_fails_at;

int fallocate(int fd, int mode, off_t offset, off_t length)
{
    errno = fallocate_error;
    return fallocate_error ? -1 : (int)syscall(SYS_fallocate, fd, mode, offset, length);
}

/* What goes into a lock file does not count. */
ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    struct stat st;
    bool fails = fstat(fd, &st) == 0 && st.st_size > 4096 && ++pwrite_calls == pwrite_fails_at;
    errno = ENOSPC;
    return fails ? -1 : syscall(SYS_pwrite64, fd, bytes, size, offset);
}

static void put_mine(void)
{
    put_gzip("train-images.gz", idx_images(300, 20, 20));
    put_file("train-labels", idx_labels(300));
}

/* Opens with the cache folder, checks the data, returns the notes. */
static const char *open_mine(const char *cache)
{
    struct dataset_source source = mine();
    struct dataset *d;
    struct err e;
    int rc = open_noted(&source, cache, true, &d, &e);
    ck_assert_msg(rc == 0, "%s", e.text);
    struct bytes raw = idx_images(300, 20, 20);
    ck_assert_mem_eq(d->splits[0].images, raw.data + 16, 300 * 400);
    for (int i = 0; i < 300; i++)
        ck_assert_int_eq(d->splits[0].labels[i], i % 10);
    free(raw.data);
    dataset_close(d);
    return notes;
}

static void check_no_temp(const char *folder)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir));)
        ck_assert_msg(!strstr(entry->d_name, ".tmp"), "%s was left behind", entry->d_name);
    closedir(dir);
}

/* The second start must cost a mapping, not an inflate. */
START_TEST(dataset_open__second_time__taken_from_the_cache)
{
    put_mine();
    const char *cache = support_path("a/b/cache"); /* made with its parents */
    ck_assert_text(open_mine(cache), "built in the cache");
    ck_assert_str_eq(open_mine(cache), "");
    check_no_temp(cache);
    struct stat st;
    ck_assert_int_eq(stat(support_path("a/b/cache/mine-train.cache"), &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
}
END_TEST

/* A damaged byte anywhere in the file must be seen: in each region, and any length. */
START_TEST(dataset_open__damaged_cache_file__rebuilt_with_a_note)
{
    put_mine();
    const char *cache = support_path("cache"), *file = support_path("cache/mine-train.cache");
    open_mine(cache);
    size_t size;
    uint8_t *good = support_read(file, &size);
    const struct {
        size_t at;
        const char *says;
    } flips[] = {{0, "not a cache file"},  {8, "version"},
                 {12, "header"},           {16, "header"},
                 {24, "header"},           {36, "header"},
                 {48, "header"},           {64, "header"},
                 {175, "header"},          {2000, "header"},
                 {4095, "header"},         {4096, "content"},
                 {60000, "content"},       {4096 + 119999, "content"},
                 {size - 1200, "content"}, {size - 1, "content"}};
    for (size_t i = 0; i < sizeof flips / sizeof *flips; i++) {
        good[flips[i].at] ^= 0x40;
        support_write(file, good, size);
        good[flips[i].at] ^= 0x40;
        open_mine(cache);
        ck_assert_text(notes, "rebuilding");
        ck_assert_text(notes, flips[i].says);
        ck_assert_str_eq(open_mine(cache), "");
    }
    const size_t lengths[] = {0, 1, 4095, 4096, size - 1, size + 1};
    good = realloc(good, size + 1);
    good[size] = 0;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        support_write(file, good, lengths[i]);
        ck_assert_text(open_mine(cache), "rebuilding");
        ck_assert_str_eq(open_mine(cache), "");
    }
    free(good);
}
END_TEST

/* Data made from a file that has changed is another dataset's, however new the cache file is. */
START_TEST(dataset_open__source_changed__rebuilt)
{
    put_mine();
    const char *cache = support_path("cache");
    open_mine(cache);
    struct stat st;
    ck_assert_int_eq(stat(support_path("train-labels"), &st), 0);
    struct bytes l = idx_labels(300);
    l.data[8] = 9;
    put_file("train-labels", l);
    /* Hidden as well as a program can: same size, same modification time. */
    struct timespec times[2] = {st.st_atim, st.st_mtim};
    ck_assert_int_eq(utimensat(AT_FDCWD, support_path("train-labels"), times, 0), 0);
    struct dataset_source source = mine();
    struct dataset *d;
    struct err e;
    ck_assert_int_eq(open_noted(&source, cache, true, &d, &e), 0);
    ck_assert_int_eq(d->splits[0].labels[0], 9);
    ck_assert_text(notes, "the labels file has changed");
    dataset_close(d);
    source.transpose = 1;
    ck_assert_int_eq(open_noted(&source, cache, true, &d, &e), 0);
    ck_assert_text(notes, "exchanging rows and columns");
    dataset_close(d);
}
END_TEST

/* Labels that were fine without classes are not fine with too few, also out of the cache. */
START_TEST(dataset_open__cached_labels_beyond_the_classes__einval)
{
    static const char *const classes[] = {"a", "b", "c"};
    put_mine();
    const char *cache = support_path("cache");
    open_mine(cache);
    struct dataset_source source = mine();
    source.classes = classes;
    source.class_count = 3;
    struct dataset *d;
    struct err e;
    ck_assert_int_eq(open_noted(&source, cache, true, &d, &e), -EINVAL);
    ck_assert_ptr_null(d);
    ck_assert_text(e.text, "label 3 is 3");
}
END_TEST

/* Bad files must leave nothing behind that a later start would take for data. */
START_TEST(dataset_open__bad_files__no_cache_file_left)
{
    struct bytes raw = idx_images(300, 20, 20), z = gzip_make(raw.data, raw.size);
    z.data[z.size - 6] ^= 1; /* the CRC, which is checked last */
    free(raw.data);
    put_file("train-images.gz", z);
    put_file("train-labels", idx_labels(300));
    const char *cache = support_path("cache");
    struct dataset_source source = mine();
    struct dataset *d;
    struct err e;
    ck_assert_int_eq(open_noted(&source, cache, true, &d, &e), -EINVAL);
    check_no_temp(cache);
    ck_assert_int_lt(access(support_path("cache/mine-train.cache"), F_OK), 0);
}
END_TEST

/* What a killed builder left must neither be used nor stay. */
START_TEST(dataset_open__left_over_temp_file__replaced)
{
    put_mine();
    const char *cache = support_path("cache");
    ck_assert_int_eq(mkdir(cache, 0700), 0);
    support_write(support_path("cache/mine-train.tmp"), "half", 4);
    support_write(support_path("cache/mine-train.lock"), "", 0);
    ck_assert_text(open_mine(cache), "built in the cache");
    check_no_temp(cache);
}
END_TEST

/* A full disk is no reason not to start, whether it shows when the space is taken or later, on a
 * file system that cannot take space ahead. */
START_TEST(dataset_open__full_disk__held_in_memory)
{
    put_mine();
    const char *cache = support_path("cache");
    fallocate_error = ENOSPC;
    ck_assert_text(open_mine(cache), "held in memory: taking 125296 bytes");
    ck_assert_text(notes, "No space left");
    check_no_temp(cache);
    fallocate_error = EOPNOTSUPP;
    for (int at = 1; at <= 3; at++) { /* images, labels, header */
        pwrite_calls = 0;
        pwrite_fails_at = at;
        ck_assert_text(open_mine(cache), "held in memory: writing");
        check_no_temp(cache);
    }
    pwrite_fails_at = 0;
    ck_assert_text(open_mine(cache), "built in the cache");
}
END_TEST

/* Neither disk nor memory: an error, and nothing is left. */
START_TEST(dataset_open__no_space_anywhere__enomem)
{
    put_mine();
    const char *cache = support_path("cache");
    struct rlimit before, little;
    getrlimit(RLIMIT_FSIZE, &before);
    little = (struct rlimit){.rlim_cur = 20000, .rlim_max = before.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &little);
    struct dataset_source source = mine();
    struct dataset *d;
    struct err e;
    int rc = open_noted(&source, cache, true, &d, &e);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, handler);
    ck_assert_text(notes, "no cache file, held in memory: taking");
    ck_assert_int_eq(rc, -ENOMEM);
    check_no_temp(cache);
}
END_TEST

/* After a failed fsync the kernel may have thrown pages away: not retried, not trusted. */
START_TEST(dataset_open__fsync_fails__held_in_memory)
{
    put_mine();
    const char *cache = support_path("cache");
    for (int at = 1; at <= 2; at++) { /* the file's, the folder's */
        fsync_calls = 0;
        fsync_fails_at = at;
        ck_assert_text(open_mine(cache), "held in memory: syncing");
        ck_assert_text(notes, "built in memory");
        check_no_temp(cache);
    }
    fsync_fails_at = 0;
}
END_TEST

/* No folder, or none that may be written, or one that others may write. */
START_TEST(dataset_open__unusable_folder__held_in_memory)
{
    put_mine();
    support_write(support_path("file"), "", 0);
    ck_assert_text(open_mine(support_path("file")), "no cache, held in memory");
    ck_assert_text(open_mine(support_path("file/below")), "no cache, held in memory");
    ck_assert_text(open_mine("/proc/fmnistd-cache"), "no cache, held in memory");
    ck_assert_text(open_mine(""), "no cache, held in memory");
    const char *open_to_all = support_path("open");
    ck_assert_int_eq(mkdir(open_to_all, 0700), 0);
    ck_assert_int_eq(chmod(open_to_all, 0777), 0);
    ck_assert_text(open_mine(open_to_all), "belongs to somebody else");
    const char *read_only = support_path("read-only");
    ck_assert_int_eq(mkdir(read_only, 0755), 0);
    ck_assert_int_eq(chmod(support_dir(), 0755), 0);
    /* Root may write anywhere. */
    bool root = geteuid() == 0;
    ck_assert_int_eq(root ? seteuid(65534) : chmod(read_only, 0500), 0);
    open_mine(read_only);
    ck_assert_int_eq(root ? seteuid(0) : chmod(read_only, 0700), 0);
    ck_assert_text(notes, "held in memory: opening mine-train.lock: Permission denied");
}
END_TEST

/* A cache file that others can write or truncate could change under the workers. */
START_TEST(dataset_open__cache_file_of_others__rebuilt)
{
    put_mine();
    const char *cache = support_path("cache"), *file = support_path("cache/mine-train.cache");
    open_mine(cache);
    ck_assert_int_eq(chmod(file, 0666), 0);
    ck_assert_text(open_mine(cache), "not a file of our own");
    ck_assert_str_eq(open_mine(cache), "");
    ck_assert_int_eq(rename(file, support_path("elsewhere")), 0);
    ck_assert_int_eq(symlink(support_path("elsewhere"), file), 0);
    ck_assert_text(open_mine(cache), "rebuilding");
    ck_assert_str_eq(open_mine(cache), "");
}
END_TEST

/* Several daemons that start together: one builds, the others use what it built. */
START_TEST(dataset_open__eight_processes_at_once__one_builds)
{
    enum { PROCESSES = 8 };
    put_mine();
    const char *cache = support_path("cache");
    struct cache c;
    struct err e;
    int lock, built = 0;
    ck_assert_int_eq(cache_open(&c, cache, &e), 0);
    ck_assert_int_eq(cache_lock_try(&c, "mine-train", &lock, &e), 0);
    pid_t children[PROCESSES];
    int ready[2];
    ck_assert_int_eq(pipe(ready), 0);
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            close(lock); /* the lock is the open file's, which a child shares */
            if (write(ready[1], "", 1) != 1)
                _exit(9);
            struct dataset_source source = mine();
            struct dataset *d;
            struct err child_error;
            int rc = open_noted(&source, cache, true, &d, &child_error);
            dataset_close(d);
            _exit(rc ? 9 : strstr(notes, "built in the cache") ? 1 : 0);
        }
    }
    char byte;
    for (int i = 0; i < PROCESSES; i++)
        ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    close(lock);
    cache_close(&c);
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
        ck_assert(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
        built += WEXITSTATUS(status);
    }
    ck_assert_int_eq(built, 1);
    ck_assert_int_eq(access(support_path("cache/mine-train.lock"), F_OK), 0);
}
END_TEST

/* A name may hold anything; a file name may not. */
START_TEST(cache_stem__hostile_name__stays_in_the_folder)
{
    char stem[CACHE_STEM_SIZE];
    cache_stem(stem, "../../etc/passwd", "train");
    ck_assert_str_eq(stem, ".._.._etc_passwd-train");
    cache_stem(stem, "caf\xc3\xa9 x", "test");
    ck_assert_str_eq(stem, "caf___x-test");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("dataset/cache");
    TCase *tc = tcase_create("cache");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, dataset_open__second_time__taken_from_the_cache);
    tcase_add_test(tc, dataset_open__damaged_cache_file__rebuilt_with_a_note);
    tcase_add_test(tc, dataset_open__source_changed__rebuilt);
    tcase_add_test(tc, dataset_open__cached_labels_beyond_the_classes__einval);
    tcase_add_test(tc, dataset_open__bad_files__no_cache_file_left);
    tcase_add_test(tc, dataset_open__left_over_temp_file__replaced);
    tcase_add_test(tc, dataset_open__full_disk__held_in_memory);
    tcase_add_test(tc, dataset_open__no_space_anywhere__enomem);
    tcase_add_test(tc, dataset_open__fsync_fails__held_in_memory);
    tcase_add_test(tc, dataset_open__unusable_folder__held_in_memory);
    tcase_add_test(tc, dataset_open__cache_file_of_others__rebuilt);
    tcase_add_test(tc, dataset_open__eight_processes_at_once__one_builds);
    tcase_add_test(tc, cache_stem__hostile_name__stays_in_the_folder);
    suite_add_tcase(s, tc);
    return support_run(s);
}
