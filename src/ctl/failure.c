/* SPDX-License-Identifier: MIT */
/* Tells, and remembers the last one. */
#include "ctl/failure.h"

#include "ctl/json.h"
#include "ctl/progress.h"
#include "ctl/verbs.h"

#include <errno.h>
#include <stdarg.h>

static const char *last_word; /* NULL: nothing was told */
static char last_message[1024];

static void tell(const char *word, const char *format, va_list args)
{
    fflush(stdout);
    progress_clear();
    last_word = word;
    vsnprintf(last_message, sizeof last_message, format, args);
    fprintf(stderr, "fmnistctl: %s\n", last_message);
}

#define TELL(word)                \
    do {                          \
        va_list args;             \
        va_start(args, format);   \
        tell(word, format, args); \
        va_end(args);             \
    } while (0)

int ctl_error(const char *format, ...)
{
    TELL("failed");
    return EXIT_FAILED;
}

int ctl_usage(const char *format, ...)
{
    TELL("usage");
    return EXIT_WRONG_USAGE;
}

int ctl_failed(int result, const char *format, ...)
{
    TELL(failure_word(result));
    return EXIT_FAILED;
}

int ctl_file_error(int code, const char *format, ...)
{
    TELL(code == -ENOMEM ? "memory" : "file");
    return EXIT_FAILED;
}

const char *failure_word(int result)
{
    switch (result) {
    case FMNIST_EINVAL:
        return "invalid";
    case FMNIST_ECONNECT:
        return "unreachable";
    case FMNIST_ETIMEDOUT:
        return "timeout";
    case FMNIST_EDEAD:
        return "daemon-ended";
    case FMNIST_EPROTO:
        return "protocol";
    case FMNIST_ENOMEM:
        return "memory";
    case FMNIST_EBUSY:
        return "busy";
    case FMNIST_ETOKEN:
        return "token";
    case FMNIST_ENOENT:
        return "not-served";
    case FMNIST_ELIMIT:
        return "limit";
    case FMNIST_EIO:
        return "daemon-failed";
    case FMNIST_EPERM:
        return "permission";
    }
    return "failed";
}

void failure_print(FILE *to)
{
    if (!last_word)
        return;
    ctl_print_json(
        to, json_pack("{s:s, s:o}", "error", last_word, "message", ctl_json_text(last_message)));
}
