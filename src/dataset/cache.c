/* SPDX-License-Identifier: MIT */
/* Names, locks and life of cache files. Does not build them. */
#include "dataset/cache.h"

#include "base/io.h"
#include "dataset/mapping.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const file_names[SOURCE_FILES] = {"images", "labels"};

static int make_folders(const char *folder, struct err *e)
{
    char *path = strdup(folder);
    if (!path)
        return err_set(e, -ENOMEM, "no memory for a path");
    for (char *p = path + 1;; p++) {
        if (*p != '/' && *p != 0)
            continue;
        char saved = *p;
        *p = 0;
        int failed = mkdir(path, 0700) < 0 && errno != EEXIST ? errno : 0;
        *p = saved;
        /* A parent that we may not make can still be there: only the last word counts. */
        if (failed && !saved) {
            free(path);
            return err_sys(e, -failed, "making the folder %s", folder);
        }
        if (!saved)
            break;
    }
    free(path);
    return 0;
}

/* May others put a file of theirs here, or truncate one of ours? */
static bool is_ours(const struct stat *st)
{
    return (st->st_uid == geteuid() || st->st_uid == 0) && !(st->st_mode & S_IWOTH);
}

int cache_open(struct cache *c, const char *folder, struct err *e)
{
    const int flags = O_DIRECTORY | O_RDONLY | O_CLOEXEC;
    c->dir = open(folder, flags);
    if (c->dir < 0 && errno == ENOENT) {
        int rc = *folder ? make_folders(folder, e) : err_set(e, -ENOENT, "the folder has no name");
        if (rc < 0)
            return rc;
        c->dir = open(folder, flags);
    }
    if (c->dir < 0)
        return err_sys(e, -errno, "opening the folder %s", folder);
    struct stat st;
    if (fstat(c->dir, &st) == 0 && is_ours(&st))
        return 0;
    cache_close(c);
    return err_set(e, -EPERM,
                   "the folder %s belongs to somebody else (uid %u, mode %04o), who could change "
                   "the files in it",
                   folder, (unsigned)st.st_uid, (unsigned)st.st_mode & 07777);
}

void cache_close(struct cache *c)
{
    fd_close(&c->dir);
}

void cache_stem(char stem[CACHE_STEM_SIZE], const char *name, const char *split)
{
    int n = snprintf(stem, CACHE_STEM_SIZE, "%s-%s", name, split);
    assert(n > 0 && n < CACHE_STEM_SIZE);
    for (char *p = stem; *p; p++)
        if (!isascii(*p) || (!isalnum(*p) && !strchr("._-", *p)))
            *p = '_';
}

void cache_file_name(char name[CACHE_NAME_SIZE], const char *stem, const char *ending)
{
    snprintf(name, CACHE_NAME_SIZE, "%s.%s", stem, ending);
}

/* ---- finding ------------------------------------------------------------------------------- */

static int same_origin(const struct cache_origin *found, const struct cache_origin *want,
                       struct err *why)
{
    for (int i = 0; i < SOURCE_FILES; i++) {
        const struct file_id *a = &found->files[i], *b = &want->files[i];
        if (memcmp(a->path_hash, b->path_hash, sizeof a->path_hash) != 0)
            return err_set(why, CACHE_UNFIT, "it was made from another %s file", file_names[i]);
        if (a->dev != b->dev || a->ino != b->ino || a->size != b->size ||
            a->mtime_ns != b->mtime_ns || a->ctime_ns != b->ctime_ns)
            return err_set(why, CACHE_UNFIT, "the %s file has changed since", file_names[i]);
    }
    if (found->transposed != want->transposed)
        return err_set(why, CACHE_UNFIT, "it was made %s exchanging rows and columns",
                       found->transposed ? "with" : "without");
    if (found->multi_label != want->multi_label)
        return err_set(why, CACHE_UNFIT, "it was made with labels %s",
                       found->multi_label ? "in rows" : "that are one an image");
    return 0;
}

