/* SPDX-License-Identifier: MIT */
/* What an import that was killed leaves, and who removes it. */
#include "e2e/harness.h"
#include "e2e/program.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>

/* How many folders that sets are made in are there; the last one's name. */
static int temporaries(char name[256])
{
    int count = 0;
    struct dirent *file;
    DIR *dir = opendir(support_dir());
    ck_assert_ptr_nonnull(dir);
    while ((file = readdir(dir)))
        if (!strncmp(file->d_name, ".fmnistctl-import.", 18)) {
            snprintf(name, 256, "%s", file->d_name);
            count++;
        }
    closedir(dir);
    return count;
}

static bool has_begun(void *data)
{
    char name[256], path[512];
    struct stat st;
    (void)data;
    if (!temporaries(name))
        return false;
    snprintf(path, sizeof path, "%s/%s/train-images-idx3-ubyte", support_dir(), name);
    return stat(path, &st) == 0;
}

static void write_small(void)
{
    support_write(support_path("small.csv"), "0,1,2,3,4,5,6,7,8,9\n", 20);
}

/* It reads a set whose labels never come: a billion of images in no block on the disk. */
static pid_t start_endless(void)
{
    static const uint8_t header[] = {0, 0, 8, 3, 0x40, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2};
    support_write(support_path("train-images"), header, sizeof header);
    ck_assert_int_eq(truncate(support_path("train-images"), 0x7fffffff), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        execl(ctl_path(), "fmnistctl", "import", support_path("train-images"), "-o",
              support_path("endless"), (char *)NULL);
        _exit(127);
    }
    ck_assert(daemon_wait_until(has_begun, NULL));
    return pid;
}

static void end(pid_t pid, int number)
{
    int status;
    ck_assert_int_eq(kill(pid, number), 0);
    kill(pid, SIGCONT);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == number, "wait status %d", status);
}

/* The next one in that folder removes it, and says so once. One that runs, or is stopped, is left
 * alone. */
START_TEST(killed__next_one__removes_what_is_left)
{
    char name[256];
    write_small();
    pid_t pid = start_endless();
    kill(pid, SIGSTOP);
    run_ctl(&said, "import %s -o %s", support_path("small.csv"), support_path("beside"));
    check_said(0, "train: 1 images");
    ck_assert_msg(!strstr(said.text, "removed"), "%s", said.text);
    ck_assert_int_eq(temporaries(name), 1);
    ck_assert(has_begun(NULL));
    end(pid, SIGKILL);
    ck_assert_int_eq(temporaries(name), 1);
    run_ctl(&said, "import %s -o %s", support_path("small.csv"), support_path("after"));
    check_said(0, "fmnistctl: import: removed what 1 import that was killed had left in /");
    ck_assert_int_eq(temporaries(name), 0);
    run_ctl(&said, "import %s -o %s", support_path("small.csv"), support_path("last"));
    check_said(0, "train: 1 images");
    ck_assert_msg(!strstr(said.text, "removed"), "%s", said.text);
}
END_TEST

/* Of another machine on the same disk, or of before this one was started: told, and left. */
START_TEST(killed__of_another_machine__told_and_left)
{
    char name[256];
    write_small();
    ck_assert_int_eq(mkdir(support_path(".fmnistctl-import.00000000-1-0.tmp"), 0700), 0);
    ck_assert_int_eq(mkdir(support_path(".fmnistctl-import.17-0.tmp"), 0700), 0);
    run_ctl(&said, "import %s -o %s", support_path("small.csv"), support_path("made"));
    check_said(0, "import: 2 folders .fmnistctl-import.*.tmp in /");
    check_said(0, "if no import runs there, remove them\n");
    ck_assert_int_eq(temporaries(name), 2);
    run_ctl(&said, "export %s -o %s", support_path("made"), support_path("out"));
    check_said(0, "fmnistctl: export: 2 folders ");
    rmdir(support_path(".fmnistctl-import.00000000-1-0.tmp"));
    rmdir(support_path(".fmnistctl-import.17-0.tmp"));
}
END_TEST

/* What is there under its name, and cannot be removed, is not in its way: a container's first
 * process has the same number each time. */
START_TEST(killed__its_name_is_taken__another)
{
    char name[256] = "", path[600];
    int status;
    write_small();
    pid_t pid = start_endless();
    temporaries(name);
    end(pid, SIGINT);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        *strchr(strchr(name, '.') + 19, '-') = 0;
        snprintf(path, sizeof path, "%s/%s-%d-0.tmp", support_dir(), name, (int)getpid());
        mkdir(path, 0700);
        strcat(path, "/kept");
        mkdir(path, 0700);
        execl(ctl_path(), "fmnistctl", "import", support_path("small.csv"), "-o",
              support_path("made"), (char *)NULL);
        _exit(127);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(status == 0, "wait status %d", status);
    ck_assert_int_eq(temporaries(name), 1);
    ck_assert_int_eq(access(support_path("made/dataset.yaml"), F_OK), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("e2e/import_killed");
    TCase *tc = tcase_create("import_killed");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, killed__next_one__removes_what_is_left);
    tcase_add_test(tc, killed__of_another_machine__told_and_left);
    tcase_add_test(tc, killed__its_name_is_taken__another);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
