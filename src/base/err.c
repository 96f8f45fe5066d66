/* SPDX-License-Identifier: MIT */
/* Error text: written by the leaf, prefixed on the way up. Does not log and does not allocate. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

void err_make_line(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
        else if ((unsigned char)*text == 0xc2 && (text[1] & 0xe0) == 0x80)
            text[0] = text[1] = '?'; /* U+0080 to U+009F: CSI and its like */
}

static void end_text(struct err *e, size_t wanted)
{
    if (wanted >= sizeof e->text)
        memcpy(e->text + sizeof e->text - 4, "...", 4);
    err_make_line(e->text);
}

static size_t format_text(struct err *e, const char *format, va_list args)
{
    int n = vsnprintf(e->text, sizeof e->text, format, args);
    return n < 0 ? 0 : (size_t)n;
}

void err_add_limit(char *text, size_t size, const char *before, int resource, const char *behind)
{
    struct rlimit limit;
    size_t n = strlen(text);
    if (getrlimit((__rlimit_resource_t)resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        snprintf(text + n, size - n, "%s%llu%s", before, (unsigned long long)limit.rlim_cur,
                 behind);
}

const char *err_reason(int code, char text[ERR_REASON_SIZE])
{
    snprintf(text, ERR_REASON_SIZE, "%s", strerror(-code));
    if (code == -EMFILE)
        err_add_limit(text, ERR_REASON_SIZE, " (RLIMIT_NOFILE is ", RLIMIT_NOFILE, ")");
    else if (code == -EFBIG)
        err_add_limit(text, ERR_REASON_SIZE, " (RLIMIT_FSIZE is ", RLIMIT_FSIZE, ")");
    return text;
}

int err_set(struct err *e, int code, const char *format, ...)
{
    if (!e)
        return code;
    va_list args;
    va_start(args, format);
    end_text(e, format_text(e, format, args));
    va_end(args);
    return code;
}

int err_sys(struct err *e, int code, const char *format, ...)
{
    if (!e)
        return code;
    va_list args;
    va_start(args, format);
    size_t n = format_text(e, format, args);
    va_end(args);
    if (n < sizeof e->text) {
        char reason[ERR_REASON_SIZE];
        int m = snprintf(e->text + n, sizeof e->text - n, ": %s", err_reason(code, reason));
        n += m < 0 ? 0 : (size_t)m;
    }
    end_text(e, n);
    return code;
}

int err_prefix(struct err *e, int code, const char *format, ...)
{
    if (!e)
        return code;
    struct err inner = *e;
    va_list args;
    va_start(args, format);
    size_t n = format_text(e, format, args);
    va_end(args);
    if (n < sizeof e->text) {
        int m = snprintf(e->text + n, sizeof e->text - n, ": %s", inner.text);
        n += m < 0 ? 0 : (size_t)m;
    }
    end_text(e, n);
    return code;
}
