/* SPDX-License-Identifier: MIT */
/* What the disk refuses while a cache file is built, call by call, and builders that are killed.
 *
 * The calls that build one are this program's own: the n-th of them fails. */
#include "dataset/opener.h"
#include "faults/faults.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { COUNT = 11000, SIDE = 28 }; /* so much that some of it is written back early */

static unsigned calls, fail_at, fail_code;

static bool fails(void)
{
    errno = (int)fail_code;
    return ++calls == fail_at;
}

int openat(int dir, const char *name, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    bool makes = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
    mode_t mode = makes ? va_arg(args, mode_t) : 0;
    va_end(args);
    return makes && fails() ? -1 : (int)syscall(SYS_openat, dir, name, flags, mode);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at)
{
    return fails() ? -1 : syscall(SYS_pwrite64, fd, bytes, size, at);
}

int fallocate(int fd, int mode, off_t at, off_t size)
{
    return fails() ? -1 : (int)syscall(SYS_fallocate, fd, mode, at, size);
}

int sync_file_range(int fd, off_t at, off_t size, unsigned flags)
{
    return fails() ? -1 : (int)syscall(SYS_sync_file_range, fd, at, size, flags);
}

int fsync(int fd)
{
    return fails() ? -1 : (int)syscall(SYS_fsync, fd);
}

int linkat(int from, const char *path, int dir, const char *name, int flags)
{
    return fails() ? -1 : (int)syscall(SYS_linkat, from, path, dir, name, flags);
}

static void put_mine(void)
{
    put_file("train-images", idx_images(COUNT, SIDE, SIDE));
    put_file("train-labels", idx_labels(COUNT));
}

/* Returns the notes; what it opened is exact. */
static const char *open_mine(void)
{
    struct dataset_source source = mine();
    struct dataset *d;
    struct err e;
    int rc = open_noted(&source, support_path("cache"), true, &d, &e);
    ck_assert_msg(rc == 0, "%s", e.text);
    check_idx(d, COUNT, SIDE);
    dataset_close(d);
    return notes;
}

static unsigned files_with(const char *ending)
{
    unsigned n = 0;
    DIR *dir = opendir(support_path("cache"));
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        n += strstr(entry->d_name, ending) != NULL;
    if (dir)
        closedir(dir);
    return n;
}

/* Served all the same, said in one line where it is served from memory, and nothing is left. */
START_TEST(dataset_open__any_call_of_a_build_fails__same_bytes_and_told_once)
{
    static const int codes[] = {ENOSPC, EIO, EDQUOT};
    unsigned in_memory = 0, tried = 0;
    put_mine();
    fail_at = 0;
    open_mine();
    unsigned all = calls;
    ck_assert_uint_gt(all, 10);
    for (fail_code = (unsigned)codes[_i], fail_at = 1; fail_at <= all; fail_at++, tried++) {
        unlink(support_path("cache/mine-train.cache"));
        calls = 0;
        const char *said = strstr(open_mine(), "no cache file, held in memory: ");
        ck_assert_text(notes, said ? "built in memory" : "built in the cache");
        ck_assert(!said || !strstr(said + 1, "no cache file"));
        ck_assert_uint_eq(files_with(".tmp"), 0);
        in_memory += said != NULL;
    }
    ck_assert_uint_gt(in_memory, all / 2);
    fail_at = 0;
    open_mine(); /* what the last one left is taken, or built */
    ck_assert_str_eq(open_mine(), "");
    char what[128];
    snprintf(what, sizeof what, "each call of a cache file's building fails: %s",
             strerror(codes[_i]));
    fault_held(what, tried, "same bytes, %u times from memory with one line that says why",
               in_memory);
}
END_TEST

/* The same by a disk that is full, where this process may make one. */
START_TEST(dataset_open__disk_is_full__held_in_memory_and_told)
{
    put_mine();
    ck_assert_int_eq(mkdir(support_path("cache"), 0700), 0);
    if (mount("none", support_path("cache"), "tmpfs", 0, "size=1m,mode=700")) {
        printf("skipped: no file system can be mounted here: %s\n", strerror(errno));
        return;
    }
    open_mine();
    ck_assert_text(notes, "held in memory: taking");
    ck_assert_text(notes, "No space left on device");
    ck_assert_uint_eq(files_with(".tmp") + files_with(".cache"), 0);
    ck_assert_int_eq(umount(support_path("cache")), 0);
}
END_TEST

static bool makes_unnamed_files(void)
{
    int fd = open(support_path("cache"), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* A builder that is killed at any moment leaves nothing that needs to be cleared away, and no lock.
 */
START_TEST(dataset_open__builder_killed__leaves_nothing)
{
    unsigned kills = fault_times(20, 1000);
    uint64_t random = 7;
    put_mine();
    open_mine();
    if (!makes_unnamed_files()) {
        printf("skipped: the file system has no files without a name\n");
        return;
    }
    for (unsigned i = 0; i < kills; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        unlink(support_path("cache/mine-train.cache"));
        pid_t pid = fork();
        if (pid == 0) {
            open_mine();
            _exit(0);
        }
        nanosleep(&(struct timespec){.tv_nsec = (long)(random >> 33) % 60000000}, NULL);
        kill(pid, SIGKILL);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        ck_assert_uint_eq(files_with(".tmp"), 0);
        ck_assert(!strstr(open_mine(), "rebuilding") && !strstr(notes, "waiting"));
    }
    fault_held("a builder of a cache file is killed", kills,
               "no file left but the lock's, the next one opens or builds it at once");
}
END_TEST

/* Neither a FIFO nor a device in a file's place is read, waited for or written to. */
START_TEST(dataset_open__fifo_in_a_file_s_place__refused_or_replaced)
{
    static const char *const names[] = {"cache", "lock", "tmp"};
    put_mine();
    open_mine();
    for (int i = 0; i < 3; i++) {
        const char *path = support_path("cache/mine-train.%s", names[i]);
        unlink(path);
        ck_assert_int_eq(mkfifo(path, 0600), 0);
        open_mine();
        unlink(support_path("cache/mine-train.cache"));
    }
    struct dataset_source source = mine();
    struct err e;
    unlink(support_path("train-labels"));
    ck_assert_int_eq(mkfifo(support_path("train-labels"), 0600), 0);
    ck_assert_int_eq(try_open(&source, &e), -EINVAL);
    ck_assert_text(e.text, "not a regular file");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("faults/cache_build");
    TCase *tc = tcase_create("dataset_open");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_set_timeout(tc, 3600);
    tcase_add_loop_test(tc, dataset_open__any_call_of_a_build_fails__same_bytes_and_told_once, 0,
                        3);
    tcase_add_test(tc, dataset_open__disk_is_full__held_in_memory_and_told);
    tcase_add_test(tc, dataset_open__builder_killed__leaves_nothing);
    tcase_add_test(tc, dataset_open__fifo_in_a_file_s_place__refused_or_replaced);
    suite_add_tcase(s, tc);
    return support_run(s);
}
