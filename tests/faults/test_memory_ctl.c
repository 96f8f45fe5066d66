/* SPDX-License-Identifier: MIT */
/* Every allocation of fmnistctl fails once, and from then on: it gives what it gives else, or says
 * why not and leaves no half of a file.
 *
 * libarchive goes on without memory that it did not get; an end by that is allowed, and counted. */
#include "e2e/harness.h"
#include "e2e/program.h"
#include "faults/faults.h"
#include "faults/injected.h"

#include <signal.h>
#include <sys/prctl.h>

#define COUNT 100

static struct daemon d;
static struct inject_page *page;
static struct images all;
static char output[512], said_path[512], error_path[512];
static unsigned refused, served, crashed;

static const struct verb {
    const char *words[12];
    bool is_same;        /* its output is, each time */
    bool has_file;       /* what it makes lies at `output` */
    unsigned brief_step; /* of the allocations, behind the first ones */
} verbs[] = {
    {{"status"}, false, false, 9},
    {{"status", "--json"}, false, false, 9},
    {{"datasets"}, true, false, 9},
    {{"datasets", "--json"}, true, false, 9},
    {{"reload"}, true, false, 9},
    {{"reload", "--json"}, true, false, 9},
    {{"top", "--once"}, false, false, 150}, /* a second each */
    {{"bench", "--dataset", "tiny"}, false, false, 9},
    {{"explain", "--dataset", "tiny", "--augment", "random-crop(8, padding=2)"}, true, false, 9},
    {{"show", "--dataset", "tiny", "--batch-size", "8", "-o", output}, false, true, 9},
    {{"show", "--dataset", "tiny", "--augment", "random-rotation(10)", "-o", output},
     false,
     true,
     30},
    {{"dump", "--dataset", "tiny", "-o", output}, false, true, 9},
    {{"datasets", "--all", "--json"}, true, false, 9},
    {{"check", "tiny"}, true, false, 9},
    {{"check", "tiny", "--json"}, true, false, 9},
    {{"export", "tiny", "--format", "npz", "-o", output}, false, true, 9},
    {{"export", "tiny", "--format", "csv", "-o", output}, false, true, 9},
};
#define VERBS (sizeof verbs / sizeof *verbs)

static void redirect(const char *path, int to)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || dup2(fd, to) < 0)
        _exit(126);
    close(fd);
}

/* Runs it, with its output and its errors in files. Returns its wait status. */
static int run(const struct verb *v)
{
    unlink(output);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        char *argv[16] = {(char *)ctl_path(), (char *)"--socket", d.socket};
        for (int i = 0; v->words[i]; i++)
            argv[3 + i] = (char *)v->words[i];
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        redirect(said_path, STDOUT_FILENO);
        redirect(error_path, STDERR_FILENO);
        alarm(60);
        execv(argv[0], argv);
        _exit(127);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return status;
}

struct outcome {
    char *text, *file; /* malloc'd; file NULL where there is none */
    size_t text_bytes, file_bytes;
};

static struct outcome outcome_take(void)
{
    struct outcome o = {0};
    o.text = support_read(said_path, &o.text_bytes);
    if (access(output, F_OK) == 0)
        o.file = support_read(output, &o.file_bytes);
    return o;
}

static void outcome_free(struct outcome *o)
{
    free(o->text);
    free(o->file);
}

static bool is_as(const struct verb *v, const struct outcome *is, const struct outcome *want)
{
    if (v->is_same &&
        (is->text_bytes != want->text_bytes || memcmp(is->text, want->text, is->text_bytes)))
        return false;
    return !v->has_file || (is->file && is->file_bytes == want->file_bytes &&
                            !memcmp(is->file, want->file, is->file_bytes));
}

static bool run_once(const struct verb *v, const struct outcome *want, uint64_t first,
                     uint64_t last)
{
    const char *name = v->words[0];
    inject_arm(page, CALL_memory, ENOMEM, first, last);
    int status = run(v);
    bool failed = inject_disarm(page) > 0;
    char *error = support_read(error_path, NULL);
    struct outcome is = outcome_take();
    int highest = strcmp(name, "check") ? 1 : 2; /* 1 is a finding */
    bool is_libarchives = WIFSIGNALED(status) && atomic_load(&page->in_libarchive);
    ck_assert_msg(is_libarchives || (WIFEXITED(status) && WEXITSTATUS(status) <= highest),
                  "%s, allocation %llu: 0x%x: %s", name, (unsigned long long)first,
                  (unsigned)status, error);
    if (is_libarchives) {
        crashed++;
    } else if (status == 0) {
        ck_assert_msg(is_as(v, &is, want), "%s, allocation %llu: other output:\n%s", name,
                      (unsigned long long)first, is.text);
        served += failed;
    } else {
        ck_assert_msg(strlen(error) > 12, "%s, allocation %llu: does not say why: %s", name,
                      (unsigned long long)first, error);
        ck_assert_msg(!is.file, "%s, allocation %llu: leaves a file", name,
                      (unsigned long long)first);
        refused++;
    }
    free(error);
    outcome_free(&is);
    return failed;
}

/* Brief: each of the first ones, then some. */
static uint64_t step_behind(const struct verb *v, uint64_t n)
{
    return n < 30 && v->brief_step < 40 ? 1 : fault_times(v->brief_step, 1);
}

static unsigned long run_each(const struct verb *v)
{
    unsigned long times = 0;
    ck_assert_msg(run(v) == 0, "%s", v->words[0]);
    struct outcome want = outcome_take();
    for (uint64_t n = 0; run_once(v, &want, n, n); n += step_behind(v, n)) {
        run_once(v, &want, n, UINT64_MAX);
        times += 2;
    }
    outcome_free(&want);
    return times;
}

static void setup(void)
{
    page = inject_setup();
    inject_without();
    images_make(&all, COUNT, 8, 8, 1);
    serve_tiny(&d, "workers: 1\nring: 64KiB\n");
    snprintf(output, sizeof output, "%s", support_path("output"));
    snprintf(said_path, sizeof said_path, "%s", support_path("said"));
    snprintf(error_path, sizeof error_path, "%s", support_path("errors"));
    inject_with();
}

static void teardown(void)
{
    daemon_stop(&d);
    images_free(&all);
    inject_teardown(page);
}

START_TEST(ctl__any_allocation_fails__the_same_output_or_why_not)
{
    unsigned long times = 0;
    for (size_t i = 0; i < VERBS; i++)
        times += run_each(&verbs[i]);
    fault_held("an allocation of fmnistctl fails, or all from it on, in each of its verbs", times,
               "%u said why, %u gave the same output, %u were ended by libarchive", refused, served,
               crashed);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("memory of fmnistctl");
    TCase *t = tcase_create("memory of fmnistctl");
    tcase_set_timeout(t, fault_times(300, 20000));
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, ctl__any_allocation_fails__the_same_output_or_why_not);
    suite_add_tcase(s, t);
    return support_run(s);
}
