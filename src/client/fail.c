/* SPDX-License-Identifier: MIT */
/* The thread's last error. */
#include "client/fail.h"

#include "fmnist.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static _Thread_local char last_error[ERR_TEXT_SIZE] = "";

const char *fmnist_error(void)
{
    return last_error;
}

int fail(int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(last_error, sizeof last_error, format, args);
    va_end(args);
    err_make_line(last_error);
    return code;
}

int fail_from(int rc, const struct err *e)
{
    int code = rc == -EINVAL   ? FMNIST_EINVAL
               : rc == -ENOMEM ? FMNIST_ENOMEM
               : rc == -EPROTO ? FMNIST_EPROTO
                               : FMNIST_EIO;
    return fail(code, "%s", e->text);
}
