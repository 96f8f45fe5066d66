/* SPDX-License-Identifier: MIT */
/* The writer's thread, and what waits for it. Where things are written is files.c's. */
#include "scribe/scribe.h"

#include "base/bytes.h"
#include "base/log.h"
#include "base/thread.h"
#include "scribe/files.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BUFFER_BYTES (256u << 10)
#define GAP_BYTES    32u /* kept free, to say what was lost */
#define AGAIN_S      1 /* until what could not be written is tried again; and the end's patience */

struct buffer {
    uint8_t *bytes; /* owned; [BUFFER_BYTES], whole records */
    size_t used;
};

struct scribe {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* mutex */
    struct buffer pending;
    struct ledger_gap lost; /* since the last GAP */
    bool stopping;
    /* the writer's */
    struct buffer writing;
    size_t written; /* of it, */
    size_t whole;   /* and behind the last record that is written whole */
    struct ledger_files files;
    bool failing; /* and the log has had it */
};

/* ---- whoever puts -------------------------------------------------------------------------- */

bool scribe_put(struct scribe *s, const struct ledger_record *r)
{
    uint8_t bytes[LEDGER_RECORD_MAX];
    size_t size = ledger_encode(r, bytes);
    pthread_mutex_lock(&s->mutex);
    bool room = size <= BUFFER_BYTES - GAP_BYTES - s->pending.used;
    if (room) {
        memcpy(s->pending.bytes + s->pending.used, bytes, size);
        s->pending.used += size;
        pthread_cond_signal(&s->changed);
    }
    pthread_mutex_unlock(&s->mutex);
    return room;
}

void scribe_lost(struct scribe *s, uint64_t batches)
{
    pthread_mutex_lock(&s->mutex);
    s->lost.sessions++;
    s->lost.batches += batches;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->mutex);
}

/* ---- the writer ---------------------------------------------------------------------------- */

static size_t record_bytes(const struct scribe *s, size_t at)
{
    return get_le16(s->writing.bytes + at + 4);
}

/* As many records as the file has room for, one at least. Returns where they end. */
static size_t choose_end(const struct scribe *s)
{
    const struct ledger_files *f = &s->files;
    size_t end = s->whole + record_bytes(s, s->whole);
    while (end < s->writing.used &&
           f->size + (end - s->written) + record_bytes(s, end) <= files_room(f))
        end += record_bytes(s, end);
    return end;
}

static void note_whole(struct scribe *s)
{
    while (s->whole < s->written && s->whole + record_bytes(s, s->whole) <= s->written) {
        size_t size = record_bytes(s, s->whole);
        files_note(&s->files, s->writing.bytes + s->whole, size);
        s->whole += size;
    }
}

/* Writes some of it. Returns 0, or a negative errno value. */
static int write_some(struct scribe *s)
{
    struct ledger_files *f = &s->files;
    bool fits = f->size + record_bytes(s, s->whole) <= files_room(f);
    if (s->written == s->whole && !fits) {
        int rc = files_turn(f);
        if (rc)
            return rc;
    }
    ssize_t n = files_append(f, s->writing.bytes + s->written, choose_end(s) - s->written);
    if (n < 0)
        return (int)n;
    s->written += (size_t)n;
    note_whole(s);
    return 0;
}

/* Once for each time that it begins, and that it ends. */
static void tell(struct scribe *s, int rc)
{
    char reason[ERR_REASON_SIZE];
    if (rc && !s->failing)
        log_warning("ledger %s: %s: records wait, and are lost if it lasts", s->files.path,
                    err_reason(rc, reason));
    else if (!rc && s->failing)
        log_info("ledger %s: is written again", s->files.path);
    s->failing = rc != 0;
}

/* Returns false where it is to end instead. */
static bool wait_a_while(struct scribe *s)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += AGAIN_S;
    pthread_mutex_lock(&s->mutex);
    while (!s->stopping && pthread_cond_timedwait(&s->changed, &s->mutex, &until) != ETIMEDOUT)
        ;
    bool goes_on = !s->stopping;
    pthread_mutex_unlock(&s->mutex);
    return goes_on;
}

