/* SPDX-License-Identifier: MIT */
/* Reading ledgers. What their sessions are to each other is lineage.c's. */
#include "ctl/book.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define OLDER_MAX 64 /* files beside PATH: as ledger.files allows */

/* One file, while the book is read. */
struct book_file {
    uint8_t *bytes; /* owned */
    size_t size;
    dev_t device;
    ino_t number;
    struct ledger_start start;
};

/* Sessions by boot and number: open addressing, at most half full. */
struct book_index {
    size_t size; /* a power of two */
    struct book_session *at[];
};

/* ---- sessions ------------------------------------------------------------------------------ */

static size_t place_of(const struct book_index *index, uint64_t boot, uint32_t session)
{
    uint64_t h = (boot ^ session) * UINT64_C(0x9e3779b97f4a7c15);
    size_t at = (size_t)(h >> 32) & (index->size - 1);
    while (index->at[at] && (index->at[at]->boot != boot || index->at[at]->open.session != session))
        at = (at + 1) & (index->size - 1);
    return at;
}

static struct book_session *find(const struct book *b, uint64_t boot, uint32_t session)
{
    return b->index ? b->index->at[place_of(b->index, boot, session)] : NULL;
}

static int grow(struct book *b)
{
    size_t size = b->index ? 2 * b->index->size : 64;
    struct book_index *index = calloc(1, sizeof *index + size * sizeof *index->at);
    if (!index)
        return -ENOMEM;
    struct book_session **sessions = realloc(b->sessions, size / 2 * sizeof *sessions);
    if (!sessions) {
        free(index);
        return -ENOMEM;
    }
    b->sessions = sessions;
    index->size = size;
    for (size_t i = 0; i < b->count; i++) {
        struct book_session *s = b->sessions[i];
        index->at[place_of(index, s->boot, s->open.session)] = s;
    }
    free(b->index);
    b->index = index;
    return 0;
}

static int add_session(struct book *b, uint64_t boot, const struct ledger_open *open)
{
    if (find(b, boot, open->session))
        return 0; /* in the file before, too */
    if ((!b->index || b->count == b->index->size / 2) && grow(b))
        return -ENOMEM;
    struct book_session *s = calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    s->boot = boot;
    s->open = *open;
    s->opened_at = s->last_at = b->records;
    b->index->at[place_of(b->index, boot, open->session)] = s;
    b->sessions[b->count++] = s;
    return 0;
}

static int add_run(struct book *b, uint64_t boot, const struct ledger_run *run)
{
    struct book_session *s = find(b, boot, run->session);
    if (!s) {
        b->orphans += run->count;
        return 0;
    }
    s->last_at = b->records;
    struct book_run *last = s->run_count ? &s->runs[s->run_count - 1] : NULL;
    if (last && last->end == run->first) {
        last->end += run->count;
        last->sum += run->sum;
        return 0;
    }
    if (s->run_count == s->room) {
        size_t room = s->room ? 2 * s->room : 4;
        struct book_run *runs = realloc(s->runs, room * sizeof *runs);
        if (!runs)
            return -ENOMEM;
        s->runs = runs;
        s->room = room;
    }
    s->runs[s->run_count++] = (struct book_run){run->first, run->first + run->count, run->sum};
    return 0;
}

static void add_end(struct book *b, uint64_t boot, const struct ledger_end *end)
{
    struct book_session *s = find(b, boot, end->session);
    if (!s)
        return;
    s->ended = true;
    s->told = end->told;
    s->handed = end->handed;
}

uint64_t book_session_end(const struct book_session *s)
{
    uint64_t end = s->ended ? s->told : s->open.first;
    for (size_t i = 0; !s->ended && i < s->run_count; i++)
        end = s->runs[i].end > end ? s->runs[i].end : end;
    return end;
}

/* ---- files --------------------------------------------------------------------------------- */

/* *boot: of the daemon whose records come; 0: it has ended in order, or there was none. */
static int add_start(struct book *b, uint64_t *boot, const struct ledger_start *start)
{
    bool died = *boot && *boot != start->boot;
    *boot = start->boot;
    if (!died)
        return 0;
    uint64_t *deaths = realloc(b->deaths, (b->death_count + 1) * sizeof *deaths);
    if (!deaths)
        return -ENOMEM;
    b->deaths = deaths;
    b->deaths[b->death_count++] = b->records;
    return 0;
}

bool book_died_between(const struct book *b, uint64_t from, uint64_t to)
{
    for (size_t i = 0; i < b->death_count; i++)
        if (b->deaths[i] >= from && b->deaths[i] <= to)
            return true;
    return false;
}

static int add_record(struct book *b, uint64_t *boot, const struct ledger_record *r)
{
    b->records++;
    switch (r->type) {
    case LEDGER_START:
        return add_start(b, boot, &r->start);
    case LEDGER_STOP:
        *boot = 0;
        return 0;
    case LEDGER_OPEN:
        return add_session(b, *boot, &r->open);
    case LEDGER_RUN:
        return add_run(b, *boot, &r->run);
    case LEDGER_END:
        add_end(b, *boot, &r->end);
        return 0;
    case LEDGER_GAP:
        b->lost.sessions += r->gap.sessions;
        if (__builtin_add_overflow(b->lost.batches, r->gap.batches, &b->lost.batches))
            b->lost.batches = UINT64_MAX;
        b->lost.time_ms = r->gap.time_ms;
        return 0;
    }
    return 0;
}

