/* SPDX-License-Identifier: MIT */
/* A ledger's files. Does not wait and does not try again: that is scribe.c's. */
#include "scribe/files.h"

#include "base/io.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct going_on {
    struct going_on *next;
    uint32_t session;
    size_t size;
    uint8_t open[]; /* its OPEN, as one that goes on */
};

uint64_t scribe_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* "<path>.<number>", or "<path>" for 0. malloc'd; NULL when out of memory. */
static char *name_of(const struct ledger_files *f, uint32_t number)
{
    char *name;
    int n = number ? asprintf(&name, "%s.%u", f->path, number) : asprintf(&name, "%s", f->path);
    return n < 0 ? NULL : name;
}

static void new_boot(struct ledger_files *f)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    f->start.boot = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    f->start.time_ms = scribe_now_ms();
    f->start.goes_on = false;
}

static int append_start(struct ledger_files *f)
{
    struct ledger_record r = {.type = LEDGER_START, .start = f->start};
    uint8_t bytes[LEDGER_RECORD_MAX];
    size_t size = ledger_encode(&r, bytes);
    int rc = write_full(f->fd, bytes, size);
    f->size += rc ? 0 : size;
    return rc;
}

/* ---- opening ------------------------------------------------------------------------------- */

/* Nobody else writes it, and nobody else reads it. */
static int claim(int fd, struct err *e)
{
    struct stat st;
    if (fstat(fd, &st))
        return err_sys(e, -errno, "looking at it");
    if (!S_ISREG(st.st_mode))
        return err_set(e, -EEXIST, "that is no regular file");
    if (st.st_uid != geteuid())
        return err_set(e, -EEXIST, "it belongs to uid %u, and this is uid %u", (unsigned)st.st_uid,
                       (unsigned)geteuid());
    if (flock(fd, LOCK_EX | LOCK_NB))
        return errno == EWOULDBLOCK ? err_set(e, -EBUSY, "another daemon writes it")
                                    : err_sys(e, -errno, "locking it");
    return fchmod(fd, 0600) ? err_sys(e, -errno, "making it mode 0600") : 0;
}

/* Where the last whole record of the file ends, and what its last START says. */
static int find_end(struct ledger_files *f, const uint8_t *bytes, size_t size, struct err *e)
{
    struct ledger_reader r = {.bytes = bytes, .size = size};
    struct ledger_record record;
    if (!ledger_decode(&record, bytes, size) || record.type != LEDGER_START)
        return err_set(e, -EEXIST, "that is no delivery ledger, and is not written to");
    while (ledger_next(&r, &record))
        if (record.type == LEDGER_START)
            f->start = record.start;
    f->size = r.at;
    return 0;
}

/* Drops the torn end that a crash may have left. */
static int go_on(struct ledger_files *f, size_t size, struct err *e)
{
    void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, f->fd, 0);
    if (bytes == MAP_FAILED)
        return err_sys(e, -errno, "reading it");
    int rc = find_end(f, bytes, size, e);
    munmap(bytes, size);
    if (rc || f->size == size)
        return rc;
    log_warning("ledger %s: %zu bytes behind its last whole record are dropped", f->path,
                size - (size_t)f->size);
    return ftruncate(f->fd, (off_t)f->size) ? err_sys(e, -errno, "cutting it") : 0;
}

