/* SPDX-License-Identifier: MIT */
/* Starts, configures and ends it. Speaks no protocol. */
#include "ctl/own_daemon.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONFIG_MAX (4u << 20) /* more than a config of 1 MiB prints */

/* ---- the program --------------------------------------------------------------------------- */

static bool is_program(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* Beside this program, wherever that was started from. */
static bool find_beside(char *program, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", program, size - 1);
    if (n <= 0)
        return false;
    program[n] = 0;
    char *slash = strrchr(program, '/');
    size_t used = slash ? (size_t)(slash + 1 - program) : 0;
    return used && snprintf(program + used, size - used, "fmnistd") < (int)(size - used) &&
           is_program(program);
}

static bool find_in_path(char *program, size_t size)
{
    const char *path = getenv("PATH");
    for (size_t n; path && *path; path += n + (path[n] == ':')) {
        n = strcspn(path, ":");
        if (snprintf(program, size, "%.*s/fmnistd", (int)n, path) < (int)size &&
            is_program(program))
            return true;
    }
    return false;
}

int own_daemon_find(char *program, size_t size, struct err *e)
{
    const char *set = getenv("FMNISTD");
    if (set && *set) {
        if (snprintf(program, size, "%s", set) < (int)size && is_program(program))
            return 0;
        return err_set(e, -ENOENT, "$FMNISTD, %s, is no program that can be run", set);
    }
    if (find_beside(program, size) || find_in_path(program, size))
        return 0;
    return err_set(e, -ENOENT,
                   "no fmnistd is found: neither beside fmnistctl nor in PATH; install it, or set "
                   "FMNISTD to it");
}

/* ---- running it ---------------------------------------------------------------------------- */

/* In the child. What standard input, output and error are; -1: /dev/null. */
static void become(const char *program, char *const *argv, const int fds[3])
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    sigset_t none;
    sigemptyset(&none);
    setsid(); /* a terminal's Ctrl-C is fmnistctl's, which ends this one */
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    for (int fd = 0; fd < 3; fd++)
        if (dup2(fds[fd] < 0 ? null : fds[fd], fd) < 0)
            _exit(127);
    execv(program, argv);
    dprintf(STDERR_FILENO, "fmnistctl: running %s: %s\n", program, strerror(errno));
    _exit(127);
}

/* The rest of what comes, malloc'd and ended by 0. */
static int read_all(int fd, char **text, struct err *e)
{
    size_t n = 0;
    char *all = malloc(CONFIG_MAX);
    if (!all)
        return err_set(e, -ENOMEM, "out of memory");
    for (ssize_t got; n < CONFIG_MAX - 1; n += (size_t)got) {
        got = read(fd, all + n, CONFIG_MAX - 1 - n);
        if (got < 0 && errno == EINTR)
            got = 0;
        else if (got <= 0)
            break;
    }
    all[n] = 0;
    *text = all;
    return 0;
}

/* The last line of what a program said, without what stands behind it. */
static const char *last_line(char *text)
{
    size_t n = text ? strlen(text) : 0;
    while (n && text[n - 1] == '\n')
        text[--n] = 0;
    if (!n)
        return "and said nothing";
    char *line = strrchr(text, '\n');
    return line ? line + 1 : text;
}

/* What it printed on each: what is a warning is no config. */
static int read_both(const int out[2], const int errors[2], char **text, char **said, struct err *e)
{
    int rc = read_all(out[0], text, e);
    return rc ? rc : read_all(errors[0], said, e); /* lines, which a pipe holds meanwhile */
}

int own_daemon_print_config(const char *program, const char *config, char **text, struct err *e)
{
    char *const argv[] = {(char *)program, (char *)"--print-config", (char *)"-c", (char *)config,
                          NULL};
    int out[2] = {-1, -1}, errors[2] = {-1, -1}, status = -1;
    char *said = NULL;
    pid_t pid = -1;
    *text = NULL;
    int rc = pipe2(out, O_CLOEXEC) || pipe2(errors, O_CLOEXEC) ? -errno : 0;
    if (!rc)
        pid = fork();
    if (pid == 0)
        become(program, argv, (const int[3]){-1, out[1], errors[1]});
    if (!rc && pid < 0)
        rc = -errno;
    fd_close(&out[1]);
    fd_close(&errors[1]);
    rc = rc ? err_sys(e, rc, "starting %s", program) : read_both(out, errors, text, &said, e);
    fd_close(&out[0]);
    fd_close(&errors[0]);
    if (pid > 0)
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            continue;
    if (!rc && status)
        rc = err_set(e, -EINVAL, "%s", last_line(said));
    if (rc) {
        free(*text);
        *text = NULL;
    }
    free(said);
    return rc;
}

/* ---- its folder ---------------------------------------------------------------------------- */

static void remove_folder(const struct own_daemon *d)
{
    char temporary[sizeof d->config + 8];
    snprintf(temporary, sizeof temporary, "%s.new", d->config);
    unlink(temporary);
    unlink(d->config);
    unlink(d->socket);
    snprintf(temporary, sizeof temporary, "%s.lock", d->socket);
    unlink(temporary);
    unlink(d->log);
    rmdir(d->folder);
}