static int check_file(int fd, const struct cache_origin *origin, struct dataset_split *s,
                      struct err *why)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !is_ours(&st) || (st.st_mode & S_IWGRP))
        return err_set(why, CACHE_UNFIT, "it is not a file of our own that only we may write");
    uint8_t page[PAGE_BYTES];
    ssize_t n = pread_full(fd, page, sizeof page, 0);
    if (n < 0)
        return err_set(why, CACHE_UNFIT, "reading it: %s", strerror((int)-n));
    if (n < PAGE_BYTES)
        return err_set(why, CACHE_UNFIT, "it has only %zd bytes", n);
    struct cache_origin found;
    if (cache_header_unpack(page, s, &found, why) < 0)
        return CACHE_UNFIT;
    uint64_t want = cache_layout(s).end;
    if ((uint64_t)st.st_size != want)
        return err_set(why, CACHE_UNFIT, "it has %" PRIu64 " bytes, want %" PRIu64,
                       (uint64_t)st.st_size, want);
    return same_origin(&found, origin, why);
}

static int digest_content(const struct dataset_split *s, struct XXH3_state_s *state,
                          struct pulse *pulse, struct err *why)
{
    const struct cache_layout l = cache_layout(s);
    const void *labels = s->label_count ? (const void *)s->label_rows : s->labels;
    const struct {
        const void *bytes;
        uint64_t size;
    } parts[] = {{s->images, s->count * l.image_bytes}, {labels, s->count * l.label_bytes}};
    for (int i = 0; i < 2; i++)
        for (uint64_t at = 0, n; at < parts[i].size; at += n) {
            const uint8_t *bytes = (const uint8_t *)parts[i].bytes + at;
            n = parts[i].size - at < CACHE_STEP_BYTES ? parts[i].size - at : CACHE_STEP_BYTES;
            int rc = pulse_beat(pulse, why);
            if (rc < 0)
                return rc;
            rc = cache_read_in(bytes, n);
            if (rc < 0)
                return err_set(why, CACHE_UNFIT, "reading it: %s", strerror(-rc));
            split_digest_add(state, bytes, n);
        }
    return 0;
}

static int check_content(const struct dataset_split *s, struct pulse *pulse, struct err *why)
{
    struct XXH3_state_s *state = split_digest_begin(s);
    if (!state)
        return err_set(why, CACHE_UNFIT, "there is no memory to check it");
    uint8_t digest[16];
    int rc = digest_content(s, state, pulse, why);
    split_digest_end(state, digest);
    if (rc == 0 && memcmp(digest, s->digest, sizeof digest) != 0)
        rc = err_set(why, CACHE_UNFIT, "its content is damaged");
    return rc;
}

/* In this order: what was verified is watched. Takes *fd. */
static int watch_and_check(struct dataset_split *s, int *fd, struct pulse *pulse, struct err *why)
{
    int leased = mapping_watch(&s->mapping, s->map, s->map_bytes, *fd, why);
    *fd = -1;
    if (leased < 0)
        return CACHE_UNFIT;
    struct err bad;
    int rc = check_content(s, pulse, &bad);
    if (rc == 0 && !mapping_is_whole(s->mapping))
        rc = err_set(&bad, CACHE_UNFIT, "it was changed while it was checked");
    if (rc == 0)
        return leased == MAPPING_NO_LEASE ? CACHE_NO_LEASE : 0;
    *why = bad;
    return rc;
}

int cache_find(const struct cache *c, const char *stem, const struct cache_origin *origin,
               struct dataset_split *s, struct pulse *pulse, struct err *why)
{
    char name[CACHE_NAME_SIZE], reason[ERR_REASON_SIZE];
    cache_file_name(name, stem, "cache");
    memset(s, 0, sizeof *s);
    int fd = openat(c->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return CACHE_NONE;
    if (fd < 0)
        return err_set(why, CACHE_UNFIT, "opening it: %s", err_reason(-errno, reason));
    int rc = check_file(fd, origin, s, why);
    if (rc == 0 && cache_map(fd, s, why) < 0)
        rc = CACHE_UNFIT;
    if (rc == 0)
        rc = watch_and_check(s, &fd, pulse, why);
    fd_close(&fd);
    if (rc && rc != CACHE_NO_LEASE)
        cache_unmap(s);
    return rc;
}
