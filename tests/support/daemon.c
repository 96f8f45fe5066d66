/* SPDX-License-Identifier: MIT */
/* Starting, watching and ending a daemon. Does not speak its protocol. */
#include "support/daemon.h"

#include "support/support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int passed_fd = -1, passed_count;

void daemon_pass_socket(int fd, int count)
{
    passed_fd = fd;
    passed_count = count;
}

/* In the child, whose process number stays what it is. */
static void pass_socket(void)
{
    char text[16];
    if (passed_fd < 0)
        return;
    if (passed_fd == 3)
        fcntl(3, F_SETFD, 0);
    else
        dup2(passed_fd, 3);
    snprintf(text, sizeof text, "%d", passed_count);
    setenv("LISTEN_FDS", text, 1);
    snprintf(text, sizeof text, "%d", (int)getpid());
    setenv("LISTEN_PID", text, 1);
    setenv("LISTEN_FDNAMES", "fmnistd", 1);
}

static void run_program(struct daemon *d)
{
    const char *program = support_program("fmnistd"), *under = getenv("FMNISTD_UNDER");
    int ends[2];
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    fcntl(ends[1], F_SETPIPE_SZ, 1 << 20); /* a log that nobody reads for a while */
    fflush(NULL);
    pid_t parent = getpid();
    d->pid = fork();
    ck_assert_int_ge(d->pid, 0);
    if (d->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(ends[1], STDERR_FILENO);
        pass_socket();
        if (getppid() == parent && under)
            execl(under, under, program, "-c", d->config, (char *)NULL);
        else if (getppid() == parent)
            execl(program, program, "-c", d->config, (char *)NULL);
        dprintf(STDERR_FILENO, "%s: %s\n", under ? under : program, strerror(errno));
        _exit(127);
    }
    close(ends[1]);
    d->log_fd = ends[0];
    d->log_bytes = 0;
    d->log[0] = 0;
}

/* Takes what the log has within timeout_ms. Returns false at its end, or where nothing came. */
static bool read_log(struct daemon *d, int timeout_ms)
{
    struct pollfd p = {.fd = d->log_fd, .events = POLLIN};
    if (poll(&p, 1, timeout_ms) <= 0)
        return false;
    char lost[4096];
    size_t room = sizeof d->log - 1 - d->log_bytes;
    ssize_t n = read(d->log_fd, room ? d->log + d->log_bytes : lost, room ? room : sizeof lost);
    if (n <= 0)
        return false;
    if (room)
        d->log_bytes += (size_t)n;
    d->log[d->log_bytes] = 0;
    return true;
}

void daemon_restart(struct daemon *d)
{
    run_program(d);
    int64_t deadline = now_ms() + DAEMON_PATIENCE_MS;
    while (!strstr(d->log, " ready: "))
        ck_assert_msg(read_log(d, (int)(deadline - now_ms())), "not ready; its log:\n%s", d->log);
}

void daemon_start(struct daemon *d, const char *format, ...)
{
    memset(d, 0, sizeof *d);
    snprintf(d->config, sizeof d->config, "%s/fmnistd.yaml", support_dir());
    snprintf(d->socket, sizeof d->socket, "%s/fmnistd.sock", support_dir());
    char text[8192] = "socket: fmnistd.sock\n";
    size_t n = strlen(text);
    va_list args;
    va_start(args, format);
    int more = vsnprintf(text + n, sizeof text - n, format, args);
    va_end(args);
    ck_assert_int_lt(more, (int)(sizeof text - n));
    support_write(d->config, text, n + (size_t)more);
    daemon_restart(d);
}

int daemon_reap(struct daemon *d)
{
    int pid_fd = (int)syscall(SYS_pidfd_open, d->pid, 0);
    ck_assert_int_ge(pid_fd, 0);
    struct pollfd p[2] = {{.fd = pid_fd, .events = POLLIN}, {.fd = d->log_fd, .events = POLLIN}};
    int64_t deadline = now_ms() + DAEMON_PATIENCE_MS;
    while (!(p[0].revents & POLLIN)) {
        int64_t left = deadline - now_ms();
        ck_assert_msg(left > 0 && poll(p, 2, (int)left) >= 0, "it does not end; its log:\n%s",
                      d->log);
        if (p[1].revents && !read_log(d, 0))
            p[1].fd = -1; /* the log has ended */
    }
    close(pid_fd);
    while (read_log(d, 0))
        ;
    close(d->log_fd);
    d->log_fd = -1;
    int status;
    ck_assert_int_eq(waitpid(d->pid, &status, 0), d->pid);
    d->pid = 0;
    return status;
}

int daemon_run(struct daemon *d, const char *config)
{
    memset(d, 0, sizeof *d);
    snprintf(d->config, sizeof d->config, "%s", config);
    run_program(d);
    int status = daemon_reap(d);
    ck_assert_msg(WIFEXITED(status), "ended by signal %d; its log:\n%s", WTERMSIG(status), d->log);
    return WEXITSTATUS(status);
}

void daemon_stop(struct daemon *d)
{
    ck_assert_int_eq(kill(d->pid, SIGTERM), 0);
    int status = daemon_reap(d);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "wait status %#x; its log:\n%s",
                  (unsigned)status, d->log);
}

void daemon_kill(struct daemon *d)
{
    ck_assert_int_eq(kill(d->pid, SIGKILL), 0);
    daemon_reap(d);
}

void daemon_pause(const struct daemon *d)
{
    int status;
    ck_assert_int_eq(kill(d->pid, SIGSTOP), 0);
    ck_assert_int_eq(waitpid(d->pid, &status, WUNTRACED), d->pid);
    ck_assert_msg(WIFSTOPPED(status), "the daemon ended: 0x%x", status);
}

void daemon_continue(const struct daemon *d)
{
    ck_assert_int_eq(kill(d->pid, SIGCONT), 0);
}

unsigned daemon_descriptors(const struct daemon *d)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)d->pid);
    DIR *folder = opendir(path);
    ck_assert_ptr_nonnull(folder);
    unsigned n = 0;
    while (readdir(folder))
        n++;
    closedir(folder);
    return n;
}

uint64_t daemon_cpu_ticks(const struct daemon *d)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)d->pid);
    FILE *f = fopen(path, "re");
    ck_assert_ptr_nonnull(f);
    unsigned long long user = 0, system = 0;
    /* proc_pid_stat(5): utime and stime are fields 14 and 15 */
    ck_assert_int_eq(fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
                            &user, &system),
                     2);
    fclose(f);
    return user + system;
}

bool daemon_wait_until(bool (*is_so)(void *data), void *data)
{
    for (int64_t deadline = now_ms() + DAEMON_PATIENCE_MS; now_ms() < deadline;) {
        if (is_so(data))
            return true;
        poll(NULL, 0, 1);
    }
    return false;
}
