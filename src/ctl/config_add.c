/* SPDX-License-Identifier: MIT */
/* A copy beside the config, so that relative paths mean the same, is checked and takes its place.
 */
#include "ctl/config_add.h"

#include "ctl/config_entry.h"
#include "ctl/ended.h"
#include "ctl/output.h"
#include "ctl/own_daemon.h"

#include "base/clock.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CONFIG_BYTES_MAX = 1 << 20 };

extern char **environ;

static int read_text(const char *path, char **text, struct err *e)
{
    char *buffer = malloc(CONFIG_BYTES_MAX + 1);
    if (!buffer)
        return err_set(e, -ENOMEM, "out of memory");
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe is not waited for */
    ssize_t n = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;
    if (!n && !S_ISREG(st.st_mode))
        n = S_ISDIR(st.st_mode) ? -EISDIR : -ESPIPE;
    if (!n)
        n = read_full(fd, buffer, CONFIG_BYTES_MAX + 1);
    fd_close(&fd);
    if (n > CONFIG_BYTES_MAX)
        n = -EFBIG;
    if (n < 0) {
        free(buffer);
        return n == -ESPIPE ? err_set(e, -EINVAL, "it is no file")
                            : err_sys(e, (int)n, "reading it");
    }
    buffer[n] = 0;
    if (strlen(buffer) != (size_t)n) {
        free(buffer);
        return err_set(e, -EINVAL, "it is no text");
    }
    *text = buffer;
    return 0;
}

/* ---- the daemon's program ------------------------------------------------------------------- */

/* Its last line on standard error, with `from` in it as `to`, without its own name before it. */
static void last_line(char *said, const char *from, const char *to, char *out, size_t size)
{
    size_t n = strlen(said);
    while (n && said[n - 1] == '\n')
        said[--n] = 0;
    char *line = strrchr(said, '\n');
    line = line ? line + 1 : said;
    if (!strncmp(line, "fmnistd: ", 9))
        line += 9;
    char *at = strstr(line, from);
    int n_out = at ? snprintf(out, size, "%.*s%s%s", (int)(at - line), line, to, at + strlen(from))
                   : snprintf(out, size, "%s", line);
    if (n_out < 0 || (size_t)n_out >= size)
        memcpy(out + size - 4, "...", 4);
}

static int run_check(const char *copy, char *said, size_t size, struct err *e)
{
    char program[PATH_MAX];
    char *words[] = {program, "--check-config", "-c", (char *)copy, NULL};
    posix_spawn_file_actions_t actions;
    int pipes[2], status = 0;
    pid_t pid;
    int rc = own_daemon_find(program, sizeof program, e);
    if (rc)
        return rc;
    if (pipe2(pipes, O_CLOEXEC) < 0)
        return err_sys(e, -errno, "running fmnistd");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], STDERR_FILENO);
    rc = posix_spawn(&pid, program, &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(pipes[1]);
    if (rc) {
        close(pipes[0]);
        return err_sys(e, -rc, "running fmnistd, to check it");
    }
    ssize_t n = read_full(pipes[0], said, size - 1);
    said[n > 0 ? n : 0] = 0;
    close(pipes[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EINVAL;
}

static int check_copy(const char *copy, const char *config, struct err *e)
{
    char said[4096] = "", line[ERR_TEXT_SIZE];
    e->text[0] = 0;
    int rc = run_check(copy, said, sizeof said, e);
    if (!rc || e->text[0])
        return rc;
    last_line(said, copy, config, line, sizeof line);
    return err_set(e, rc, "it would be refused, and is as it was: %s", line);
}

/* ---- on the disk --------------------------------------------------------------------------- */

/* Who may not give the file its owner keeps its group at the least: by that, mostly, the daemon
 * reads it. Where not even that, and the group may, the config would be lost to it. */
static int keep_owner(int fd, const struct stat *st, struct err *e)
{
    struct stat now;
    if (fchown(fd, st->st_uid, st->st_gid) == 0)
        return 0;
    if (errno != EPERM || fstat(fd, &now) < 0)
        return err_sys(e, -errno, "keeping its owner");
    if (now.st_gid == st->st_gid || fchown(fd, (uid_t)-1, st->st_gid) == 0 || !(st->st_mode & 0070))
        return 0;
    return err_sys(e, -errno, "keeping its group, %u, which may read it", (unsigned)st->st_gid);
}

enum { CHECK = 1, PUT = 2 };

/* Writes the text beside the config, whose mode and owner it gets; CHECK: it is checked; PUT: it
 * takes the config's place. */
static int replace(const char *config, const char *text, int what, struct err *e)
{
    struct output out = {.fd = -1};
    struct stat st;
    if (stat(config, &st) < 0)
        return err_sys(e, -errno, "looking at it");
    int rc = output_open(&out, config, e);
    if (rc)
        return rc;
    rc = fchmod(out.fd, st.st_mode & 07777) < 0 ? -errno : write_full(out.fd, text, strlen(text));
    if (rc)
        err_sys(e, rc, "writing it");
    if (!rc)
        rc = keep_owner(out.fd, &st, e);
    if (!rc && what & CHECK)
        rc = check_copy(out.temporary, config, e);
    if (!rc && what & PUT)
        rc = output_commit(&out, e);
    output_discard(&out);
    return rc;
}

/* Two that add at once would each write what it had read. The file itself is replaced, so its
 * folder is locked; where that has no locks, as on some networks, there is none. */
static int lock(const struct invocation *in, const char *config, int *fd, struct err *e)
{
    const struct timespec pause = {0, 20 * 1000 * 1000};
    uint64_t until = clock_ns() + (in->timeout_ms ? in->timeout_ms : 30000) * UINT64_C(1000000);
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(config, '/') - config + 1), config);
    *fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0)
        return err_sys(e, -errno, "opening its folder");
    while (flock(*fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return 0;
        if (clock_ns() > until)
            return err_set(e, -EBUSY, "another program is changing it: try again");
        nanosleep(&pause, NULL);
        int rc = ended_look(e);
        if (rc)
            return rc;
    }
    return 0;
}

