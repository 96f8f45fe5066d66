/* SPDX-License-Identifier: MIT */
/* Sorted by content, twins stand beside each other. Groups of one are left out, and those that stay
 * are brought into the order of their first images. */
#include "ctl/twins.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

int twins_expect(struct twins *t, uint64_t more, struct err *e)
{
    uint64_t bytes;
    if (t->count + more <= t->room)
        return 0;
    struct twin *all =
        size_mul(t->count + more, sizeof *all, &bytes) ? realloc(t->all, bytes) : NULL;
    if (!all)
        return err_set(e, -ENOMEM, "no memory for %llu images' digests, %zu bytes each",
                       (unsigned long long)(t->count + more), sizeof *all);
    t->all = all;
    t->room = t->count + more;
    return 0;
}

void twins_add(struct twins *t, uint32_t split, uint64_t index, const uint8_t *image,
               uint32_t height, uint32_t width, uint32_t channels, const int32_t *row,
               uint32_t columns)
{
    uint64_t shape = (uint64_t)height << 32 | (uint64_t)width << 8 | channels;
    XXH128_hash_t h = XXH3_128bits_withSeed(image, (size_t)height * width * channels, shape);
    t->all[t->count++] = (struct twin){
        .content = {h.high64, h.low64},
        .label = columns ? (int64_t)XXH3_64bits(row, columns * sizeof *row) : *row,
        .index = (uint32_t)index,
        .split = split,
    };
}

static int by_place(const struct twin *a, const struct twin *b)
{
    if (a->split != b->split)
        return a->split < b->split ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

void twins_is_part(struct twins *t, uint32_t part)
{
    t->all[t->count - 1].parts = UINT64_C(1) << part;
}

/* An image itself comes before what parts have of it. */
static int by_content(const void *x, const void *y)
{
    const struct twin *a = x, *b = y;
    int order = memcmp(a->content, b->content, sizeof a->content);
    if (!order)
        order = by_place(a, b);
    return order ? order : (a->parts > b->parts) - (a->parts < b->parts);
}

/* One for each image; what parts have of it are its bits. */
static void merge(struct twins *t, void (*shared)(void *me, uint64_t parts), void *me)
{
    size_t kept = 0;
    for (size_t at = 0; at < t->count; at++) {
        if (kept && by_place(&t->all[kept - 1], &t->all[at]) == 0) {
            t->all[kept - 1].parts |= t->all[at].parts;
            continue;
        }
        t->all[kept++] = t->all[at];
    }
    t->count = kept;
    for (size_t at = 0; shared && at < t->count; at++)
        if (t->all[at].parts & (t->all[at].parts - 1))
            shared(me, t->all[at].parts);
}

static size_t group_end(const struct twins *t, size_t at)
{
    size_t end = at + 1;
    while (end < t->count &&
           !memcmp(t->all[end].content, t->all[at].content, sizeof t->all->content))
        end++;
    return end;
}

/* A group, for sorting: its members stay together. */
struct run {
    const struct twin *first;
    size_t count;
};

static int by_first(const void *x, const void *y)
{
    const struct run *a = x, *b = y;
    return by_place(a->first, b->first);
}

/* Without memory for it, groups come in the order of their contents. */
static void order_groups(struct twins *t, size_t groups)
{
    struct run *runs = calloc(groups ? groups : 1, sizeof *runs);
    struct twin *ordered = calloc(t->count ? t->count : 1, sizeof *ordered);
    size_t n = 0, out = 0;
    for (size_t at = 0; runs && ordered && at < t->count; n++) {
        runs[n] = (struct run){&t->all[at], group_end(t, at) - at};
        at += runs[n].count;
    }
    if (n)
        qsort(runs, n, sizeof *runs, by_first);
    for (size_t i = 0; i < n; out += runs[i++].count)
        memcpy(ordered + out, runs[i].first, runs[i].count * sizeof *ordered);
    if (n)
        memcpy(t->all, ordered, out * sizeof *ordered);
    free(runs);
    free(ordered);
}

void twins_sort(struct twins *t, void (*shared)(void *me, uint64_t parts), void *me)
{
    size_t kept = 0, groups = 0;
    if (t->count)
        qsort(t->all, t->count, sizeof *t->all, by_content);
    merge(t, shared, me);
    for (size_t at = 0, end; at < t->count; at = end) {
        end = group_end(t, at);
        if (end - at < 2)
            continue;
        memmove(t->all + kept, t->all + at, (end - at) * sizeof *t->all);
        kept += end - at;
        groups++;
    }
    t->count = kept;
    order_groups(t, groups);
}

void twins_close(struct twins *t)
{
    free(t->all);
    *t = (struct twins){0};
}

bool twins_next(const struct twins *t, size_t *at, struct twin_group *group)
{
    if (*at >= t->count)
        return false;
    size_t end = group_end(t, *at);
    *group = (struct twin_group){.members = t->all + *at, .count = end - *at};
    for (size_t i = *at + 1; i < end; i++) {
        group->conflict |= t->all[i].label != t->all[*at].label;
        group->across |= t->all[i].split != t->all[*at].split;
    }
    *at = end;
    return true;
}
