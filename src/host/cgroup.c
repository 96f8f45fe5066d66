/* SPDX-License-Identifier: MIT */
/* Walks the process's groups. What a file in them means is cpus.c's and memory.c's. */
#include "host/cgroup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE 4096

bool cgroup_read(const char *folder, const char *name, char *line, int size)
{
    char path[PATH_SIZE + 32];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    bool read = fgets(line, size, f) != NULL;
    fclose(f);
    return read;
}

const char *cgroup_read_text(const char *path, char text[CGROUP_TEXT_SIZE])
{
    FILE *f = fopen(path, "re");
    text[f ? fread(text, 1, CGROUP_TEXT_SIZE - 1, f) : 0] = 0;
    if (f)
        fclose(f);
    return text;
}

/* Of the group and of those above it, up to the hierarchy's mount. */
static uint64_t least_up(const char *mount, const char *group, uint64_t (*limit)(const char *))
{
    char folder[PATH_SIZE];
    size_t top = strlen(mount);
    int n = snprintf(folder, sizeof folder, "%s%s", mount, group);
    if (n < 0 || (size_t)n >= sizeof folder)
        return UINT64_MAX;
    uint64_t least = limit(mount);
    while (strlen(folder) > top) {
        uint64_t here = limit(folder);
        if (here < least)
            least = here;
        *strrchr(folder, '/') = 0;
    }
    return least;
}

/* Whether a comma-separated list has the word. */
static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (!strncmp(at, word, length) && (at[length] == ',' || !at[length]))
            return true;
    }
    return false;
}

/* One line of /proc/self/cgroup: "0::/GROUP", or "N:CONTROLLERS:/GROUP" of version 1. */
static uint64_t least_of_line(char *line, const char *root, const struct cgroup_rule *rule)
{
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group || group[1] != '/')
        return UINT64_MAX;
    *group++ = 0;
    controllers++;
    if (!*controllers)
        return least_up(root, group, rule->version_2);
    if (!has_word(controllers, rule->controller))
        return UINT64_MAX;
    char mount[PATH_SIZE];
    snprintf(mount, sizeof mount, "%s/%s", root, controllers);
    uint64_t joint = least_up(mount, group, rule->version_1); /* "cpu,cpuacct" */
    snprintf(mount, sizeof mount, "%s/%s", root, rule->controller);
    uint64_t alone = least_up(mount, group, rule->version_1);
    return joint < alone ? joint : alone;
}

uint64_t cgroup_least(const char *cgroups, const char *root, const struct cgroup_rule *rule)
{
    char *copy = strdup(cgroups), *rest = copy;
    uint64_t least = UINT64_MAX;
    for (char *line; copy && (line = strsep(&rest, "\n"));) {
        uint64_t here = least_of_line(line, root, rule);
        if (here < least)
            least = here;
    }
    free(copy);
    return least;
}