/* ---- the daemon that runs ------------------------------------------------------------------- */

/* Whether the config is the one that the daemon reads. One that does not say is believed to be. */
static bool reads(struct fmnist_client *client, const char *config)
{
    struct stat here, there;
    char *text = NULL;
    if (fmnist_status(client, &text))
        return true;
    json_t *all = json_loads(text, 0, NULL);
    const char *path = json_string_value(json_object_get(all, "config"));
    bool same = !path || (stat(config, &here) == 0 && stat(path, &there) == 0 &&
                          here.st_dev == there.st_dev && here.st_ino == there.st_ino);
    json_decref(all);
    free(text);
    return same;
}

static int reload(const struct invocation *in, const char *config, bool *reloaded, struct err *e)
{
    struct fmnist_connect_options o = {
        .size = sizeof o, .socket = in->socket, .timeout_ms = in->timeout_ms, .reconnect_ms = -1};
    struct fmnist_client *client;
    char *text = NULL;
    *reloaded = false;
    if (fmnist_connect(&o, &client))
        return 0; /* nobody is there: the config is read at the start */
    if (!reads(client, config)) {
        fmnist_disconnect(client);
        return 0; /* another config's daemon: nothing is new for it */
    }
    int rc = fmnist_reload(client, &text);
    free(text);
    fmnist_disconnect(client);
    *reloaded = !rc;
    return rc ? err_set(e, -EINVAL, "it is as it was, because the daemon that runs says: %s",
                        fmnist_error())
              : 0;
}

int config_add_look(const char *path, const char *name, const char *folder, struct err *e)
{
    char *text = NULL, *changed = NULL;
    char *config = realpath(path, NULL);
    int rc = config ? read_text(config, &text, e) : err_sys(e, -errno, "finding it");
    if (text && access(config, W_OK) < 0)
        rc = err_sys(e, -errno, "writing it");
    if (!rc)
        rc = config_entry_insert(text, name, folder, &changed, e);
    if (changed)
        rc = replace(config, changed, CHECK, e);
    free(config);
    free(text);
    free(changed);
    return rc ? err_prefix(e, rc, "--add %s", path) : 0;
}

int config_add(const struct invocation *in, const char *path, const char *name, const char *folder,
               bool *reloaded, struct err *e)
{
    char *text = NULL, *changed = NULL;
    char *config = realpath(path, NULL); /* a link stays one */
    struct err restoring;
    int locked = -1;
    int rc = config ? lock(in, config, &locked, e) : err_sys(e, -errno, "finding it");
    if (!rc)
        rc = read_text(config, &text, e);
    if (text)
        rc = config_entry_insert(text, name, folder, &changed, e);
    if (changed)
        rc = replace(config, changed, CHECK | PUT, e);
    if (!rc && text) {
        rc = reload(in, config, reloaded, e);
        if (rc && replace(config, text, PUT, &restoring))
            rc = err_set(e, rc, "it could not be set back: %s", restoring.text);
    }
    fd_close(&locked);
    free(config);
    free(text);
    free(changed);
    return rc ? err_prefix(e, rc, "--add %s", path) : 0;
}
