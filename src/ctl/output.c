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

static int open_in_place(struct output *o, const char *path, struct err *e)
{
    o->in_place = true;
    o->fd = !strcmp(path, "-") ? STDOUT_FILENO : open(path, O_WRONLY | O_CLOEXEC);
    return o->fd < 0 ? err_sys(e, -errno, "%s", path) : 0;
}

int output_open(struct output *o, const char *path, struct err *e)
{
    memset(o, 0, sizeof *o);
    o->fd = -1;
    if (!strcmp(path, "-") || is_special(path))
        return open_in_place(o, path, e);
    if (snprintf(o->path, sizeof o->path, "%s", path) >= (int)sizeof o->path)
        return err_sys(e, -ENAMETOOLONG, "%.64s...", path);
    snprintf(o->temporary, sizeof o->temporary, "%s.%d.tmp", path, (int)getpid());
    int rc = remember(o->temporary);
    if (rc)
        return err_sys(e, rc, "%s", o->temporary);
    o->fd = open(o->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (o->fd >= 0)
        return 0;
    rc = err_sys(e, -errno, "%s", o->temporary);
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
    return rc ? err_sys(e, rc, "%s", o->path) : 0;
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
