/* SPDX-License-Identifier: MIT */
/* Looks at the beginning, which the reader of the member gets all the same. */
#include "import/licence.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_licence(const char *name)
{
    static const char *const names[] = {"license", "licence", "copying"};
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strncasecmp(base, names[i], 7) &&
            (!base[7] || !strcasecmp(base + 7, ".txt") || !strcasecmp(base + 7, ".md")))
            return true;
    return false;
}

int licence_take(struct layer *layer, const char *name, char **text, struct err *e)
{
    const uint8_t *bytes;
    if (*text || !is_licence(name))
        return 0;
    ssize_t n = layer_peek(layer, &bytes, e);
    if (n <= 0)
        return (int)n;
    if (memchr(bytes, 0, (size_t)n))
        return 0;
    *text = strndup((const char *)bytes, (size_t)n);
    return *text ? 0 : err_set(e, -ENOMEM, "out of memory");
}
