/* SPDX-License-Identifier: MIT */
/* The log: formats a line, and writes it, or queues it for the thread that does. Does not rotate or
 * colour. */
#include "base/log.h"

#include "base/thread.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct line {
    unsigned lost; /* it says that so many were; 0: another line */
    size_t size;
    char text[1024];
};

enum writer { WRITER_NONE, WRITER_RUNS, WRITER_STUCK };

static struct queue {
    pthread_mutex_t lock;
    pthread_cond_t came;    /* a line, or the end; the thread waits */
    pthread_cond_t drained; /* log_end waits */
    enum writer writer;
    pthread_t thread;
    bool ending;
    bool writing; /* a line that is not in the queue any more */
    bool takes;   /* the last one could be written */
    unsigned lost;
    unsigned first, count;
    struct line lines[LOG_QUEUE_LINES];
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER, .takes = true};

static _Atomic int max_level = LOG_LEVEL_INFO;

static const char *const level_names[] = {"error", "warning", "info", "debug"};
static const int priorities[] = {3, 4, 6, 7}; /* sd-daemon(3): SD_ERR, WARNING, INFO, DEBUG */

const char *log_level_name(enum log_level level)
{
    return level_names[level];
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&max_level, (int)level, memory_order_relaxed);
}

/* ---- a line -------------------------------------------------------------------------------- */

/* The variable is inherited by programs whose standard error went elsewhere since. */
bool log_is_journal(void)
{
    unsigned long long device, inode;
    struct stat st;
    const char *stream = getenv("JOURNAL_STREAM");
    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

static size_t write_head(char *line, size_t size, enum log_level level)
{
    if (log_is_journal())
        return (size_t)snprintf(line, size, "<%d>", priorities[level]);
    struct timespec now;
    struct tm local;
    char zone[8];
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    size_t n = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &local);
    strftime(zone, sizeof zone, "%z", &local);
    return n + (size_t)snprintf(line + n, size - n, ".%03ld%s %s: ", now.tv_nsec / 1000000, zone,
                                level_names[level]);
}

static void format_line(struct line *line, enum log_level level, const char *format, va_list args)
{
    const size_t room = sizeof line->text - 1; /* the newline has a place */
    size_t n = write_head(line->text, room, level);
    int m = vsnprintf(line->text + n, room - n, format, args);
    n += m < 0 ? 0 : (size_t)m;
    if (n > room - 1)
        n = room - 1;
    line->text[n] = 0;
    err_make_line(line->text);
    line->text[n++] = '\n';
    line->size = n;
    line->lost = 0;
}

static void __attribute__((format(printf, 3, 4)))
make_line(struct line *line, enum log_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    format_line(line, level, format, args);
    va_end(args);
}

/* Returns whether all of it went. Somebody may have made standard error non-blocking. */
static bool write_line(const struct line *line)
{
    size_t done = 0;
    while (done < line->size) {
        ssize_t n = write(STDERR_FILENO, line->text + done, line->size - done);
        struct pollfd full = {.fd = STDERR_FILENO, .events = POLLOUT};
        if (n >= 0)
            done += (size_t)n;
        else if (errno == EAGAIN)
            poll(&full, 1, -1);
        else if (errno != EINTR)
            return false;
    }
    return true;
}

/* ---- the queue: under its lock ------------------------------------------------------------- */

static struct line *add_line(void)
{
    assert(queue.count < LOG_QUEUE_LINES);
    return &queue.lines[(queue.first + queue.count++) % LOG_QUEUE_LINES];
}

static void take_line(struct line *out)
{
    assert(queue.count > 0);
    const struct line *line = &queue.lines[queue.first];
    memcpy(out, line, offsetof(struct line, text) + line->size);
    queue.first = (queue.first + 1) % LOG_QUEUE_LINES;
    if (--queue.count == 0)
        queue.first = 0; /* the same few pages again */
}

/* Says how many were lost, before what follows them. */
static void add_lost(void)
{
    struct line *line = add_line();
    make_line(line, LOG_LEVEL_WARNING, "%u lines were lost: standard error did not take them",
              queue.lost);
    line->lost = queue.lost;
    queue.lost = 0;
}

static void queue_line(const struct line *line)
{
    if (queue.count + (queue.lost > 0) >= LOG_QUEUE_LINES) {
        queue.lost++;
        return;
    }
    if (queue.lost)
        add_lost();
    memcpy(add_line(), line, offsetof(struct line, text) + line->size);
    pthread_cond_signal(&queue.came);
}

/* Whether there is something to write. What was lost is told when a line has gone through: a full
 * disk is not tried again and again. */
static bool has_line(void)
{
    if (!queue.count && queue.lost && queue.takes)
        add_lost();
    return queue.count > 0;
}

/* ---- the thread ---------------------------------------------------------------------------- */

static void *write_lines(void *unused)
{
    struct line line;
    pthread_mutex_lock(&queue.lock);
    for (;;) {
        while (!has_line() && !queue.ending)
            pthread_cond_wait(&queue.came, &queue.lock);
        if (!queue.count)
            break;
        take_line(&line);
        queue.writing = true;
        pthread_mutex_unlock(&queue.lock);
        bool went = write_line(&line);
        pthread_mutex_lock(&queue.lock);
        queue.writing = false;
        queue.takes = went;
        if (!went)
            queue.lost += line.lost ? line.lost : 1;
    }
    pthread_cond_signal(&queue.drained);
    pthread_mutex_unlock(&queue.lock);
    return NULL;
}

int log_start(struct err *e)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&queue.came, NULL);
    pthread_cond_init(&queue.drained, &monotonic);
    pthread_condattr_destroy(&monotonic);
    queue.ending = false;
    queue.writer = WRITER_RUNS;
    int rc = thread_start(&queue.thread, "log", write_lines, NULL);
    if (!rc)
        return 0;
    queue.writer = WRITER_NONE;
    return thread_error(e, rc, "starting the log's thread");
}

/* Asks the thread to end when the queue is empty. Returns whether it did in time. */
static bool drain(uint32_t within_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += within_ms / 1000;
    until.tv_nsec += (long)(within_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&queue.lock);
    queue.ending = true;
    pthread_cond_signal(&queue.came);
    int rc = 0;
    while ((queue.count || queue.writing) && rc == 0)
        rc = pthread_cond_timedwait(&queue.drained, &queue.lock, &until);
    bool drained = !queue.count && !queue.writing;
    queue.writer = drained ? WRITER_NONE : WRITER_STUCK;
    pthread_mutex_unlock(&queue.lock);
    return drained;
}

void log_end(uint32_t within_ms)
{
    if (queue.writer != WRITER_RUNS)
        return;
    if (drain(within_ms))
        pthread_join(queue.thread, NULL);
    else
        pthread_detach(queue.thread);
}

void log_line(enum log_level level, const char *format, ...)
{
    if ((int)level > atomic_load_explicit(&max_level, memory_order_relaxed))
        return;
    struct line line;
    va_list args;
    va_start(args, format);
    format_line(&line, level, format, args);
    va_end(args);
    pthread_mutex_lock(&queue.lock);
    enum writer writer = queue.writer;
    if (writer == WRITER_RUNS)
        queue_line(&line);
    pthread_mutex_unlock(&queue.lock);
    if (writer == WRITER_NONE)
        write_line(&line);
}