/* Returns whether it did. */
static bool write_all(struct scribe *s)
{
    s->written = s->whole = 0;
    while (s->written < s->writing.used) {
        int rc = write_some(s);
        tell(s, rc);
        if (rc && !wait_a_while(s)) {
            log_warning("ledger %s: the daemon ends, and %zu bytes are lost", s->files.path,
                        s->writing.used - s->whole);
            return false;
        }
    }
    return true;
}

static void add(struct scribe *s, const struct ledger_record *r)
{
    uint8_t bytes[LEDGER_RECORD_MAX];
    size_t size = ledger_encode(r, bytes);
    assert(size <= BUFFER_BYTES - s->writing.used);
    memcpy(s->writing.bytes + s->writing.used, bytes, size);
    s->writing.used += size;
}

static void add_gap(struct scribe *s, const struct ledger_gap *lost)
{
    struct ledger_record r = {.type = LEDGER_GAP, .gap = *lost};
    r.gap.time_ms = scribe_now_ms();
    add(s, &r);
    log_warning("ledger %s: %llu batches of %u sessions were lost: there was no room",
                s->files.path, (unsigned long long)lost->batches, lost->sessions);
}

/* Waits for something to write and takes it. Returns false where there is nothing any more. */
static bool take(struct scribe *s)
{
    pthread_mutex_lock(&s->mutex);
    while (!s->pending.used && !s->lost.sessions && !s->stopping)
        pthread_cond_wait(&s->changed, &s->mutex);
    struct buffer empty = {.bytes = s->writing.bytes};
    struct ledger_gap lost = s->lost;
    s->writing = s->pending;
    s->pending = empty;
    s->lost = (struct ledger_gap){0};
    pthread_mutex_unlock(&s->mutex);
    if (lost.sessions)
        add_gap(s, &lost);
    return s->writing.used > 0;
}

static void *write_ledger(void *data)
{
    struct scribe *s = data;
    bool wrote = true;
    while (take(s))
        wrote = write_all(s);
    if (!wrote)
        return NULL;
    struct ledger_record r = {.type = LEDGER_STOP,
                              .stop = {.boot = s->files.start.boot, .time_ms = scribe_now_ms()}};
    add(s, &r);
    write_all(s);
    return NULL;
}

/* ---- start and end ------------------------------------------------------------------------- */

static void scribe_free(struct scribe *s)
{
    free(s->pending.bytes);
    free(s->writing.bytes);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->mutex);
    free(s);
}

int scribe_start(struct scribe **out, const struct scribe_options *o, struct err *e)
{
    assert(o->files >= 2 && o->files <= SCRIBE_FILES_MAX && o->max_bytes >= SCRIBE_BYTES_MIN);
    struct scribe *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(e, -ENOMEM, "out of memory");
    pthread_mutex_init(&s->mutex, NULL);
    pthread_cond_init(&s->changed, NULL);
    s->pending.bytes = malloc(BUFFER_BYTES);
    s->writing.bytes = malloc(BUFFER_BYTES);
    int rc = s->pending.bytes && s->writing.bytes ? files_open(&s->files, o, e)
                                                  : err_set(e, -ENOMEM, "out of memory");
    if (rc)
        goto free_scribe;
    rc = thread_start(&s->thread, "scribe", write_ledger, s);
    if (rc) {
        thread_error(e, rc, "ledger %s: starting its thread", o->path);
        goto close_files;
    }
    *out = s;
    return 0;

close_files:
    files_close(&s->files);
free_scribe:
    scribe_free(s);
    return rc;
}

void scribe_stop(struct scribe *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->mutex);
    s->stopping = true;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->mutex);
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += AGAIN_S;
    if (pthread_timedjoin_np(s->thread, NULL, &until)) {
        log_warning("ledger %s: the disk does not answer, what was not written is lost",
                    s->files.path);
        pthread_detach(s->thread); /* it ends with the process, and keeps what it has */
        return;
    }
    files_close(&s->files);
    scribe_free(s);
}
