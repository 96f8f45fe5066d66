/* SPDX-License-Identifier: MIT */
/* scandir at each level. Knows nothing of what the files hold. */
#include "import/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LEVELS_MAX = 16, PATH_BYTES = 4096 };

struct level {
    struct dirent **names;
    int count, at;
    size_t length; /* of the path before its names */
    dev_t device;
    ino_t inode;
};

struct folder_walk {
    char path[PATH_BYTES];
    size_t root; /* bytes of path before the name within the folder */
    struct level levels[LEVELS_MAX];
    int depth; /* levels in use */
};

static int is_wanted(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && strcmp(entry->d_name, "__MACOSX") != 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* The folder that path says. */
static int enter(struct folder_walk *w, const struct stat *st, struct err *e)
{
    if (w->depth == LEVELS_MAX)
        return err_set(e, -ELOOP, "%s: more than %d folders in each other", w->path, LEVELS_MAX);
    for (int i = 0; i < w->depth; i++)
        if (w->levels[i].device == st->st_dev && w->levels[i].inode == st->st_ino)
            return err_set(e, -ELOOP, "%s: a folder within itself", w->path);
    struct level *l = &w->levels[w->depth];
    *l = (struct level){.device = st->st_dev, .inode = st->st_ino};
    l->length = strlen(w->path);
    l->count = scandir(w->path, &l->names, is_wanted, by_bytes);
    if (l->count < 0)
        return err_sys(e, -errno, "reading the folder %s", w->path);
    w->depth++;
    return 0;
}

static void leave(struct folder_walk *w)
{
    struct level *l = &w->levels[--w->depth];
    for (; l->at < l->count; l->at++)
        free(l->names[l->at]);
    free(l->names);
}

int folder_walk_open(struct folder_walk **walk, const char *path, struct err *e)
{
    struct stat st;
    struct folder_walk *w = *walk = calloc(1, sizeof *w);
    if (!w)
        return err_set(e, -ENOMEM, "out of memory");
    int n = snprintf(w->path, sizeof w->path, "%s", path);
    int rc = n >= (int)sizeof w->path ? err_set(e, -ENAMETOOLONG, "%.64s...: too long a path", path)
             : stat(path, &st) < 0    ? err_sys(e, -errno, "%s", path)
                                      : enter(w, &st, e);
    w->root = (size_t)n + 1;
    if (rc) {
        folder_walk_close(w);
        *walk = NULL;
    }
    return rc;
}

void folder_walk_close(struct folder_walk *w)
{
    while (w && w->depth)
        leave(w);
    free(w);
}

int folder_walk_next(struct folder_walk *w, const char **name, struct err *e)
{
    while (w->depth) {
        struct level *l = &w->levels[w->depth - 1];
        struct stat st;
        if (l->at == l->count) {
            leave(w);
            continue;
        }
        struct dirent *entry = l->names[l->at++];
        int n = snprintf(w->path + l->length, sizeof w->path - l->length, "/%s", entry->d_name);
        free(entry);
        if (n >= (int)(sizeof w->path - l->length))
            return err_set(e, -ENAMETOOLONG, "%.64s...: too long a path", w->path);
        if (stat(w->path, &st) < 0)
            return err_sys(e, -errno, "%s", w->path);
        int rc = S_ISDIR(st.st_mode) ? enter(w, &st, e) : 0;
        if (rc)
            return rc;
        if (!S_ISREG(st.st_mode))
            continue;
        *name = w->path + w->root;
        return 1;
    }
    return 0;
}

const char *folder_walk_path(const struct folder_walk *w)
{
    return w->path;
}

uint64_t folder_size(const char *path)
{
    struct folder_walk *w;
    struct stat st;
    struct err e;
    const char *name;
    uint64_t total = 0;
    if (folder_walk_open(&w, path, &e))
        return 0;
    while (folder_walk_next(w, &name, &e) == 1)
        total += stat(w->path, &st) == 0 ? (uint64_t)st.st_size : 0;
    folder_walk_close(w);
    return total;
}
