/* SPDX-License-Identifier: MIT */
/* The set's end: labels in the type that holds them, checks, headers, dataset.yaml, the rename; or
 * nothing left of it. */
#include "import/set_state.h"

#include "base/bytes.h"
#include "base/io.h"
#include "dataset/idx.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK_BYTES = 1 << 20 };

/* ---- another order ------------------------------------------------------------------------- */

/* Copies item order[i] of one file to the end of the other; neighbours together. */
static int copy_ordered(const struct import_set *set, struct set_file *from, struct set_file *to,
                        size_t item, const uint32_t *order, size_t count, uint8_t *chunk,
                        size_t chunk_items, struct err *e)
{
    for (size_t i = 0, run; i < count; i += run) {
        for (run = 1; run < chunk_items && i + run < count && order[i + run] == order[i] + run;)
            run++;
        ssize_t n =
            pread_full(from->fd, chunk, run * item, from->header_bytes + (uint64_t)order[i] * item);
        if (n != (ssize_t)(run * item))
            return err_sys(e, n < 0 ? (int)n : -EIO, "reading %s again", from->name);
        int rc = set_file_write(to, chunk, run * item, e);
        if (!rc)
            rc = import_set_asked(set, e);
        if (rc)
            return rc;
    }
    return 0;
}

static int permute_file(struct import_set *set, struct set_file *f, int dims, size_t item,
                        const uint32_t *order, size_t count, struct err *e)
{
    struct set_file other = {.fd = -1};
    size_t items = item < CHUNK_BYTES ? CHUNK_BYTES / item : 1;
    uint8_t *chunk = malloc(items * item);
    int rc = chunk ? set_file_flush(f, e) : err_set(e, -ENOMEM, "out of memory");
    if (!rc)
        rc = set_file_open(&other, set->fd, "reordered", dims, e);
    if (!rc)
        rc = copy_ordered(set, f, &other, item, order, count, chunk, items, e);
    if (!rc && renameat(set->fd, "reordered", set->fd, f->name) < 0)
        rc = err_sys(e, -errno, "renaming what was reordered");
    if (!rc) {
        snprintf(other.name, sizeof other.name, "%s", f->name);
        set_file_close(f);
        *f = other;
    } else {
        set_file_close(&other);
    }
    free(chunk);
    return rc;
}

int import_set_permute(struct import_set *set, int split, const uint32_t *order, struct err *e)
{
    struct set_split *p = &set->splits[split];
    size_t image = (size_t)p->shape.h * p->shape.w * p->shape.channels;
    int rc = p->image_count ? permute_file(set, &p->images, p->shape.channels > 1 ? 4 : 3, image,
                                           order, p->image_count, e)
                            : 0;
    if (!rc && p->label_count)
        rc = permute_file(set, &p->labels, 0, 4 * (size_t)p->columns, order, p->label_count, e);
    return rc;
}

/* ---- the end ------------------------------------------------------------------------------- */

static int check_split(const struct import_set *set, const struct set_split *p, struct err *e)
{
    if (!p->image_count)
        return err_set(e, -EINVAL, "split %s has labels, but no images", p->name);
    if (!p->label_count)
        return err_set(e, -EINVAL, "split %s has images, but no labels", p->name);
    if (p->image_count != p->label_count)
        return err_set(e, -EINVAL, "split %s has %llu images, but %llu labels", p->name,
                       (unsigned long long)p->image_count, (unsigned long long)p->label_count);
    if (p->columns == 1 && set->class_count && (uint32_t)p->label_max >= set->class_count)
        return err_set(e, -EINVAL, "split %s has label %d, but classes have names from 0 to %u",
                       p->name, p->label_max, set->class_count - 1);
    if (p->columns > 1 && set->class_count && p->columns != set->class_count)
        return err_set(e, -EINVAL, "split %s has labels of %u numbers, but %u classes have names",
                       p->name, p->columns, set->class_count);
    return 0;
}

static int check_set(const struct import_set *set, struct err *e)
{
    if (!set->split_count)
        return err_set(e, -EINVAL, "there are no images");
    for (int i = 0; i < set->split_count; i++) {
        const struct set_split *p = &set->splits[i], *first = &set->splits[0];
        int rc = check_split(set, p, e);
        if (rc)
            return rc;
        if ((p->columns > 1) != (first->columns > 1) ||
            (p->columns > 1 && p->columns != first->columns))
            return err_set(e, -EINVAL, "labels of split %s have %u numbers, those of %s have %u",
                           p->name, p->columns, first->name, first->columns);
    }
    for (uint32_t i = 0; i < set->class_count; i++)
        if (!set->classes[i])
            return err_set(e, -EINVAL, "class %u has no name, but class %u has", i,
                           set->class_count - 1);
    return 0;
}

