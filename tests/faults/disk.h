/* SPDX-License-Identifier: MIT */
/* tests/faults/disk.h — a folder as a disk may have it after the power was lost.
 *
 * Made of what was recorded up to some moment, as the weakest file system may keep it: a write that
 * no fsync of its file followed is there, or not, or in sectors, or is garbage; a name that no
 * fsync of the folder followed is given or taken, or not, each by itself.
 */
#ifndef TESTS_FAULTS_DISK_H
#define TESTS_FAULTS_DISK_H

#include "faults/recorded.h"
#include "support/support.h"

enum { SECTOR = 512, FILES_MAX = 8, NAMES_MAX = 8 };

struct disk_file {
    ino_t file;
    uint8_t *bytes; /* malloc'd, [size] */
    uint64_t size;
};

struct disk {
    struct disk_file files[FILES_MAX];
    unsigned file_count;
    struct {
        char name[OP_NAME_SIZE];
        ino_t file;
    } names[NAMES_MAX];
    unsigned name_count;
};

static inline struct disk_file *disk_file(struct disk *d, ino_t file)
{
    for (unsigned i = 0; i < d->file_count; i++)
        if (d->files[i].file == file)
            return &d->files[i];
    ck_assert_uint_lt(d->file_count, FILES_MAX);
    struct disk_file *f = &d->files[d->file_count++];
    *f = (struct disk_file){.file = file, .bytes = malloc(1)};
    return f;
}

static inline void resize(struct disk_file *f, uint64_t size)
{
    f->bytes = realloc(f->bytes, size ? size : 1);
    if (size > f->size)
        memset(f->bytes + f->size, 0, size - f->size);
    f->size = size;
}

static inline void take_name(struct disk *d, const char *name)
{
    for (unsigned i = 0; i < d->name_count; i++)
        if (!strcmp(d->names[i].name, name))
            d->names[i--] = d->names[--d->name_count];
}

static inline void give_name(struct disk *d, const char *name, ino_t file)
{
    take_name(d, name);
    ck_assert_uint_lt(d->name_count, NAMES_MAX);
    ck_assert_uint_lt(strlen(name), OP_NAME_SIZE);
    strcpy(d->names[d->name_count].name, name);
    d->names[d->name_count++].file = file;
    disk_file(d, file);
}

static inline void disk_free(struct disk *d)
{
    for (unsigned i = 0; i < d->file_count; i++)
        free(d->files[i].bytes);
    *d = (struct disk){0};
}

static inline void disk_copy(struct disk *to, const struct disk *from)
{
    *to = *from;
    for (unsigned i = 0; i < to->file_count; i++) {
        to->files[i].bytes = malloc(from->files[i].size + 1);
        memcpy(to->files[i].bytes, from->files[i].bytes, from->files[i].size);
    }
}

static inline void disk_read(struct disk *d, const char *folder)
{
    *d = (struct disk){0};
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        size_t size;
        uint8_t *bytes = support_read(
            support_path("%s/%s", folder + strlen(support_dir()) + 1, entry->d_name), &size);
        give_name(d, entry->d_name, entry->d_ino);
        free(disk_file(d, entry->d_ino)->bytes);
        *disk_file(d, entry->d_ino) = (struct disk_file){entry->d_ino, bytes, size};
    }
    if (dir)
        closedir(dir);
}

static inline void remove_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (entry->d_name[0] != '.')
            syscall(SYS_unlinkat, dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
    rmdir(folder);
}

static inline void disk_write(const struct disk *d, const char *folder)
{
    remove_folder(folder);
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    for (unsigned i = 0; i < d->name_count; i++) {
        const struct disk_file *f = disk_file((struct disk *)d, d->names[i].file);
        char path[512 + OP_NAME_SIZE];
        snprintf(path, sizeof path, "%s/%s", folder, d->names[i].name);
        support_write(path, f->bytes, f->size);
        ck_assert_int_eq(chmod(path, 0600), 0);
    }
}

static inline const struct disk_file *named_file(const struct disk *d, const char *name)
{
    for (unsigned i = 0; i < d->name_count; i++)
        if (!strcmp(d->names[i].name, name))
            return disk_file((struct disk *)d, d->names[i].file);
    return NULL;
}

/* ---- what is lost ---------------------------------------------------------------------------- */

static uint64_t next(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random >> 11;
}

/* What becomes of a write that was not synced. */
static inline void write_some(struct disk_file *f, const struct op *op, uint64_t *random)
{
    enum { ALL, NONE, TORN, GARBAGE, FATES } fate = next(random) % FATES;
    if (fate == NONE)
        return;
    if (op->at + op->size > f->size)
        resize(f, op->at + op->size);
    for (uint64_t at = 0, n; at < op->size; at += n) {
        n = SECTOR - (op->at + at) % SECTOR;
        n = n < op->size - at ? n : op->size - at;
        if (fate == ALL || (fate == TORN && next(random) % 2))
            memcpy(f->bytes + op->at + at, op->bytes + at, n);
        else if (fate == GARBAGE && next(random) % 2)
            memset(f->bytes + op->at + at, (int)next(random), n);
    }
}

static inline bool is_synced(unsigned i, unsigned end, bool folder)
{
    for (unsigned k = i + 1; k < end; k++)
        if (folder ? record.ops[k].kind == OP_SYNC_FOLDER
                   : record.ops[k].kind == OP_SYNC && record.ops[k].file == record.ops[i].file)
            return true;
    return false;
}

/* The operation as the disk has it; random NULL: for certain. */
static inline void apply(struct disk *d, const struct op *op, uint64_t *random)
{
    switch (op->kind) {
    case OP_WRITE:
        if (random) {
            write_some(disk_file(d, op->file), op, random);
            break;
        }
        if (op->at + op->size > disk_file(d, op->file)->size)
            resize(disk_file(d, op->file), op->at + op->size);
        memcpy(disk_file(d, op->file)->bytes + op->at, op->bytes, op->size);
        break;
    case OP_SIZE:
        if (!random || next(random) % 2)
            resize(disk_file(d, op->file), op->size);
        break;
    case OP_NAME:
        if (!random || next(random) % 2)
            give_name(d, op->name, op->file);
        break;
    case OP_UNNAME:
        if (!random || next(random) % 2)
            take_name(d, op->name);
        break;
    case OP_SYNC:
    case OP_SYNC_FOLDER:
        break;
    }
}

/* The machine stops before operation `end`. */
static inline void make_state(struct disk *d, const struct disk *before, unsigned end,
                              uint64_t *random)
{
    disk_copy(d, before);
    for (unsigned i = 0; i < end; i++) {
        const struct op *op = &record.ops[i];
        bool folder = op->kind == OP_NAME || op->kind == OP_UNNAME;
        apply(d, op, is_synced(i, end, folder) ? NULL : random);
    }
}

#endif
