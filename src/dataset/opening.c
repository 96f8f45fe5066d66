/* SPDX-License-Identifier: MIT */
/* Takes a split's bytes from where they are: the cache file, or the source. The files' formats are
 * build.c's, the cache file's life is cache.c's. */
#include "dataset/opening.h"

#include "base/clock.h"
#include "base/io.h"
#include "dataset/build.h"
#include "dataset/cache_draft.h"
#include "dataset/cache_lock.h"
#include "dataset/find.h"
#include "dataset/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* One split on its way. */
struct job {
    struct opening *o;
    const char *name; /* of the split */
    struct source_file files[SOURCE_FILES];
    struct cache_origin origin;
    struct dataset_split *out;
};

void opening_note(const struct opening *o, const char *format, ...)
{
    if (!o->options->note)
        return;
    char text[ERR_TEXT_SIZE + 128];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    o->options->note(o->options->note_data, text);
}

static void note_split(const struct job *j, const char *what, const char *why)
{
    opening_note(j->o, "dataset \"%s\" %s: %s%s%s", j->o->source->name, j->name, what,
                 why ? ": " : "", why ? why : "");
}

static void note_built(const struct job *j, const char *where, uint64_t started_ns)
{
    const struct dataset_split *s = j->out;
    opening_note(j->o,
                 "dataset \"%s\" %s: %" PRIu64 " images of %" PRIu32 "x%" PRIu32 "x%" PRIu32
                 " built in %s in %.0f ms",
                 j->o->source->name, j->name, s->count, s->height, s->width, s->channels, where,
                 (double)(clock_ns() - started_ns) / 1e6);
}

/* ---- building ------------------------------------------------------------------------------ */

static int build(const struct job *j, int target, bool on_disk, struct err *e)
{
    const struct dataset_options *options = j->o->options;
    struct build b = {
        .files = j->files,
        .rules = find_rules(j->o->source, j->o->known),
        .pulse = &j->o->pulse,
        .use_uring = options->use_uring,
        .on_disk = on_disk,
        .target = target,
        .budget = options->budget,
        .note = options->note,
        .note_data = options->note_data,
    };
    return build_split(&b, j->out, e);
}

/* Every page is in memory then, where that holds them. */
static int map_built(const struct job *j, int fd, struct err *e)
{
    struct dataset_split *s = j->out;
    int rc = cache_map(fd, s, e);
    for (uint64_t at = 0, n; rc == 0 && at < s->map_bytes; at += n) {
        n = s->map_bytes - at < CACHE_STEP_BYTES ? s->map_bytes - at : CACHE_STEP_BYTES;
        rc = pulse_beat(&j->o->pulse, e);
        if (rc == 0)
            rc = cache_read_in((uint8_t *)s->map + at, n);
    }
    return rc == -EIO ? err_set(e, rc, "what was built cannot be read") : rc;
}

