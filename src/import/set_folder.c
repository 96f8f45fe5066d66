/* SPDX-License-Identifier: MIT */
/* Nobody waits for a lock here. A file system without locks is one where nothing is removed. */
#include "import/set_folder.h"

#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define BEGINS ".fmnistctl-import."

/* Of one process: what is there may have its number, as a container's first process has the same
 * each time. */
enum { TRIES_MAX = 100, BOOT_BYTES = 8 };

/* "" where the kernel does not say: no folder is like it, and none is removed. */
static void find_boot(char boot[BOOT_BYTES + 1])
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    boot[0] = 0;
    if (fd >= 0 && read_full(fd, boot, BOOT_BYTES) != BOOT_BYTES)
        boot[0] = 0;
    boot[BOOT_BYTES] = 0;
    fd_close(&fd);
}

static int open_folder(int parent, const char *name)
{
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Whether the name is still that of the folder which is locked. */
static bool is_there(int parent, const char *name, int fd)
{
    struct stat here, there;
    return fstat(fd, &here) == 0 && fstatat(parent, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

/* Between its making and its lock somebody may take it for one that was left: then it is gone, or
 * about to be. */
static int make_locked(int parent, const char *name)
{
    if (mkdirat(parent, name, 0777) < 0)
        return -errno;
    int fd = open_folder(parent, name);
    if (fd < 0)
        return errno == ENOENT ? -EEXIST : -errno;
    bool lost = flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
    if (!lost && is_there(parent, name, fd))
        return fd;
    fd_close(&fd);
    return -EEXIST;
}

int set_folder_make(int parent, char name[64])
{
    char boot[BOOT_BYTES + 1];
    int fd = -EEXIST;
    find_boot(boot);
    for (int i = 0; fd == -EEXIST && i < TRIES_MAX; i++) {
        snprintf(name, 64, BEGINS "%s-%d-%d.tmp", boot, (int)getpid(), i);
        fd = make_locked(parent, name);
    }
    if (fd < 0)
        name[0] = 0;
    return fd;
}

/* ---- what was left ------------------------------------------------------------------------- */

/* There are files in it, and no folders. */
static bool remove_folder(int parent, const char *name, int fd)
{
    struct dirent *file;
    int copy = dup(fd);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    if (!dir) {
        fd_close(&copy);
        return false;
    }
    while ((file = readdir(dir)))
        unlinkat(fd, file->d_name, 0);
    closedir(dir);
    return unlinkat(parent, name, AT_REMOVEDIR) == 0;
}

static void sweep_one(int parent, const char *name, bool here, struct set_folder_swept *swept)
{
    struct stat st;
    int fd = open_folder(parent, name);
    bool mine = fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid();
    swept->others += mine && !here;
    swept->removed += mine && here && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
                      is_there(parent, name, fd) && remove_folder(parent, name, fd);
    fd_close(&fd);
}

struct set_folder_swept set_folder_sweep(int parent)
{
    struct set_folder_swept swept = {0, 0};
    char boot[BOOT_BYTES + 1];
    struct dirent *file;
    int fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        fd_close(&fd);
        return swept;
    }
    find_boot(boot);
    while ((file = readdir(dir))) {
        const char *rest = file->d_name + strlen(BEGINS);
        if (!strncmp(file->d_name, BEGINS, strlen(BEGINS)))
            sweep_one(parent, file->d_name,
                      boot[0] && !strncmp(rest, boot, BOOT_BYTES) && rest[BOOT_BYTES] == '-',
                      &swept);
    }
    closedir(dir);
    return swept;
}
