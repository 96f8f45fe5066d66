/* SPDX-License-Identifier: MIT */
/* Temporary name, fsync, rename. The list of unfinished files is what a signal handler may read. */
#include "ctl/output.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char unfinished[OUTPUTS_MAX][sizeof((struct output *)0)->temporary];
static volatile sig_atomic_t in_use[OUTPUTS_MAX];

static void remove_unfinished(int number)
{
    for (int i = 0; i < OUTPUTS_MAX; i++)
        if (in_use[i])
            unlink(unfinished[i]);
    signal(number, SIG_DFL);
    raise(number);
}

static int remember(const char *path)
{
    for (int i = 0; i < OUTPUTS_MAX; i++)
        if (!in_use[i]) {
            strcpy(unfinished[i], path);
            in_use[i] = 1;
            signal(SIGINT, remove_unfinished);
            signal(SIGTERM, remove_unfinished);
            signal(SIGHUP, remove_unfinished);
            return 0;
        }
    return -EMFILE;
}

static void forget(const char *path)
{
    for (int i = 0; i < OUTPUTS_MAX; i++)
        if (in_use[i] && !strcmp(unfinished[i], path))
            in_use[i] = 0;
}

/* A device or a pipe is not to be replaced by a file. */
static bool is_special(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

bool output_is_terminal(const char *path)
{
    struct stat st;
    if (!strcmp(path, "-"))
        return isatty(STDOUT_FILENO);
    if (stat(path, &st) || !S_ISCHR(st.st_mode))
        return false;
    int fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    bool is = fd >= 0 && isatty(fd);
    fd_close(&fd);
    return is;
}

static int open_in_place(struct output *o, const char *path, struct err *e)
{
    o->in_place = true;
    o->fd = !strcmp(path, "-") ? STDOUT_FILENO : open(path, O_WRONLY | O_CLOEXEC);
    if (o->fd < 0 && errno == EISDIR)
        return err_set(e, -EISDIR, "that is a folder: want the name of a file");
    return o->fd < 0 ? err_sys(e, -errno, "opening it") : 0;
}

/* The temporary file could not be made: its folder's fault. */
static int tell_folder(int code, struct err *e)
{
    switch (code) {
    case -ENOENT:
        return err_set(e, code, "its folder does not exist: make it, or name another file");
    case -ENOTDIR:
        return err_set(e, code, "its folder is a file: name another one");
    case -EACCES:
    case -EROFS:
        return err_sys(e, code, "its folder cannot be written to: name another file");
    }
    return err_sys(e, code, "making it");
}

int output_open(struct output *o, const char *path, struct err *e)
{
    memset(o, 0, sizeof *o);
    o->fd = -1;
    if (!strcmp(path, "-") || is_special(path))
        return open_in_place(o, path, e);
    if (snprintf(o->path, sizeof o->path, "%s", path) >= (int)sizeof o->path)
        return err_set(e, -ENAMETOOLONG, "the path is longer than %zu bytes", sizeof o->path - 1);
    snprintf(o->temporary, sizeof o->temporary, "%s.%d.tmp", path, (int)getpid());
    int rc = remember(o->temporary);
    if (rc)
        return err_sys(e, rc, "too many unfinished files");
    o->fd = open(o->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (o->fd >= 0)
        return 0;
    rc = tell_folder(-errno, e);
    forget(o->temporary);
    return rc;
}

static int close_in_place(struct output *o)
{
    int rc = o->fd > STDERR_FILENO && close(o->fd) < 0 ? -errno : 0;
    o->fd = -1;
    return rc;
}

int output_commit(struct output *o, struct err *e)
{
    if (o->fd < 0)
        return 0;
    if (o->in_place) {
        int closed = close_in_place(o);
        return closed ? err_sys(e, closed, "closing") : 0;
    }
    int rc = fsync(o->fd) < 0 ? -errno : 0;
    if (close(o->fd) < 0 && !rc)
        rc = -errno;
    o->fd = -1;
    if (!rc && rename(o->temporary, o->path) < 0)
        rc = -errno;
    if (rc)
        unlink(o->temporary);
    forget(o->temporary);
    return rc ? err_sys(e, rc, "finishing it") : 0;
}

void output_discard(struct output *o)
{
    if (o->fd < 0)
        return;
    if (o->in_place) {
        close_in_place(o);
        return;
    }
    fd_close(&o->fd);
    unlink(o->temporary);
    forget(o->temporary);
}
