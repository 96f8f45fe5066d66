/* SPDX-License-Identifier: MIT */
/* In this order: content, name, folder; each synced before the next one is begun or relied on. */
#include "dataset/cache_draft.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static void remove_named(const struct cache *c, const char *stem)
{
    char name[CACHE_NAME_SIZE];
    cache_file_name(name, stem, "tmp");
    unlinkat(c->dir, name, 0);
}

int cache_draft_open(struct cache_draft *f, const struct cache *c, const char *stem, struct err *e)
{
    char name[CACHE_NAME_SIZE];
    cache_file_name(name, stem, "tmp");
    remove_named(c, stem); /* a killed builder's */
    f->fd = openat(c->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    f->named = f->fd < 0;
    if (f->named)
        f->fd = openat(c->dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    return f->fd < 0 ? err_sys(e, -errno, "making %s", name) : 0;
}

/* By its descriptor, which old kernels allow to root only; else by its name in /proc. */
static int link_unnamed(int fd, int dir, const char *name)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (linkat(fd, "", dir, name, AT_EMPTY_PATH) == 0)
        return 0;
    return linkat(AT_FDCWD, path, dir, name, AT_SYMLINK_FOLLOW);
}

static int give_name(struct cache_draft *f, int dir, const char *stem, struct err *e)
{
    char from[CACHE_NAME_SIZE], to[CACHE_NAME_SIZE];
    cache_file_name(from, stem, "tmp");
    cache_file_name(to, stem, "cache");
    if (!f->named)
        unlinkat(dir, to, 0); /* a link replaces nothing */
    if ((f->named ? renameat(dir, from, dir, to) : link_unnamed(f->fd, dir, to)) < 0)
        return err_sys(e, -errno, "naming %s", to);
    f->named = false; /* nothing is to be removed any more */
    return 0;
}

int cache_draft_commit(struct cache_draft *f, const struct cache *c, const char *stem,
                       struct err *e)
{
    /* A failed fsync is final: the kernel may have dropped the pages and say 0 the next time. */
    if (fsync(f->fd) < 0)
        return err_sys(e, -errno, "syncing what was built");
    int rc = give_name(f, c->dir, stem, e);
    if (rc == 0 && fsync(c->dir) < 0)
        rc = err_sys(e, -errno, "syncing the folder");
    return rc;
}

void cache_draft_close(struct cache_draft *f, const struct cache *c, const char *stem)
{
    fd_close(&f->fd);
    if (f->named)
        remove_named(c, stem);
}
