/* SPDX-License-Identifier: MIT */
/* Looks around where a file should be. Opens nothing of a dataset. */
#include "dataset/missing.h"

#include "base/near.h"
#include "dataset/source.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ENTRIES_MAX 1000 /* of a larger folder the rest is not looked at */
#define SHOWN       4

struct entries {
    char *names[ENTRIES_MAX]; /* owned; sorted; without those that begin with '.' */
    int count;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_entries(struct entries *all)
{
    for (int i = 0; i < all->count; i++)
        free(all->names[i]);
}

/* Returns 0 or a negative errno value. */
static int read_entries(const char *folder, struct entries *all)
{
    all->count = 0;
    DIR *dir = opendir(folder);
    if (!dir)
        return -errno;
    for (struct dirent *d; all->count < ENTRIES_MAX && (d = readdir(dir));) {
        char *name = d->d_name[0] == '.' ? NULL : strdup(d->d_name);
        if (name)
            all->names[all->count++] = name;
    }
    closedir(dir);
    qsort(all->names, (size_t)all->count, sizeof *all->names, by_name);
    return 0;
}

/* ---- the folder ---------------------------------------------------------------------------- */

/* The name in the folder that `seen` may have meant; NULL: none. */
static const char *nearest(const char *seen, const struct entries *all)
{
    const char *near = NULL;
    unsigned least = NEAR_FILE;
    for (int i = 0; i < all->count; i++)
        if (near_takes(seen, all->names[i], &least))
            near = all->names[i];
    return near;
}

static int tell_no_folder(const char *folder, struct err *e)
{
    char *parent = strdup(folder);
    if (!parent)
        return err_set(e, -ENOMEM, "no memory for a path");
    /* Up to the last one that is there: `child` is what is missing in it. */
    const char *child = "";
    struct stat st;
    for (char *slash; (slash = strrchr(parent, '/'));) {
        *slash = 0;
        child = folder + (slash + 1 - parent);
        if (slash == parent || stat(parent, &st) == 0)
            break;
    }
    const char *there = *parent ? parent : "/";
    char missing[NAME_MAX + 1], more[ERR_TEXT_SIZE] = "";
    snprintf(missing, sizeof missing, "%.*s", (int)strcspn(child, "/"), child);
    if (child[strlen(missing)] == '/')
        snprintf(more, sizeof more, ", as there is no \"%s\" in %s", missing, there);
    struct entries all = {.count = 0};
    const char *near = read_entries(there, &all) == 0 ? nearest(missing, &all) : NULL;
    err_set(e, -ENOENT, "%s: there is no such folder%s%s%s%s", folder, more,
            near ? " (is it \"" : "", near ? near : "", near ? "\"?)" : "");
    free_entries(&all);
    free(parent);
    return -ENOENT;
}

/* ---- the file ------------------------------------------------------------------------------ */

static bool is_other(const struct missing *m, const char *name)
{
    for (int i = 0; i < m->other_count; i++)
        if (source_same_name(m->others[i], name))
            return true;
    return false;
}

/* A typing error, or something behind the name: " (1)", ".part", ".zip". */
static const char *find_near(const struct missing *m, const char *base, const struct entries *all)
{
    const char *near = NULL;
    unsigned least = NEAR_FILE;
    size_t stem = strlen(base);
    if (stem > 3 && strcmp(base + stem - 3, ".gz") == 0)
        stem -= 3;
    for (int i = 0; i < all->count; i++) {
        if (is_other(m, all->names[i]))
            continue;
        if (strncasecmp(all->names[i], base, stem) == 0)
            return all->names[i];
        if (near_takes(base, all->names[i], &least))
            near = all->names[i];
    }
    return near;
}

static bool has_file(const char *folder, const char *base)
{
    struct source_file f;
    struct err unheard;
    int rc = source_open(&f, folder, base, &unheard);
    source_close(&f);
    return rc == 0;
}

/* torchvision's files lie in .../FashionMNIST/raw, and people name .../FashionMNIST. */
static const char *find_below(const char *folder, const char *base, const struct entries *all)
{
    for (int i = 0; i < all->count; i++) {
        char *below;
        if (asprintf(&below, "%s/%s", folder, all->names[i]) < 0)
            return NULL;
        bool there = has_file(below, base);
        free(below);
        if (there)
            return all->names[i];
    }
    return NULL;
}

/* "; there are a, b, c, d and 5 more" */
static void list_entries(const struct entries *all, char *text, size_t size)
{
    size_t used =
        (size_t)snprintf(text, size, all->count ? "; there are " : "; the folder is empty");
    for (int i = 0; i < all->count && i < SHOWN && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", all->names[i]);
    if (all->count > SHOWN && used < size)
        snprintf(text + used, size - used, " and %d more", all->count - SHOWN);
}

static int tell_no_file(const struct missing *m, const char *folder, const char *base,
                        struct err *e)
{
    struct entries all;
    int rc = read_entries(folder, &all);
    if (rc < 0)
        return err_sys(e, rc, "%s", folder);
    char more[ERR_TEXT_SIZE];
    const char *near = find_near(m, base, &all), *below = NULL;
    if (near && source_same_name(near, base))
        snprintf(more, sizeof more, "; %s is there, but leads to no file", near);
    else if (near)
        snprintf(more, sizeof more, "; %s is there: rename it, or name it under splits", near);
    else if ((below = find_below(folder, base, &all)))
        snprintf(more, sizeof more, "; it is in %s/%s: set the path to that", folder, below);
    else
        list_entries(&all, more, sizeof more);
    free_entries(&all);
    return err_set(e, -ENOENT, "%s: no %s file %s there, with or without .gz%s", m->folder, m->what,
                   m->name, more);
}

int missing_tell(const struct missing *m, struct err *e)
{
    struct stat st;
    if (stat(m->folder, &st) < 0 && errno != ENOENT)
        return err_sys(e, -errno, "%s", m->folder);
    if (stat(m->folder, &st) < 0)
        return tell_no_folder(m->folder, e);
    if (!S_ISDIR(st.st_mode))
        return err_set(e, -ENOTDIR, "%s: a file, want the folder that the dataset's files are in",
                       m->folder);
    /* The name may have folders of its own. */
    const char *slash = strrchr(m->name, '/');
    if (!slash)
        return tell_no_file(m, m->folder, m->name, e);
    char *folder;
    if (asprintf(&folder, "%s/%.*s", m->folder, (int)(slash - m->name), m->name) < 0)
        return err_set(e, -ENOMEM, "no memory for a path");
    int rc =
        stat(folder, &st) == 0 ? tell_no_file(m, folder, slash + 1, e) : tell_no_folder(folder, e);
    free(folder);
    return rc;
}
