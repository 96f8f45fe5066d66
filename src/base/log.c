/* The log: formats a line on the stack and writes it once. Does not rotate, colour or buffer. */
#include "base/log.h"

#include "base/err.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static _Atomic int max_level = LOG_LEVEL_INFO;

static const char *const level_names[] = {"error", "warning", "info", "debug"};
static const int priorities[] = {3, 4, 6, 7}; /* sd-daemon(3): SD_ERR, WARNING, INFO, DEBUG */

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&max_level, (int)level, memory_order_relaxed);
}

static int write_head(char *line, size_t size, enum log_level level)
{
    if (getenv("JOURNAL_STREAM"))
        return snprintf(line, size, "<%d>", priorities[level]);
    struct timespec now;
    struct tm local;
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    size_t n = strftime(line, size, "%H:%M:%S", &local);
    return (int)n +
           snprintf(line + n, size - n, ".%03ld %s: ", now.tv_nsec / 1000000, level_names[level]);
}

void log_line(enum log_level level, const char *format, ...)
{
    if ((int)level > atomic_load_explicit(&max_level, memory_order_relaxed))
        return;
    char line[1024];
    int n = write_head(line, sizeof line - 1, level);
    va_list args;
    va_start(args, format);
    int m = vsnprintf(line + n, sizeof line - 1 - (size_t)n, format, args);
    va_end(args);
    n = m < 0 ? n : n + m;
    if ((size_t)n > sizeof line - 2)
        n = sizeof line - 2;
    line[n] = 0;
    err_make_line(line);
    line[n++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, (size_t)n);
    (void)ignored;
}
