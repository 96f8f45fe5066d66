/* SPDX-License-Identifier: MIT */
/* The paths that a config leaves out. Source: the XDG Base Directory Specification 0.8, by which a
 * variable that is empty or not absolute counts as not set. */
#include "config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *absolute_from(const char *variable)
{
    const char *value = getenv(variable);
    return value && value[0] == '/' ? value : NULL;
}

static char *join(const char *folder, const char *name)
{
    char *path;
    return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

char *config_default_socket(void)
{
    const char *runtime = absolute_from("XDG_RUNTIME_DIR");
    return join(runtime ? runtime : "/run", "fmnistd/fmnistd.sock");
}

char *config_default_cache(void)
{
    const char *cache = absolute_from("XDG_CACHE_HOME");
    const char *home = absolute_from("HOME");
    if (geteuid() == 0)
        return join("/var/cache", "fmnistd");
    if (cache)
        return join(cache, "fmnistd");
    return home ? join(home, ".cache/fmnistd") : join("/var/cache", "fmnistd");
}