static int open_file(struct ledger_files *f, struct err *e)
{
    f->fd = open(f->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (f->fd < 0)
        return err_sys(e, -errno, "opening it");
    int rc = claim(f->fd, e);
    if (rc)
        return rc;
    off_t size = lseek(f->fd, 0, SEEK_END);
    rc = size > 0 ? go_on(f, (size_t)size, e) : 0;
    if (rc)
        return rc;
    new_boot(f);
    rc = append_start(f);
    return rc ? err_sys(e, rc, "writing to it") : 0;
}

int files_open(struct ledger_files *f, const struct scribe_options *o, struct err *e)
{
    *f = (struct ledger_files){.path = strdup(o->path),
                               .file_bytes = o->max_bytes / o->files,
                               .files = o->files,
                               .fd = -1};
    if (!f->path)
        return err_set(e, -ENOMEM, "out of memory");
    int rc = open_file(f, e);
    if (rc)
        files_close(f);
    return rc ? err_prefix(e, rc, "ledger %s", o->path) : 0;
}

void files_close(struct ledger_files *f)
{
    fd_close(&f->fd);
    while (f->sessions) {
        struct going_on *g = f->sessions;
        f->sessions = g->next;
        free(g);
    }
    free(f->path);
    f->path = NULL;
}

/* ---- the next file ------------------------------------------------------------------------- */

/* What readers need of those who go on. */
static int append_sessions(struct ledger_files *f)
{
    int rc = append_start(f);
    for (const struct going_on *g = f->sessions; g && !rc; g = g->next) {
        rc = write_full(f->fd, g->open, g->size);
        f->size += g->size;
    }
    return rc;
}

/* Each one's number goes up by one; the last one goes, which makes room for the next. */
static int shift(struct ledger_files *f, const char *fresh)
{
    int rc = 0;
    for (uint32_t i = f->files - 1; i > 0 && !rc; i--) {
        char *from = name_of(f, i - 1), *to = name_of(f, i);
        rc = !from || !to ? -ENOMEM : rename(from, to) && errno != ENOENT ? -errno : 0;
        free(from);
        free(to);
    }
    return rc ? rc : rename(fresh, f->path) ? -errno : 0;
}

/* Locked before it has its name, so that no other daemon takes it in between. */
static int begin(struct ledger_files *f, const char *fresh)
{
    f->fd = open(fresh, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (f->fd < 0)
        return -errno;
    f->size = 0;
    f->start.file++;
    f->start.goes_on = true;
    f->start.time_ms = scribe_now_ms();
    int rc = claim(f->fd, NULL);
    if (!rc)
        rc = append_sessions(f);
    f->begun = f->size;
    return rc ? rc : shift(f, fresh);
}

uint64_t files_room(const struct ledger_files *f)
{
    return 2 * f->begun > f->file_bytes ? 2 * f->begun : f->file_bytes;
}

int files_turn(struct ledger_files *f)
{
    char *fresh, *oldest = name_of(f, f->files - 1);
    int n = asprintf(&fresh, "%s.new", f->path);
    if (n < 0 || !oldest) {
        free(n < 0 ? NULL : fresh);
        free(oldest);
        return -ENOMEM;
    }
    struct ledger_files before = *f;
    unlink(oldest);
    int rc = begin(f, fresh);
    if (rc) {
        unlink(fresh);
        fd_close(&f->fd);
        *f = before;
    } else {
        fd_close(&before.fd);
    }
    free(oldest);
    free(fresh);
    return rc;
}

/* ---- appending ----------------------------------------------------------------------------- */

ssize_t files_append(struct ledger_files *f, const uint8_t *bytes, size_t size)
{
    ssize_t n;
    do
        n = write(f->fd, bytes, size);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    f->size += (uint64_t)n;
    return n;
}

static void forget(struct ledger_files *f, uint32_t session)
{
    struct going_on **at = &f->sessions;
    while (*at && (*at)->session != session)
        at = &(*at)->next;
    struct going_on *g = *at;
    if (!g)
        return;
    *at = g->next;
    free(g);
}

void files_note(struct ledger_files *f, const uint8_t *record, size_t size)
{
    struct ledger_record r;
    size_t read = ledger_decode(&r, record, size);
    assert(read == size);
    if (r.type == LEDGER_END)
        forget(f, r.end.session);
    if (r.type != LEDGER_OPEN)
        return;
    struct going_on *g = malloc(sizeof *g + size);
    if (!g)
        return; /* in the next file, if there is one before its end, it is without its beginning */
    uint8_t bytes[LEDGER_RECORD_MAX];
    r.open.goes_on = true;
    g->session = r.open.session;
    g->size = ledger_encode(&r, bytes);
    assert(g->size == size);
    memcpy(g->open, bytes, size);
    g->next = f->sessions;
    f->sessions = g;
}
