/* SPDX-License-Identifier: MIT */
/* The socket of a config: where it is, and who may connect. Does not make it: that is
 * server/listener.c's. */
#include "config/loader.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_MEMORY     (64u << 10) /* of one entry, its members' names included */
#define GROUP_MEMORY_MAX (GROUP_MEMORY << 8)
#define GROUP_DIGITS     10

static int take_path(const struct config_loader *l)
{
    const struct tree_node *n = config_loader_given(l, "socket");
    struct config *c = l->c;
    if (n && n->text[0] && n->text[strlen(n->text) - 1] == '/')
        return config_loader_refuse(l, n, "socket");
    if (n) {
        int rc = config_loader_path(l, n, "socket", &c->socket);
        if (rc)
            return rc;
    } else {
        c->socket = config_default_socket();
        if (!c->socket)
            return config_loader_no_memory(l);
    }
    size_t length = strlen(c->socket);
    if (length > SOCKET_MAX)
        return tree_error(&l->tree, n, l->e,
                          "socket%s is %zu bytes long (\"%.40s...\"); allowed: %s",
                          n ? "" : ", by default,", length, c->socket, config_allowed("socket"));
    return 0;
}

/* A number is taken as it is, as chown(1) does where no group is called so: it need not have a
 * name. Returns false where it is none, or is the one that means "no change" to chown(2). */
static bool parse_gid(const char *text, uint32_t *gid)
{
    size_t digits = strspn(text, "0123456789");
    if (!digits || digits > GROUP_DIGITS || text[digits])
        return false;
    unsigned long long number = strtoull(text, NULL, 10);
    *gid = (uint32_t)number;
    return number < CONFIG_OWN_GROUP;
}

/* Errors: -ENOENT no group is called so, -ENOMEM, and those of getgrnam_r that say that it could
 * not look: -EIO, -EMFILE, -ENFILE, -EINTR. */
static int find_group(const char *name, uint32_t *gid)
{
    struct group entry, *found = NULL;
    int rc = -ERANGE; /* a group of many members needs more */
    for (size_t size = GROUP_MEMORY; rc == -ERANGE && size <= GROUP_MEMORY_MAX; size *= 4) {
        char *memory = malloc(size);
        if (!memory)
            return -ENOMEM;
        rc = -getgrnam_r(name, &entry, memory, size, &found);
        if (!rc && found)
            *gid = found->gr_gid;
        free(memory);
    }
    if (rc == -ENOMEM || rc == -EIO || rc == -EMFILE || rc == -ENFILE || rc == -EINTR)
        return rc;
    return found ? 0 : -ENOENT;
}

static int take_group(const struct config_loader *l)
{
    const struct tree_node *n = config_loader_given(l, "socket_group");
    struct config *c = l->c;
    char seen[TREE_SEEN_SIZE];
    if (!n || !strcmp(n->text, "none"))
        return 0;
    if (!n->text[0])
        return config_loader_refuse(l, n, "socket_group");
    if (!parse_gid(n->text, &c->socket_gid)) {
        int rc = find_group(n->text, &c->socket_gid);
        if (rc == -ENOMEM)
            return config_loader_no_memory(l);
        if (rc != -ENOENT && rc)
            return err_sys(l->e, rc, "looking up the group of socket_group, %s",
                           tree_seen(n, seen));
        if (rc)
            return tree_error(&l->tree, n, l->e,
                              "socket_group is %s, and this machine knows no group of that name "
                              "(getent group); allowed: %s",
                              tree_seen(n, seen), config_allowed("socket_group"));
    }
    c->socket_group = strdup(n->text);
    return c->socket_group ? 0 : config_loader_no_memory(l);
}

/* Whoever names a group means to let it in. */
static int take_mode(const struct config_loader *l)
{
    const struct tree_node *n = config_loader_given(l, "socket_mode");
    if (!n) {
        l->c->socket_mode = l->c->socket_group ? 0660 : 0600;
        return 0;
    }
    if (!strcmp(n->text, "0660")) {
        l->c->socket_mode = 0660;
        return 0;
    }
    if (strcmp(n->text, "0600"))
        return config_loader_refuse(l, n, "socket_mode");
    if (l->c->socket_group)
        return tree_error(&l->tree, n, l->e,
                          "socket_mode is \"0600\", which lets no group in, beside socket_group; "
                          "allowed: \"0660\", or no socket_group");
    l->c->socket_mode = 0600;
    return 0;
}

int config_loader_socket(const struct config_loader *l)
{
    int rc = take_path(l);
    if (!rc)
        rc = take_group(l);
    return rc ? rc : take_mode(l);
}