static int read_records(struct book *b, const struct book_file *f, uint64_t *boot)
{
    struct ledger_reader r = {.bytes = f->bytes, .size = f->size};
    struct ledger_record record;
    int rc = 0;
    while (!rc && ledger_next(&r, &record))
        rc = add_record(b, boot, &record);
    b->damaged_bytes += r.skipped;
    b->torn_bytes += r.size - r.at;
    return rc;
}

static bool is_known(const struct book *b, const struct stat *st)
{
    for (size_t i = 0; i < b->file_count; i++)
        if (b->files[i].device == st->st_dev && b->files[i].number == st->st_ino)
            return true;
    return false;
}

/* What it begins with, for whoever named a wrong file. */
static int no_ledger(const uint8_t *bytes, size_t size, struct err *e)
{
    char first[3 * 8 + 1] = "";
    for (size_t i = 0; i < size && i < 8; i++)
        snprintf(first + 3 * i, 4, " %02x", bytes[i]);
    if (!size)
        return err_set(e, -EINVAL, "that is no delivery ledger: it is empty");
    return err_set(e, -EINVAL,
                   "that is no delivery ledger: it begins with%s, not with a whole START record",
                   first);
}

static int read_file(struct book *b, int fd, const struct stat *st, struct err *e)
{
    struct book_file f = {.size = (size_t)st->st_size, .device = st->st_dev, .number = st->st_ino};
    struct book_file *files = realloc(b->files, (b->file_count + 1) * sizeof *files);
    if (!files)
        return err_set(e, -ENOMEM, "out of memory");
    b->files = files;
    f.bytes = malloc(f.size ? f.size : 1);
    if (!f.bytes)
        return err_set(e, -ENOMEM, "out of memory");
    ssize_t n = read_full(fd, f.bytes, f.size);
    struct ledger_record r = {.type = LEDGER_GAP};
    if (n < 0 || !ledger_decode(&r, f.bytes, (size_t)n) || r.type != LEDGER_START) {
        int rc = n < 0 ? err_sys(e, (int)n, "reading it") : no_ledger(f.bytes, (size_t)n, e);
        free(f.bytes);
        return rc;
    }
    f.size = (size_t)n;
    f.start = r.start;
    b->files[b->file_count++] = f;
    return 0;
}

/* Returns 1 where there is no such file. */
static int open_file(struct book *b, const char *path, struct err *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? 1 : err_sys(e, -errno, "%s", path);
    int rc = fstat(fd, &st) ? err_sys(e, -errno, "looking at it") : 0;
    if (!rc && !S_ISREG(st.st_mode))
        rc = err_set(e, -EINVAL, "that is %s; want a delivery ledger",
                     S_ISDIR(st.st_mode) ? "a folder" : "no regular file");
    if (!rc && !is_known(b, &st))
        rc = read_file(b, fd, &st, e);
    fd_close(&fd);
    return rc ? err_prefix(e, rc, "%s", path) : 0;
}

static int open_files(struct book *b, const char *path, struct err *e)
{
    int rc = open_file(b, path, e);
    if (rc == 1)
        return err_set(e, -ENOENT, "%s: there is no such file", *path ? path : "\"\"");
    for (int i = 1; rc == 0 && i < OLDER_MAX; i++) {
        char *older;
        if (asprintf(&older, "%s.%d", path, i) < 0)
            return err_set(e, -ENOMEM, "out of memory");
        rc = open_file(b, older, e);
        free(older);
    }
    return rc == 1 ? 0 : rc;
}

/* As they were written. */
static int by_time(const void *a, const void *b)
{
    const struct ledger_start *x = &((const struct book_file *)a)->start;
    const struct ledger_start *y = &((const struct book_file *)b)->start;
    if (x->time_ms != y->time_ms)
        return x->time_ms < y->time_ms ? -1 : 1;
    return x->file < y->file ? -1 : x->file > y->file;
}

int book_read(struct book *b, const char *const *paths, size_t count, struct err *e)
{
    *b = (struct book){0};
    uint64_t boot = 0;
    int rc = 0;
    for (size_t i = 0; !rc && i < count; i++)
        rc = open_files(b, paths[i], e);
    if (!rc && b->file_count)
        qsort(b->files, b->file_count, sizeof *b->files, by_time);
    for (size_t i = 0; !rc && i < b->file_count; i++) {
        rc = read_records(b, &b->files[i], &boot);
        if (rc)
            err_set(e, rc, "out of memory");
    }
    for (size_t i = 0; i < b->file_count; i++)
        free(b->files[i].bytes);
    free(b->files);
    free(b->index);
    b->files = NULL;
    b->index = NULL;
    b->file_count = 0;
    if (rc)
        book_free(b);
    return rc;
}

void book_free(struct book *b)
{
    for (size_t i = 0; i < b->count; i++) {
        free(b->sessions[i]->runs);
        free(b->sessions[i]);
    }
    free(b->sessions);
    free(b->deaths);
    *b = (struct book){0};
}
