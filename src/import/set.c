/* SPDX-License-Identifier: MIT */
/* What comes in. Ending it is set_finish.c's. */
#include "import/set.h"

#include "base/bytes.h"
#include "base/io.h"
#include "base/utf8.h"
#include "dataset/cache_format.h"
#include "import/set_folder.h"
#include "import/set_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- names --------------------------------------------------------------------------------- */

/* As the config has it, and printable in a file's name. Other bytes than UTF-8 are in no config. */
static bool is_name(const char *name)
{
    return strlen(name) < IMPORT_NAME_SIZE && utf8_is_file_name(name);
}

static int refuse_existing(const char *path, struct err *e)
{
    struct stat st;
    if (lstat(path, &st) < 0)
        return 0;
    return err_set(e, -EEXIST, "%s is there already: name another folder with -o, or remove it",
                   path);
}

static int copy_text(char **to, const char *text, struct err *e)
{
    char *copy = strdup(text);
    if (!copy)
        return err_set(e, -ENOMEM, "out of memory");
    free(*to);
    *to = copy;
    return 0;
}

static int set_call(struct import_set *s, const char *name, struct err *e)
{
    int rc = 0;
    if (!strcmp(s->name, name))
        return 0;
    snprintf(s->name, sizeof s->name, "%s", name);
    if (!s->target_given) {
        rc = copy_text(&s->target, name, e);
        rc = rc ? rc : refuse_existing(s->target, e);
    }
    return rc || !s->on_name ? rc : s->on_name(s->on_name_data, name, e);
}

void import_set_on_name(struct import_set *set,
                        int (*on_name)(void *data, const char *name, struct err *e), void *data)
{
    set->on_name = on_name;
    set->on_name_data = data;
}

int import_set_call(struct import_set *s, const char *name, struct err *e)
{
    char good[IMPORT_NAME_SIZE];
    size_t n = 0;
    if (s->name_given)
        return 0;
    for (size_t bytes; *name; name += bytes ? bytes : 1) {
        uint32_t c;
        bytes = utf8_take((const unsigned char *)name, &c);
        if (n + (bytes ? bytes : 1) >= sizeof good)
            break;
        if (bytes && c != ' ' && !utf8_is_control(c) && c != '/' && (n || c != '.')) {
            memcpy(good + n, name, bytes);
            n += bytes;
        } else if (n && good[n - 1] != '-') {
            good[n++] = '-';
        }
    }
    good[n] = 0;
    return set_call(s, n ? good : "imported", e);
}

/* ---- the folder ---------------------------------------------------------------------------- */

/* What import_set_swept says. */
static int tell_swept(struct import_set *s, struct set_folder_swept swept, struct err *e)
{
    int n = 0;
    if (swept.removed)
        n = asprintf(&s->swept, "removed what %u import%s that %s killed had left in %s",
                     swept.removed, swept.removed == 1 ? "" : "s",
                     swept.removed == 1 ? "was" : "were", s->parent);
    else if (swept.others)
        n = asprintf(&s->swept,
                     "%u folder%s .fmnistctl-import.*.tmp in %s: of another machine, or of before "
                     "this one was started; if no import runs there, remove %s",
                     swept.others, swept.others == 1 ? "" : "s", s->parent,
                     swept.others == 1 ? "it" : "them");
    return n < 0 ? err_set(e, -ENOMEM, "out of memory") : 0;
}

static int make_folder(struct import_set *s, struct err *e)
{
    const char *slash = s->target ? strrchr(s->target, '/') : NULL;
    int length = !slash ? 1 : slash == s->target ? 1 : (int)(slash - s->target);
    if (asprintf(&s->parent, "%.*s", length, slash ? s->target : ".") < 0) {
        s->parent = NULL;
        return err_set(e, -ENOMEM, "out of memory");
    }
    s->parent_fd = open(s->parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->parent_fd < 0)
        return err_sys(e, -errno, "the folder %s, where it is to be made", s->parent);
    struct set_folder_swept swept = set_folder_sweep(s->parent_fd);
    s->fd = set_folder_make(s->parent_fd, s->temporary);
    return s->fd < 0 ? err_sys(e, s->fd, "making a folder in %s", s->parent)
                     : tell_swept(s, swept, e);
}

static int take_target(struct import_set *s, const char *target, struct err *e)
{
    size_t length = strlen(target);
    while (length > 1 && target[length - 1] == '/')
        length--;
    int rc = copy_text(&s->target, target, e);
    if (rc)
        return rc;
    s->target[length] = 0;
    s->target_given = true;
    return refuse_existing(s->target, e);
}

