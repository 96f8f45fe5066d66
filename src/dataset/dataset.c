/* Opening: for each split, find its files, take the cache file that fits, or build one.
 *
 *     files ──► cache file fits? ──yes──────────────────────────► mapping
 *                  │ no                                             ▲
 *                  ▼                                                │
 *               lock, look again, build STEM.tmp, sync, rename ─────┤
 *                  │ the folder cannot be used                      │
 *                  ▼                                                │
 *               build in a memfd, seal it ──────────────────────────┘
 */
#include "dataset/dataset.h"

#include "base/clock.h"
#include "base/io.h"
#include "dataset/build.h"
#include "dataset/cache.h"
#include "dataset/find.h"
#include "dataset/known.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

const char *const dataset_split_names[DATASET_SPLITS] = {"train", "test"};

struct opening {
    const struct dataset_source *source;
    const struct dataset_options *options;
    const struct known_dataset *known; /* NULL: not known by name */
    struct cache cache;                /* dir -1: not used */
};

/* One split on its way. */
struct job {
    const struct opening *o;
    int split;
    struct source_file files[SOURCE_FILES];
    struct cache_origin origin;
    struct dataset_split *out;
};

static void __attribute__((format(printf, 2, 3)))
note(const struct opening *o, const char *format, ...)
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
    note(j->o, "dataset \"%s\" %s: %s%s%s", j->o->source->name, dataset_split_names[j->split], what,
         why ? ": " : "", why ? why : "");
}

static void note_built(const struct job *j, const char *where, uint64_t started_ns)
{
    const struct dataset_split *s = j->out;
    note(j->o,
         "dataset \"%s\" %s: %" PRIu64 " images of %" PRIu32 "x%" PRIu32 "x%" PRIu32
         " built in %s in %.0f ms",
         j->o->source->name, dataset_split_names[j->split], s->count, s->height, s->width,
         s->channels, where, (double)(clock_ns() - started_ns) / 1e6);
}

/* ---- building ------------------------------------------------------------------------------ */

static int build(const struct job *j, int target, bool on_disk, struct err *e)
{
    const struct dataset_options *options = j->o->options;
    struct build b = {
        .files = j->files,
        .rules = find_rules(j->o->source, j->o->known),
        .use_uring = options->use_uring,
        .on_disk = on_disk,
        .target = target,
        .note = options->note,
        .note_data = options->note_data,
    };
    return build_split(&b, j->out, e);
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
        rc = cache_map(fd, j->out, e);
    fd_close(&fd);
    if (rc == 0)
        note_built(j, "memory", started);
    return rc;
}

/* The folder is of no use; the reason goes into a note. */
enum { NO_CACHE = 1 };

static int build_in_cache(const struct job *j, const char *stem, struct err *e)
{
    uint64_t started = clock_ns();
    int fd;
    if (cache_create(&j->o->cache, stem, &fd, e) < 0)
        return NO_CACHE;
    int rc = build(j, fd, true, e);
    if (rc == 0 && cache_commit(&j->o->cache, stem, fd, e) < 0)
        rc = NO_CACHE;
    if (rc == BUILD_NO_TARGET)
        rc = NO_CACHE;
    if (rc)
        cache_discard(&j->o->cache, stem);
    if (rc == 0)
        rc = cache_map(fd, j->out, e);
    fd_close(&fd);
    if (rc == 0)
        note_built(j, "the cache", started);
    return rc;
}

/* Returns 0, NO_CACHE with text, or a negative code where the files are at fault. */
static int open_cached(const struct job *j, struct err *e)
{
    char stem[CACHE_STEM_SIZE];
    cache_stem(stem, j->o->source->name, dataset_split_names[j->split]);
    struct err why;
    if (cache_find(&j->o->cache, stem, &j->origin, j->out, &why) == 0)
        return 0;
    int lock;
    int rc = cache_lock(&j->o->cache, stem, false, &lock, e);
    if (rc == CACHE_BUSY) {
        note_split(j, "waiting for the process that builds its cache file", NULL);
        rc = cache_lock(&j->o->cache, stem, true, &lock, e);
    }
    if (rc < 0)
        return NO_CACHE;
    /* Whoever held the lock may have built what we want. */
    rc = cache_find(&j->o->cache, stem, &j->origin, j->out, &why);
    if (rc == CACHE_UNFIT)
        note_split(j, "rebuilding the cache file", why.text);
    if (rc)
        rc = build_in_cache(j, stem, e);
    fd_close(&lock);
    return rc;
}

/* ---- splits -------------------------------------------------------------------------------- */

static int check_labels(const struct dataset_split *s, const struct dataset *d, const char *path,
                        struct err *e)
{
    if (d->class_count == 0 || (s->label_min >= 0 && (uint32_t)s->label_max < d->class_count))
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
    j->origin.transposed = find_rules(o->source, o->known).transpose;
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

/* Returns 0, also where the source has no such split. */
static int open_split(const struct opening *o, int split, struct dataset *d, struct err *e)
{
    struct job j = {.o = o, .split = split, .out = &d->splits[split]};
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
        if (!j.out->map)
            memset(j.out, 0, sizeof *j.out);
        return err_prefix(e, rc, "%s", dataset_split_names[split]);
    }
    return 0;
}