/* The labels were kept as int32; they go out in the type that holds them. */
static int write_labels(struct import_set *set, struct set_split *p, struct err *e)
{
    struct set_file out = {.fd = -1};
    bool bytes = p->label_max <= 255;
    const uint32_t dims[2] = {(uint32_t)p->label_count, p->columns};
    uint64_t total = p->label_count * p->columns * 4;
    uint8_t *chunk = malloc(CHUNK_BYTES);
    char name[128];
    set_labels_name(p, name);
    int rc = chunk ? set_file_flush(&p->labels, e) : err_set(e, -ENOMEM, "out of memory");
    if (!rc)
        rc = set_file_open(&out, set->fd, name, p->columns > 1 ? 2 : 1, e);
    for (uint64_t at = 0; !rc && at < total;) {
        size_t size = total - at < CHUNK_BYTES ? (size_t)(total - at) : CHUNK_BYTES;
        ssize_t n = pread_full(p->labels.fd, chunk, size, p->labels.header_bytes + at);
        if (n != (ssize_t)size)
            rc = err_sys(e, n < 0 ? (int)n : -EIO, "reading %s again", p->labels.name);
        for (size_t i = 0; !rc && bytes && i < size / 4; i++)
            chunk[i] = chunk[4 * i + 3];
        if (!rc)
            rc = set_file_write(&out, chunk, bytes ? size / 4 : size, e);
        if (!rc)
            rc = import_set_asked(set, e);
        at += size;
    }
    if (!rc)
        rc = set_file_finish(&out, bytes ? IDX_UINT8 : IDX_INT32, dims, p->columns > 1 ? 2 : 1, e);
    set_file_close(&out);
    free(chunk);
    if (!rc && unlinkat(set->fd, p->labels.name, 0) < 0)
        rc = err_sys(e, -errno, "removing %s", p->labels.name);
    return rc;
}

static int finish_split(struct import_set *set, struct set_split *p, struct err *e)
{
    const uint32_t dims[4] = {(uint32_t)p->image_count, p->shape.h, p->shape.w, p->shape.channels};
    int rc = set_file_finish(&p->images, IDX_UINT8, dims, p->shape.channels > 1 ? 4 : 3, e);
    return rc ? rc : write_labels(set, p, e);
}

/* Refuses a place that has come to be meanwhile, where the file system can. */
static int put_in_place(struct import_set *set, struct err *e)
{
    const char *last = strrchr(set->target, '/');
    last = last ? last + 1 : set->target;
    int rc = renameat2(set->parent_fd, set->temporary, set->parent_fd, last, RENAME_NOREPLACE);
    if (rc < 0 && (errno == EINVAL || errno == ENOSYS))
        rc = renameat(set->parent_fd, set->temporary, set->parent_fd, last);
    if (rc < 0)
        return err_sys(e, -errno, "putting it in its place, %s", set->target);
    set->committed = true;
    return fsync(set->parent_fd) < 0 ? err_sys(e, -errno, "syncing the folder %s", set->parent) : 0;
}

void import_set_ask(struct import_set *set, int (*ended)(struct err *e))
{
    set->ended = ended;
}

int import_set_asked(const struct import_set *set, struct err *e)
{
    return set->ended ? set->ended(e) : 0;
}

int import_set_commit(struct import_set *set, struct err *e)
{
    int rc = check_set(set, e);
    if (!rc && !set->target)
        rc = err_set(e, -EINVAL, "the set has no name: say --name");
    for (int i = 0; !rc && i < set->split_count; i++) {
        rc = finish_split(set, &set->splits[i], e);
        if (!rc)
            rc = import_set_asked(set, e);
    }
    if (!rc)
        rc = set_write_yaml(set, e);
    if (!rc && fsync(set->fd) < 0)
        rc = err_sys(e, -errno, "syncing what was made");
    if (!rc)
        rc = import_set_asked(set, e);
    return rc ? rc : put_in_place(set, e);
}

/* All names that can be there. */
static void remove_all(struct import_set *set)
{
    char name[128];
    for (int i = 0; i < set->split_count; i++) {
        struct set_split *p = &set->splits[i];
        set_images_name(p, name);
        unlinkat(set->fd, name, 0);
        set_labels_name(p, name);
        unlinkat(set->fd, name, 0);
        snprintf(name, sizeof name, "%s-labels.tmp", p->name);
        unlinkat(set->fd, name, 0);
    }
    unlinkat(set->fd, "reordered", 0);
    unlinkat(set->fd, "dataset.yaml", 0);
    unlinkat(set->parent_fd, set->temporary, AT_REMOVEDIR);
}

void import_set_free(struct import_set *set)
{
    if (!set)
        return;
    for (int i = 0; i < set->split_count; i++) {
        set_file_close(&set->splits[i].images);
        set_file_close(&set->splits[i].labels);
    }
    if (set->temporary[0] && !set->committed)
        remove_all(set);
    fd_close(&set->fd);
    fd_close(&set->parent_fd);
    for (uint32_t i = 0; i < set->class_count; i++)
        free(set->classes[i]);
    free(set->classes);
    free(set->origin);
    free(set->licence);
    free(set->parent);
    free(set->swept);
    free(set->target);
    free(set);
}
