/* SPDX-License-Identifier: MIT */
/* Finding and identifying files. Does not read them. */
#include "dataset/source.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

/* One tick of the slowest kernel clock (HZ=100), by which files are stamped. */
#define TIMESTAMP_STEP_NS 10000000

static int64_t time_ns(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int identify(int fd, const char *path, struct file_id *id, struct err *e)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_sys(e, -errno, "%s", path);
    if (!S_ISREG(st.st_mode))
        return err_set(e, -EINVAL, "%s: %s, want a regular file", path,
                       S_ISDIR(st.st_mode) ? "a folder" : "not a regular file");
    XXH128_canonical_t hash;
    XXH128_canonicalFromHash(&hash, XXH3_128bits(path, strlen(path)));
    memcpy(id->path_hash, hash.digest, sizeof id->path_hash);
    id->dev = st.st_dev;
    id->ino = st.st_ino;
    id->size = (uint64_t)st.st_size;
    id->mtime_ns = time_ns(st.st_mtim);
    id->ctime_ns = time_ns(st.st_ctim);
    return 0;
}

/* Tries one name. */
static int open_path(struct source_file *f, const char *folder, const char *stem,
                     const char *suffix, struct err *e)
{
    free(f->path);
    if (asprintf(&f->path, "%s/%s%s", folder, stem, suffix) < 0) {
        f->path = NULL;
        return err_set(e, -ENOMEM, "no memory for a path");
    }
    /* Non-blocking: a FIFO in the file's place must not hold us up. */
    f->fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (f->fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return SOURCE_MISSING;
    if (f->fd < 0)
        return err_sys(e, -errno, "%s", f->path);
    return identify(f->fd, f->path, &f->id, e);
}

/* The name without ".gz"; returns whether it had it. */
static bool cut_gz(char *name)
{
    size_t length = strlen(name);
    bool packed = length > 3 && strcmp(name + length - 3, ".gz") == 0;
    if (packed)
        name[length - 3] = 0;
    return packed;
}

/* "train-images-idx3-ubyte" becomes "train-images.idx3-ubyte", and back. Returns false for a name
 * that has only one spelling. */
static bool respell(char *stem)
{
    char *last = NULL;
    for (char *at = stem; (at = strstr(at, "idx")); at++)
        if (at > stem && (at[-1] == '-' || at[-1] == '.') && at[3] >= '0' && at[3] <= '9')
            last = at - 1;
    if (last)
        *last = *last == '-' ? '.' : '-';
    return last != NULL;
}

bool source_same_name(const char *a, const char *b)
{
    char *x = strdup(a), *y = strdup(b);
    bool same = false;
    if (x && y) {
        cut_gz(x);
        cut_gz(y);
        same = strcmp(x, y) == 0 || (respell(x) && strcmp(x, y) == 0);
    }
    free(x);
    free(y);
    return same;
}

int source_open(struct source_file *f, const char *folder, const char *name, struct err *e)
{
    *f = (struct source_file){.fd = -1};
    char *stem = strdup(name);
    if (!stem)
        return err_set(e, -ENOMEM, "no memory for a path");
    bool packed = cut_gz(stem);
    int rc = SOURCE_MISSING;
    for (int spelling = 0; spelling < 2 && rc == SOURCE_MISSING; spelling++) {
        if (spelling == 1 && !respell(stem))
            break;
        rc = open_path(f, folder, stem, packed ? ".gz" : "", e);
        if (rc == SOURCE_MISSING)
            rc = open_path(f, folder, stem, packed ? "" : ".gz", e);
    }
    free(stem);
    if (rc < 0)
        source_close(f);
    return rc;
}

void source_settle(const struct source_file *f)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t age = time_ns(now) - f->id.ctime_ns;
    /* A file from the future is a wrong clock, not a fresh file. */
    if (age < 0 || age > TIMESTAMP_STEP_NS)
        return;
    struct timespec rest = {.tv_nsec = TIMESTAMP_STEP_NS - age};
    while (nanosleep(&rest, &rest) < 0 && errno == EINTR)
        continue;
}

int source_unchanged(const struct source_file *f, struct err *e)
{
    struct file_id now;
    int rc = identify(f->fd, f->path, &now, e);
    if (rc < 0)
        return rc;
    if (now.size != f->id.size || now.mtime_ns != f->id.mtime_ns)
        return err_set(e, -EINVAL, "%s: the file was changed while it was read", f->path);
    return 0;
}

void source_close(struct source_file *f)
{
    fd_close(&f->fd);
    free(f->path);
    f->path = NULL;
}
