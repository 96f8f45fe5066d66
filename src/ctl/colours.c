/* SPDX-License-Identifier: MIT */
/* Looks at the environment, as terminals set it. */
#include "ctl/colours.h"

#include "ctl/progress.h"

#include <stdlib.h>
#include <string.h>

static const char *said(const char *variable)
{
    const char *value = getenv(variable);
    return value ? value : "";
}

/* The first of them that is set says it. */
static bool is_utf8(void)
{
    static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        if (*said(variables[i]))
            return strcasestr(said(variables[i]), "UTF-8") ||
                   strcasestr(said(variables[i]), "UTF8");
    return false;
}

struct picture_style colours_of(int fd)
{
    struct picture_style style = {.colours = PICTURE_GREY, .blocks = is_utf8()};
    if (!terminal_can(fd) || *said("NO_COLOR"))
        return style;
    if (!strcmp(said("COLORTERM"), "truecolor") || !strcmp(said("COLORTERM"), "24bit"))
        style.colours = PICTURE_TRUE;
    else if (strstr(said("TERM"), "256color"))
        style.colours = PICTURE_256;
    return style;
}
