/* SPDX-License-Identifier: MIT */
/* tests/faults/recorded.h — what a program asks of one folder and of the files in it.
 *
 * The calls are those of the program that includes this, and stand in the C library's place. What
 * is done in another way (a writable mapping, other calls) is not seen: compare what the record
 * makes with what the folder has.
 */
#ifndef TESTS_FAULTS_RECORDED_H
#define TESTS_FAULTS_RECORDED_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { OP_NAME_SIZE = 64, OPS_MAX = 256 };

struct op {
    enum { OP_SIZE, OP_WRITE, OP_SYNC, OP_NAME, OP_UNNAME, OP_SYNC_FOLDER } kind;
    ino_t file;
    uint64_t at, size;
    uint8_t *bytes; /* OP_WRITE: malloc'd, [size] */
    char name[OP_NAME_SIZE];
};

static struct {
    bool on, refuse_unnamed;
    int folder; /* -1: no recording */
    struct op ops[OPS_MAX];
    unsigned count;
} record = {.folder = -1};

static bool no_sync; /* for states, of which the next one is made soon */

static inline struct op *add_op(int kind, ino_t file)
{
    if (record.count == OPS_MAX)
        abort();
    struct op *op = &record.ops[record.count++];
    *op = (struct op){.kind = kind, .file = file};
    return op;
}

/* Whether the descriptor is of a file below the folder, or of the folder itself. */
static inline bool is_recorded(int fd, ino_t *file)
{
    struct stat st, folder;
    if (!record.on || fstat(fd, &st) || fstat(record.folder, &folder) || st.st_dev != folder.st_dev)
        return false;
    *file = st.st_ino;
    return S_ISREG(st.st_mode) || st.st_ino == folder.st_ino;
}

static inline void add_named(int kind, ino_t file, const char *name)
{
    struct op *op = add_op(kind, file);
    snprintf(op->name, sizeof op->name, "%s", name);
}

int openat(int dir, const char *name, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (record.refuse_unnamed && (flags & O_TMPFILE) == O_TMPFILE) {
        errno = EOPNOTSUPP;
        return -1;
    }
    bool there = faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    int fd = (int)syscall(SYS_openat, dir, name, flags, mode);
    ino_t file;
    if (fd >= 0 && (flags & O_CREAT) && !there && is_recorded(fd, &file))
        add_named(OP_NAME, file, name);
    return fd;
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at)
{
    ssize_t n = syscall(SYS_pwrite64, fd, bytes, size, at);
    ino_t file;
    if (n > 0 && is_recorded(fd, &file)) {
        struct op *op = add_op(OP_WRITE, file);
        op->at = (uint64_t)at;
        op->size = (uint64_t)n;
        op->bytes = malloc(op->size);
        memcpy(op->bytes, bytes, op->size);
    }
    return n;
}

static inline void add_size(int fd)
{
    struct stat st;
    ino_t file;
    if (is_recorded(fd, &file) && fstat(fd, &st) == 0)
        add_op(OP_SIZE, file)->size = (uint64_t)st.st_size;
}

int fallocate(int fd, int mode, off_t at, off_t size)
{
    int rc = (int)syscall(SYS_fallocate, fd, mode, at, size);
    if (rc == 0)
        add_size(fd);
    return rc;
}

int ftruncate(int fd, off_t size)
{
    int rc = (int)syscall(SYS_ftruncate, fd, size);
    if (rc == 0)
        add_size(fd);
    return rc;
}

int fsync(int fd)
{
    struct stat st;
    ino_t file;
    int rc = no_sync ? 0 : (int)syscall(SYS_fsync, fd);
    if (rc == 0 && is_recorded(fd, &file) && fstat(fd, &st) == 0)
        add_op(S_ISDIR(st.st_mode) ? OP_SYNC_FOLDER : OP_SYNC, file);
    return rc;
}

int unlinkat(int dir, const char *name, int flags)
{
    int rc = (int)syscall(SYS_unlinkat, dir, name, flags);
    if (rc == 0 && record.on)
        add_named(OP_UNNAME, 0, name);
    return rc;
}

int linkat(int from, const char *path, int dir, const char *name, int flags)
{
    struct stat st;
    int rc = (int)syscall(SYS_linkat, from, path, dir, name, flags);
    if (rc == 0 && record.on && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        add_named(OP_NAME, st.st_ino, name);
    return rc;
}

/* One operation for a file system, two for the weakest: the new name may be there without the
 * old one's having gone. */
int renameat(int from, const char *old, int dir, const char *name)
{
    struct stat st;
    int rc = (int)syscall(SYS_renameat, from, old, dir, name);
    if (rc == 0 && record.on && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        add_named(OP_NAME, st.st_ino, name);
        add_named(OP_UNNAME, 0, old);
    }
    return rc;
}

#endif
