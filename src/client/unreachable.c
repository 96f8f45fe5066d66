/* SPDX-License-Identifier: MIT */
/* Sentences about sockets that cannot be connected to. Does not connect. */
#include "client/unreachable.h"

#include "client/client.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define START \
    "start one with `fmnistd -c FILE`, or set FMNIST_SOCKET to the socket of one that runs"
#define NAME_SIZE 64

struct name {
    char text[NAME_SIZE];
};

static struct name user_name(uid_t uid)
{
    struct name n;
    struct passwd entry, *found = NULL;
    char memory[4096];
    if (!getpwuid_r(uid, &entry, memory, sizeof memory, &found) && found)
        snprintf(n.text, sizeof n.text, "%s", found->pw_name);
    else
        snprintf(n.text, sizeof n.text, "uid %u", (unsigned)uid);
    return n;
}

static struct name group_name(gid_t gid)
{
    struct name n;
    struct group entry, *found = NULL;
    char memory[4096];
    if (!getgrgid_r(gid, &entry, memory, sizeof memory, &found) && found)
        snprintf(n.text, sizeof n.text, "%s", found->gr_name);
    else
        snprintf(n.text, sizeof n.text, "gid %u", (unsigned)gid);
    return n;
}

/* Whether the system says that the user is in the group. A process that is not has begun before. */
static bool is_member(gid_t gid, const char *user)
{
    struct group entry, *found = NULL;
    char memory[4096];
    if (getgrgid_r(gid, &entry, memory, sizeof memory, &found) || !found)
        return false;
    for (char **member = found->gr_mem; *member; member++)
        if (!strcmp(*member, user))
            return true;
    return false;
}

/* The first folder on the way to the path that we may not enter. Returns whether there is one. */
static bool closed_folder(const char *path, char folder[SOCKET_PATH_SIZE])
{
    for (const char *at = path; (at = strchr(at, '/')); at++) {
        size_t n = at == path ? 1 : (size_t)(at - path);
        memcpy(folder, path, n);
        folder[n] = 0;
        if (faccessat(AT_FDCWD, folder, X_OK, AT_EACCESS) < 0)
            return errno == EACCES;
    }
    return false;
}

/* How this user gets in. `bits`: what a member of the group would need. Nobody is sent into root's
 * group. */
static void way_in(const char *what, const struct stat *st, mode_t bits, char *text, size_t size)
{
    struct name owner = user_name(st->st_uid), group = group_name(st->st_gid);
    struct name self = user_name(geteuid());
    bool is_socket = S_ISSOCK(st->st_mode);
    if (is_socket && faccessat(AT_FDCWD, what, W_OK, AT_EACCESS) == 0)
        snprintf(text, size,
                 "its mode allows it, so look for a security module's rules (SELinux, "
                 "AppArmor)");
    else if (st->st_gid && st->st_mode & bits && is_member(st->st_gid, self.text))
        snprintf(text, size,
                 "%s is in that group, but this session began before that: log in again, or run "
                 "`newgrp %s`",
                 self.text, group.text);
    else if (st->st_gid && st->st_mode & bits)
        snprintf(text, size, "join the group with `sudo usermod -aG %s %s` and log in again",
                 group.text, self.text);
    else if (st->st_gid && is_socket)
        snprintf(text, size,
                 "set socket_mode: \"0660\" in the daemon's config, restart it and join the group "
                 "%s, or run as %s",
                 group.text, owner.text);
    else if (is_socket)
        snprintf(text, size,
                 "set socket_group: GROUP, one that %s is in, in the daemon's config and restart "
                 "it; or run as %s, or a daemon of your own",
                 self.text, owner.text);
    else
        snprintf(text, size,
                 "run as %s, or set FMNIST_SOCKET to the socket of a daemon of your own",
                 owner.text);
}

static int no_permission(const char *path, const char *what, mode_t bits)
{
    struct stat st;
    if (stat(what, &st) < 0)
        return fail(FMNIST_ECONNECT, "%s: %s", path, strerror(EACCES));
    char way[256];
    way_in(what, &st, bits, way, sizeof way);
    return fail(FMNIST_ECONNECT,
                "no permission to connect to %s: %s%s has mode %04o and belongs to user %s, "
                "group %s, and this is user %s: %s",
                path, S_ISSOCK(st.st_mode) ? "it" : "the folder ", S_ISSOCK(st.st_mode) ? "" : what,
                (unsigned)st.st_mode & 07777, user_name(st.st_uid).text, group_name(st.st_gid).text,
                user_name(geteuid()).text, way);
}

static int refused(const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
        return fail(FMNIST_ECONNECT, "no daemon at %s: that is a %s and no socket; " START, path,
                    S_ISDIR(st.st_mode) ? "folder" : "file");
    return fail(FMNIST_ECONNECT,
                "no daemon at %s: its socket is still there, but the daemon that made it has "
                "ended. Start it again with `fmnistd -c FILE`, or set FMNIST_SOCKET to the socket "
                "of one that runs",
                path);
}

/* The socket or the folder that it would be in. */
static int absent(const char *path)
{
    char folder[SOCKET_PATH_SIZE];
    const char *end = strrchr(path, '/');
    size_t n = end ? (size_t)(end - path) : 0;
    memcpy(folder, path, n);
    folder[n] = 0;
    if (n && access(folder, F_OK) < 0)
        return fail(FMNIST_ECONNECT, "no daemon at %s: there is no folder %s; " START, path,
                    folder);
    return fail(FMNIST_ECONNECT, "no daemon at %s: there is no such socket; " START, path);
}

int unreachable(const char *path, int error)
{
    char folder[SOCKET_PATH_SIZE];
    switch (error) {
    case EACCES:
        if (closed_folder(path, folder))
            return no_permission(path, folder, S_IXGRP);
        return no_permission(path, path, S_IWGRP);
    case ECONNREFUSED:
        return refused(path);
    case ENOENT:
        return absent(path);
    default:
        return fail(FMNIST_ECONNECT, "no daemon at %s: %s; " START, path, strerror(error));
    }
}

int no_descriptors_here(int error)
{
    struct rlimit limit = {0};
    getrlimit(RLIMIT_NOFILE, &limit);
    if (error == ENFILE)
        return fail(FMNIST_ENOMEM, "this machine has no descriptors left: raise fs.file-max");
    return fail(FMNIST_ENOMEM,
                "this process (not the daemon) has all of the %llu descriptors open that it may: "
                "close some, or raise the limit (`ulimit -n`)",
                (unsigned long long)limit.rlim_cur);
}
