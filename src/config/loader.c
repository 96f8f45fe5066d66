/* SPDX-License-Identifier: MIT */
/* What the files that load a config have in common: finding, refusing, paths, and reading a text.
 */
#include "config/loader.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (1u << 20)

/* ---- finding and refusing values */

static const struct tree_node *root(const struct config_loader *l)
{
    return &l->tree.nodes[0];
}

const struct tree_node *config_loader_given(const struct config_loader *l, const char *key)
{
    return tree_member(&l->tree, root(l), key);
}

int config_loader_refuse(const struct config_loader *l, const struct tree_node *n, const char *path)
{
    char seen[TREE_SEEN_SIZE];
    return tree_error(&l->tree, n, l->e, "%s is %s; allowed: %s", path, tree_seen(n, seen),
                      config_allowed(path));
}

int config_loader_no_memory(const struct config_loader *l)
{
    return err_set(l->e, -ENOMEM, "%s: out of memory", l->file);
}

/* ---- paths */

char *config_loader_join(const char *folder, const char *name)
{
    while (name[0] == '.' && name[1] == '/') {
        name += 2;
        name += strspn(name, "/");
    }
    char *path;
    int n = name[0] == '/' || !strcmp(folder, "/")
                ? asprintf(&path, "%s%s", name[0] == '/' ? "" : "/", name)
                : asprintf(&path, "%s/%s", folder, name);
    return n < 0 ? NULL : path;
}

int config_loader_path(const struct config_loader *l, const struct tree_node *n, const char *key,
                       char **out)
{
    char seen[TREE_SEEN_SIZE];
    if (!n->text[0])
        return config_loader_refuse(l, n, key);
    if (n->text[0] == '~')
        return tree_error(&l->tree, n, l->e,
                          "%s is %s, and '~' is not expanded; allowed: %s, written out (\"./~\" "
                          "for a file of that name)",
                          key, tree_seen(n, seen), config_allowed(key));
    *out = config_loader_join(l->folder, n->text);
    return *out ? 0 : config_loader_no_memory(l);
}

/* ---- texts */

int config_read_text(const char *path, int flags, char **text, size_t *size, struct err *e)
{
    int rc;
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags);
    if (fd < 0) {
        rc = -errno;
        return err_sys(e, rc, "config %s", path);
    }
    char *buffer = malloc(FILE_MAX + 1);
    if (!buffer) {
        rc = err_set(e, -ENOMEM, "%s: out of memory", path);
        goto close_file;
    }
    if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode)) {
        rc = err_set(e, -EINVAL, "%s:1: %s; allowed: a YAML file", path,
                     S_ISDIR(st.st_mode)    ? "a folder"
                     : S_ISFIFO(st.st_mode) ? "a pipe"
                                            : "a device or socket");
        goto free_buffer;
    }
    ssize_t n = read_full(fd, buffer, FILE_MAX + 1);
    if (n < 0) {
        rc = err_sys(e, (int)n, "config %s", path);
        goto free_buffer;
    }
    if (n > (ssize_t)FILE_MAX) {
        rc = err_set(e, -EINVAL, "%s:1: a file of more than 1MiB; allowed: up to 1MiB", path);
        goto free_buffer;
    }
    fd_close(&fd);
    *text = buffer;
    *size = (size_t)n;
    return 0;

free_buffer:
    free(buffer);
close_file:
    fd_close(&fd);
    return rc;
}