static int build_in_memory(const struct job *j, struct err *e)
{
    uint64_t started = clock_ns();
    int fd = memfd_create("fmnistd-dataset", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return err_sys(e, -errno, "memfd_create");
    /* Before there is anything in it: the default mode lets every user in through /proc. */
    int rc = fchmod(fd, 0600) < 0 ? err_sys(e, -errno, "fchmod of a memfd") : 0;
    if (rc == 0)
        rc = build(j, fd, false, e);
    if (rc == BUILD_NO_TARGET)
        rc = -ENOMEM;
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
    if (rc == 0 && fcntl(fd, F_ADD_SEALS, seals) < 0)
        rc = err_sys(e, -errno, "sealing a memfd");
    if (rc == 0)
        rc = map_built(j, fd, e);
    fd_close(&fd);
    if (rc == 0)
        mapping_watch(&j->out->mapping, j->out->map, j->out->map_bytes, -1, e);
    if (rc == 0)
        note_built(j, "memory", started);
    return rc;
}

/* The folder is of no use; the reason goes into a note. */
enum { NO_CACHE = 1 };

/* Once in the process: it is the same for every file of a file system. */
static void note_no_lease(const struct job *j, const char *why)
{
    static atomic_bool noted;
    if (!atomic_exchange(&noted, true))
        note_split(j, "whoever writes into its cache file is not noticed, there is no lease", why);
}

/* Returns 0, CACHE_NONE, CACHE_UNFIT with the reason in *why, or -ECANCELED. */
static int find(const struct job *j, const char *stem, struct err *why, struct err *e)
{
    struct dataset_split *s = j->out;
    int rc = cache_find(&j->o->cache, stem, &j->origin, s, &j->o->pulse, why);
    if (rc < 0)
        return err_set(e, rc, "%s", why->text);
    if (rc == CACHE_NO_LEASE)
        note_no_lease(j, why->text);
    if (rc && rc != CACHE_NO_LEASE)
        return rc;
    if (asprintf(&s->file, "%s/%s.cache", j->o->options->cache, stem) < 0)
        s->file = NULL;
    return 0;
}

/* Builds the file and takes it as any other that is found. */
static int build_in_cache(const struct job *j, const char *stem, struct err *e)
{
    uint64_t started = clock_ns();
    struct cache_draft draft;
    if (cache_draft_open(&draft, &j->o->cache, stem, e) < 0)
        return NO_CACHE;
    int rc = build(j, draft.fd, true, e);
    if (rc == 0 && cache_draft_commit(&draft, &j->o->cache, stem, e) < 0)
        rc = NO_CACHE;
    cache_draft_close(&draft, &j->o->cache, stem); /* nobody may have it open for writing */
    if (rc)
        return rc < 0 ? rc : NO_CACHE;
    struct err why = {"it has gone"};
    rc = find(j, stem, &why, e);
    if (rc > 0)
        return err_set(e, NO_CACHE, "what was built in it: %s", why.text);
    if (rc == 0)
        note_built(j, "the cache", started);
    return rc;
}

/* Returns 0 or NO_CACHE, both with *lock to be closed, or -ECANCELED. */
static int take_lock(const struct job *j, const char *stem, int *lock, struct err *e)
{
    int rc = cache_lock_try(&j->o->cache, stem, lock, e);
    if (rc == CACHE_LOCK_BUSY) {
        note_split(j, "waiting for the process that builds its cache file", NULL);
        rc = cache_lock_wait(*lock, &j->o->pulse, e);
    }
    return rc && rc != -ECANCELED ? NO_CACHE : rc;
}

/* Whoever held the lock may have built what we want. */
static int find_or_build(const struct job *j, const char *stem, struct err *e)
{
    struct err why;
    int rc = find(j, stem, &why, e);
    if (rc == CACHE_UNFIT)
        note_split(j, "rebuilding the cache file", why.text);
    return rc > 0 ? build_in_cache(j, stem, e) : rc;
}

/* Returns 0, NO_CACHE with text, or a negative code where the files are at fault. */
static int open_cached(const struct job *j, struct err *e)
{
    char stem[CACHE_STEM_SIZE];
    cache_stem(stem, j->o->source->name, j->name);
    struct err why;
    int lock, rc = find(j, stem, &why, e);
    if (rc <= 0)
        return rc;
    rc = take_lock(j, stem, &lock, e);
    if (rc == 0) {
        pulse_hold(&j->o->pulse, lock);
        rc = find_or_build(j, stem, e);
        pulse_hold(&j->o->pulse, -1);
    }
    fd_close(&lock);
    return rc;
}

/* ---- the split ------------------------------------------------------------------------------ */

static int check_labels(const struct dataset_split *s, const struct dataset *d, const char *path,
                        struct err *e)
{
    if (d->class_count == 0)
        return 0;
    if (s->label_count && s->label_count != d->class_count)
        return err_set(e, -EINVAL,
                       "%s: rows of %" PRIu32 " labels, but %" PRIu32
                       " classes: want a name for each column, or none",
                       path, s->label_count, d->class_count);
    if (s->label_count || (s->label_min >= 0 && (uint32_t)s->label_max < d->class_count))
        return 0;
    for (uint64_t i = 0; i < s->count; i++)
        if (s->labels[i] < 0 || (uint32_t)s->labels[i] >= d->class_count)
            return err_set(e, -EINVAL,
                           "%s: label %" PRIu64 " is %" PRId32 ", want 0 to %" PRIu32
                           " for %" PRIu32 " classes",
                           path, i, s->labels[i], d->class_count - 1, d->class_count);
    return 0;
}

static int open_files(struct job *j, struct err *e)
{
    const struct opening *o = j->o;
    struct shape_rules rules = find_rules(o->source, o->known);
    j->origin.transposed = rules.transpose;
    j->origin.multi_label = rules.multi_label;
    for (int i = 0; i < SOURCE_FILES; i++)
        j->origin.files[i] = j->files[i].id;
    if (o->cache.dir >= 0) {
        int rc = open_cached(j, e);
        if (rc != NO_CACHE)
            return rc;
        note_split(j, "no cache file, held in memory", e->text);
    }
    return build_in_memory(j, e);
}

/* Neighbours of a page that a random order needs are not needed: reading them ahead would push
 * out what is. */
static void look_at_memory(const struct job *j)
{
    struct dataset_split *s = j->out;
    if (!s->map || !cache_not_resident(s))
        return;
    s->not_resident = true;
    s->use_uring = j->o->options->use_uring;
    madvise(s->map, s->map_bytes, MADV_RANDOM);
    note_split(j, "memory does not hold it, pages are read as they are needed", NULL);
}

int opening_split(struct opening *o, int split, struct dataset *d, struct err *e)
{
    struct job j = {.o = o, .name = dataset_split_name(o->source, split), .out = &d->splits[split]};
    int rc = find_files(o->source, o->known, split, j.files, e);
    if (rc == 0)
        rc = open_files(&j, e);
    if (rc == 0)
        rc = check_labels(j.out, d, j.files[SOURCE_LABELS].path, e);
    if (rc == 0)
        look_at_memory(&j);
    for (int i = 0; i < SOURCE_FILES; i++)
        source_close(&j.files[i]);
    if (rc < 0) {
        /* Whatever was described without being mapped. */
        if (!j.out->map) {
            budget_give(j.out->budget, j.out->held_bytes);
            memset(j.out, 0, sizeof *j.out);
        }
        return err_prefix(e, rc, "%s", j.name);
    }
    if (j.out->count)
        snprintf(j.out->name, sizeof j.out->name, "%s", j.name);
    return 0;
}