/* ---- what was published -------------------------------------------------------------------- */

/* Whether the split is the published one of its name. Returns 1, or 0 with *text saying what it is
 * instead, or a negative code where it is that of another name. */
static int check_split_content(const struct opening *o, int split, const struct dataset_split *s,
                               const char **text, struct err *e)
{
    int which;
    const struct known_dataset *found = known_by_digest(s->digest, &which);
    if (found && found != o->known)
        return err_set(e, -EINVAL,
                       "%s: %s holds the published %s split of \"%s\", not of \"%s\": name it "
                       "\"%s\", or set the path to the folder of \"%s\"",
                       dataset_split_names[split], o->source->path, dataset_split_names[which],
                       found->name, o->known->name, found->name, o->known->name);
    *text = found ? "the other split of the published data" : "not the published data";
    return (found && which == split) || !o->known->digests;
}

/* The files of MNIST and of what replaces it have the same names, so a name over the wrong folder
 * opens, and the digits are "Trouser". */
static int check_content(const struct opening *o, const struct dataset *d, struct err *e)
{
    char says[256] = "";
    size_t used = 0;
    for (int i = 0; o->known && i < DATASET_SPLITS; i++) {
        const char *text = NULL;
        int rc = d->splits[i].count ? check_split_content(o, i, &d->splits[i], &text, e) : 1;
        if (rc < 0)
            return rc;
        if (rc == 0)
            used += (size_t)snprintf(says + used, sizeof says - used, "%s%s is %s",
                                     used ? ", " : "", dataset_split_names[i], text);
    }
    if (used && o->options->warn) {
        char text[ERR_TEXT_SIZE];
        snprintf(text, sizeof text,
                 "dataset \"%s\": %s; served as it is (data of your own is better named otherwise)",
                 o->source->name, says);
        o->options->warn(o->options->note_data, text);
    }
    return 0;
}

/* ---- the dataset --------------------------------------------------------------------------- */

static int copy_classes(struct dataset *d, const char *const *classes, uint32_t count,
                        struct err *e)
{
    d->classes = calloc(count ? count : 1, sizeof *d->classes);
    if (!d->classes)
        return err_set(e, -ENOMEM, "no memory for class names");
    for (; d->class_count < count; d->class_count++) {
        d->classes[d->class_count] = strdup(classes[d->class_count]);
        if (!d->classes[d->class_count])
            return err_set(e, -ENOMEM, "no memory for class names");
    }
    return 0;
}

static int open_all(struct opening *o, struct dataset *d, struct err *e)
{
    const struct dataset_source *source = o->source;
    if (strlen(source->name) >= sizeof d->name || !*source->name)
        return err_set(e, -EINVAL, "the name has %zu bytes, want 1 to %zu", strlen(source->name),
                       sizeof d->name - 1);
    strcpy(d->name, source->name);
    o->known = known_find(source->name);
    int rc = source->classes ? copy_classes(d, source->classes, source->class_count, e)
             : o->known      ? copy_classes(d, o->known->classes, o->known->class_count, e)
                             : 0;
    if (rc < 0)
        return rc;
    if (o->options->cache && cache_open(&o->cache, o->options->cache, e) < 0)
        note(o, "dataset \"%s\": no cache, held in memory: %s", source->name, e->text);
    bool any = false;
    for (int i = 0; i < DATASET_SPLITS; i++) {
        rc = open_split(o, i, d, e);
        if (rc < 0)
            return rc;
        any |= d->splits[i].count > 0;
    }
    if (any)
        return check_content(o, d, e);
    return find_tell_nothing(source, o->known, e);
}

int dataset_open(const struct dataset_source *source, const struct dataset_options *options,
                 struct dataset **out, struct err *e)
{
    struct err unheard;
    if (!e)
        e = &unheard; /* notes are made of it */
    *out = NULL;
    struct opening o = {.source = source, .options = options, .cache = {.dir = -1}};
    struct dataset *d = calloc(1, sizeof *d);
    if (!d)
        return err_set(e, -ENOMEM, "no memory for a dataset");
    int rc = open_all(&o, d, e);
    cache_close(&o.cache);
    if (rc < 0) {
        dataset_close(d);
        return err_prefix(e, rc, "opening dataset \"%s\"", source->name);
    }
    atomic_init(&d->users, 1);
    *out = d;
    return 0;
}

struct dataset *dataset_get(struct dataset *d)
{
    atomic_fetch_add(&d->users, 1);
    return d;
}

bool dataset_put(struct dataset *d)
{
    return atomic_fetch_sub(&d->users, 1) == 1;
}

void dataset_close(struct dataset *d)
{
    if (!d)
        return;
    for (int i = 0; i < DATASET_SPLITS; i++)
        if (d->splits[i].map)
            munmap(d->splits[i].map, d->splits[i].map_bytes);
    for (uint32_t i = 0; i < d->class_count; i++)
        free(d->classes[i]);
    free(d->classes);
    free(d);
}