int import_set_new(struct import_set **set, const char *target, const char *name, struct err *e)
{
    struct import_set *s = *set = calloc(1, sizeof *s);
    if (!s)
        return err_set(e, -ENOMEM, "out of memory");
    s->parent_fd = s->fd = -1;
    int rc = target ? take_target(s, target, e) : 0;
    if (!rc && name && !is_name(name))
        rc = err_set(
            e, -EINVAL,
            "--name \"%s\": want 1 to %d bytes of UTF-8 without '/' and control characters, "
            "not beginning with '.'",
            name, IMPORT_NAME_SIZE - 1);
    if (!rc && name)
        rc = set_call(s, name, e);
    s->name_given = name;
    if (!rc)
        rc = make_folder(s, e);
    if (rc) {
        import_set_free(s);
        *set = NULL;
    }
    return rc;
}

int import_set_spool(struct import_set *s, struct err *e)
{
    int fd = openat(s->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    fd = openat(s->fd, "spool", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(e, -errno, "making a temporary file");
    unlinkat(s->fd, "spool", 0);
    return fd;
}

/* ---- splits -------------------------------------------------------------------------------- */

int import_set_split(struct import_set *s, const char *name, struct err *e)
{
    for (int i = 0; i < s->split_count; i++)
        if (!strcmp(s->splits[i].name, name))
            return i;
    if (!is_name(name) || strpbrk(name, "[]+|")) /* a spec's signs */
        return err_set(
            e, -EINVAL,
            "split \"%s\": want 1 to %d bytes of UTF-8 without '/', '[', ']', '+', '|' and "
            "control characters, not beginning with '.'",
            name, IMPORT_NAME_SIZE - 1);
    if (s->split_count == IMPORT_SPLITS_MAX)
        return err_set(e, -EINVAL, "more than %d splits", IMPORT_SPLITS_MAX);
    struct set_split *split = &s->splits[s->split_count];
    *split = (struct set_split){.images.fd = -1, .labels.fd = -1};
    snprintf(split->name, sizeof split->name, "%s", name);
    return s->split_count++;
}

const char *import_set_split_name(const struct import_set *s, int split)
{
    return s->splits[split].name;
}

uint64_t import_set_image_count(const struct import_set *s, int split)
{
    return s->splits[split].image_count;
}

uint64_t import_set_label_count(const struct import_set *s, int split)
{
    return s->splits[split].label_count;
}

static int begin_images(struct import_set *s, struct set_split *p, struct import_shape shape,
                        struct err *e)
{
    char name[128];
    if (shape.h < 1 || shape.w < 1 || shape.h > SPLIT_SIDE_MAX || shape.w > SPLIT_SIDE_MAX ||
        shape.channels < 1 || shape.channels > SPLIT_CHANNELS)
        return err_set(e, -EINVAL,
                       "images of %u x %u pixels with %u channels, want 1 to %u pixels a side and "
                       "1 to %u channels",
                       shape.h, shape.w, shape.channels, SPLIT_SIDE_MAX, SPLIT_CHANNELS);
    p->shape = shape;
    set_images_name(p, name);
    return set_file_open(&p->images, s->fd, name, shape.channels > 1 ? 4 : 3, e);
}

int import_set_images(struct import_set *s, int split, struct import_shape shape,
                      const uint8_t *pixels, size_t count, struct err *e)
{
    struct set_split *p = &s->splits[split];
    int rc = p->shape.h ? 0 : begin_images(s, p, shape, e);
    if (rc)
        return rc;
    if (shape.h != p->shape.h || shape.w != p->shape.w || shape.channels != p->shape.channels)
        return err_set(e, -EINVAL,
                       "image %llu of split %s has %u x %u pixels with %u channels, those before "
                       "have %u x %u with %u",
                       (unsigned long long)p->image_count, p->name, shape.h, shape.w,
                       shape.channels, p->shape.h, p->shape.w, p->shape.channels);
    p->image_count += count;
    if (p->image_count > SPLIT_COUNT_MAX)
        return err_set(e, -EINVAL, "split %s has more than %u images", p->name,
                       (unsigned)SPLIT_COUNT_MAX);
    return set_file_write(&p->images, pixels, (size_t)shape.h * shape.w * shape.channels * count,
                          e);
}

static int begin_labels(struct import_set *s, struct set_split *p, uint32_t columns, struct err *e)
{
    char name[IMPORT_NAME_SIZE + 16];
    if (columns < 1 || columns > IMPORT_COLUMNS_MAX)
        return err_set(e, -EINVAL, "%u numbers a label, want 1 to %d", columns, IMPORT_COLUMNS_MAX);
    p->columns = columns;
    snprintf(name, sizeof name, "%s-labels.tmp", p->name);
    return set_file_open(&p->labels, s->fd, name, 0, e);
}

int import_set_labels(struct import_set *s, int split, uint32_t columns, const int32_t *values,
                      size_t count, struct err *e)
{
    struct set_split *p = &s->splits[split];
    uint8_t out[1024];
    size_t used = 0, total = (size_t)columns * count;
    int rc = p->columns ? 0 : begin_labels(s, p, columns, e);
    if (!rc && p->columns != columns)
        rc = err_set(e, -EINVAL, "label %llu of split %s has %u numbers, those before have %u",
                     (unsigned long long)p->label_count, p->name, columns, p->columns);
    for (size_t i = 0; !rc && i < total; i++) {
        if (values[i] < 0 || (columns > 1 && values[i] > 255))
            return err_set(e, -EINVAL, "label %llu of split %s is %d, want %s",
                           (unsigned long long)(p->label_count + i / columns), p->name, values[i],
                           columns > 1 ? "numbers from 0 to 255" : "a class from 0 on");
        p->label_max = values[i] > p->label_max ? values[i] : p->label_max;
        put_be32(out + used, (uint32_t)values[i]);
        used += 4;
        if (used == sizeof out || i + 1 == total) {
            rc = set_file_write(&p->labels, out, used, e);
            used = 0;
        }
    }
    p->label_count += rc ? 0 : count;
    return rc;
}

/* ---- texts --------------------------------------------------------------------------------- */

int import_set_class(struct import_set *s, uint32_t class, const char *name, struct err *e)
{
    if (class >= IMPORT_CLASSES_MAX)
        return err_set(e, -EINVAL, "class %u, want fewer than %d", class, IMPORT_CLASSES_MAX);
    if (!*name || strlen(name) > 255)
        return err_set(e, -EINVAL, "the name of class %u has %zu bytes, want 1 to 255", class,
                       strlen(name));
    if (class >= s->class_count) {
        char **more = realloc(s->classes, (class + 1) * sizeof *more);
        if (!more)
            return err_set(e, -ENOMEM, "out of memory");
        memset(more + s->class_count, 0, (class + 1 - s->class_count) * sizeof *more);
        s->classes = more;
        s->class_count = class + 1;
    }
    if (s->classes[class])
        return err_set(e, -EINVAL, "class %u is \"%s\", and here \"%s\"", class, s->classes[class],
                       name);
    return copy_text(&s->classes[class], name, e);
}

bool import_set_has_classes(const struct import_set *s)
{
    return s->class_count;
}

int import_set_origin(struct import_set *s, const char *origin, struct err *e)
{
    return copy_text(&s->origin, origin, e);
}

int import_set_licence(struct import_set *s, const char *text, size_t size, struct err *e)
{
    char *copy = strndup(text, size);
    if (!copy)
        return err_set(e, -ENOMEM, "out of memory");
    free(s->licence);
    s->licence = copy;
    return 0;
}

void import_set_sha256(struct import_set *s, const uint8_t digest[32])
{
    memcpy(s->sha256, digest, sizeof s->sha256);
    s->has_sha256 = true;
}

const char *import_set_swept(const struct import_set *s)
{
    return s->swept;
}

/* ---- what there is ------------------------------------------------------------------------- */

const char *import_set_name(const struct import_set *s)
{
    return s->name[0] ? s->name : NULL;
}

const char *import_set_target(const struct import_set *s)
{
    return s->target;
}

int import_set_split_count(const struct import_set *s)
{
    return s->split_count;
}

struct import_split_facts import_set_facts(const struct import_set *s, int split)
{
    int order[IMPORT_SPLITS_MAX];
    set_order(s, order);
    const struct set_split *p = &s->splits[order[split]];
    return (struct import_split_facts){.name = p->name,
                                       .shape = p->shape,
                                       .images = p->image_count,
                                       .columns = p->columns,
                                       .label_max = p->label_max};
}

uint32_t import_set_class_count(const struct import_set *s)
{
    return s->class_count;
}