/* Returns 0, or a negative errno value. */
static int make_folder(char *folder, size_t size)
{
    const char *places[] = {getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"), "/tmp"};
    int rc = -ENAMETOOLONG;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (!places[i] || *places[i] != '/' ||
            snprintf(folder, size, "%s/fmnistctl.XXXXXX", places[i]) >= (int)size)
            continue;
        if (mkdtemp(folder))
            return 0;
        rc = -errno;
    }
    return rc;
}

static void name_files(struct own_daemon *d)
{
    snprintf(d->config, sizeof d->config, "%s/config", d->folder);
    snprintf(d->socket, sizeof d->socket, "%s/socket", d->folder);
    snprintf(d->log, sizeof d->log, "%s/log", d->folder);
}

/* A process of its own makes the folder, tells `to` its name or the error, waits until nobody has
 * the other end of `gone` any more, and removes it: there is no moment in which it is nobody's, and
 * none in which a daemon that ends makes files in it. */
static void keep_folder(struct own_daemon *d, int gone, int to)
{
    setsid();
    close(d->alive);
    close(d->watched);
    close(d->held);
    int rc = make_folder(d->folder, sizeof d->folder);
    name_files(d);
    if (write_full(to, &rc, sizeof rc) || write_full(to, d->folder, sizeof d->folder))
        rc = rc ? rc : -EPIPE;
    close(to);
    for (int fd = 0; fd < 3; fd++)
        close(fd); /* a reader of our output waits for its end */
    struct pollfd p = {.fd = gone, .events = 0};
    while (!rc && poll(&p, 1, -1) < 0)
        continue;
    if (!rc || rc == -EPIPE)
        remove_folder(d);
    _exit(0);
}

int own_daemon_init(struct own_daemon *d, struct err *e)
{
    int alive[2], held[2], told[2], made = -EPIPE;
    *d = (struct own_daemon){.alive = -1, .watched = -1, .held = -1};
    fd_open_standard();
    if (pipe2(alive, O_CLOEXEC) < 0)
        return err_sys(e, -errno, "making a pipe");
    d->watched = alive[0];
    d->alive = alive[1];
    if (pipe2(held, O_CLOEXEC) < 0)
        return err_sys(e, -errno, "making a pipe");
    d->held = held[1];
    if (pipe2(told, O_CLOEXEC) < 0) {
        int rc = err_sys(e, -errno, "making a pipe");
        fd_close(&held[0]);
        return rc;
    }
    d->keeper = fork();
    if (d->keeper == 0) {
        close(told[0]);
        keep_folder(d, held[0], told[1]);
    }
    int rc = d->keeper < 0 ? -errno : 0;
    d->keeper = rc ? 0 : d->keeper;
    fd_close(&held[0]);
    fd_close(&told[1]);
    if (!rc && (read_full(told[0], &made, sizeof made) != sizeof made ||
                read_full(told[0], d->folder, sizeof d->folder) != sizeof d->folder))
        made = -EPIPE;
    fd_close(&told[0]);
    if (rc)
        return err_sys(e, rc, "starting a process");
    if (made)
        return err_sys(e, made,
                       "no folder for a socket can be made in $XDG_RUNTIME_DIR, $TMPDIR or /tmp");
    name_files(d);
    return 0;
}

int own_daemon_configure(const struct own_daemon *d, const char *text, struct err *e)
{
    char temporary[sizeof d->config + 4];
    snprintf(temporary, sizeof temporary, "%s.new", d->config);
    FILE *f = fopen(temporary, "we");
    if (!f)
        return err_sys(e, -errno, "%s", temporary);
    int rc = fputs(text, f) < 0 ? -errno : 0;
    if (fclose(f) && !rc)
        rc = -errno;
    if (!rc && rename(temporary, d->config) < 0)
        rc = -errno;
    return rc ? err_sys(e, rc, "writing %s", d->config) : 0;
}

int own_daemon_start(struct own_daemon *d, const char *program, struct err *e)
{
    char *const argv[] = {(char *)program, (char *)"-c",          d->config, (char *)"--socket",
                          d->socket,       (char *)"--until-eof", NULL};
    int log = open(d->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0)
        return err_sys(e, -errno, "%s", d->log);
    d->pid = fork();
    if (d->pid == 0)
        become(program, argv, (const int[3]){d->watched, d->held, log});
    int rc = d->pid < 0 ? err_sys(e, -errno, "starting %s", program) : 0;
    d->pid = rc ? 0 : d->pid;
    fd_close(&log);
    fd_close(&d->watched);
    return rc;
}

int own_daemon_ended(struct own_daemon *d, struct err *e)
{
    char *said = NULL;
    if (waitpid(d->pid, NULL, WNOHANG) != d->pid)
        return 0;
    d->pid = 0;
    int fd = open(d->log, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        (void)read_all(fd, &said, NULL);
    err_set(e, -ECHILD, "fmnistd has ended: %s", last_line(said));
    fd_close(&fd);
    free(said);
    return -ECHILD;
}

static void take_end(pid_t *pid)
{
    if (*pid)
        while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    *pid = 0;
}

void own_daemon_stop(struct own_daemon *d)
{
    fd_close(&d->watched);
    fd_close(&d->alive);
    take_end(&d->pid);
    fd_close(&d->held);
    take_end(&d->keeper);
    if (d->config[0])
        remove_folder(d); /* what the daemon had there until its end */
}
