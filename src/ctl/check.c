/* SPDX-License-Identifier: MIT */
/* check: looks at every image and label of a dataset once, and tells what a trainer wants to know
 * of it and no framework says. */
#include "ctl/check.h"

#include "base/clock.h"
#include "ctl/json.h"
#include "ctl/progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* As verify: whatever keeps it from looking is not a finding. */
enum { EXIT_FOUND = EXIT_FAILED, EXIT_NOT_LOOKED = EXIT_WRONG_USAGE };

/* ---- looking ------------------------------------------------------------------------------- */

struct look {
    struct check *check;
    size_t split;
    uint64_t done; /* images, of all splits */
    struct progress progress;
};

static int take(void *me, const struct whole_step *step, struct err *e)
{
    struct look *l = me;
    const struct whole_split *s = &l->check->whole.splits[l->split];
    struct check_split *out = &l->check->splits[l->split];
    size_t pixels = (size_t)s->height * s->width, bytes = pixels * s->channels;
    uint32_t row = s->label_columns ? s->label_columns : 1;
    tally_images(&out->tally, step->images, step->count, pixels, s->channels);
    int rc = tally_labels(&out->tally, step->labels, step->count, s->label_columns, e);
    for (uint64_t i = 0; i < step->count && !rc; i++) {
        const uint8_t *image = step->images + i * bytes;
        uint64_t index = step->indices ? (uint64_t)step->indices[i] : step->first + i;
        if (s->from < 0 && tally_is_constant(image, pixels, s->channels)) {
            if (out->constants < CHECK_CONSTANTS)
                out->constant[out->constants] = (uint32_t)index;
            out->constants++;
        }
        twins_add(&l->check->twins, (uint32_t)(s->from < 0 ? (int)l->split : s->from), index, image,
                  s->height, s->width, s->channels, step->labels + i * row, s->label_columns);
        if (s->from >= 0)
            twins_is_part(&l->check->twins, (uint32_t)l->split);
    }
    l->done += step->count;
    progress_tell(&l->progress, l->done, clock_ns());
    return rc;
}

static bool has(const struct twin *t, size_t split)
{
    return t->split == split || (t->parts >> split & 1);
}

/* Images of `split` that have another one like them in `other`. `members`: of the group, a split.
 */
static uint64_t count_also(const struct twin_group *group, const uint64_t *members, size_t split,
                           size_t other)
{
    if (members[other] != 1)
        return members[other] ? members[split] : 0;
    for (size_t i = 0; i < group->count; i++)
        if (has(&group->members[i], other))
            return members[split] - has(&group->members[i], split);
    return 0;
}

/* What a part has, its split has: that is told of the part alone. */
static void count_group(struct check *c, const struct twin_group *group)
{
    uint64_t members[WHOLE_SPLITS_MAX] = {0};
    const struct whole_split *splits = c->whole.splits;
    size_t count = c->whole.split_count;
    for (size_t i = 0; i < group->count; i++)
        for (size_t s = 0; s < count; s++)
            members[s] += has(&group->members[i], s);
    for (size_t s = 0; s < count; s++) {
        c->splits[s].repeats += members[s] ? members[s] - 1 : 0;
        for (size_t other = 0; other < count && members[s]; other++)
            if (other != s && splits[s].from != (int)other && splits[other].from != (int)s)
                c->splits[s].also_in[other] += count_also(group, members, s, other);
    }
    c->groups++;
    c->conflicts += group->conflict;
}

static void count_shared(void *me, uint64_t parts)
{
    struct check *c = me;
    for (size_t s = 0; s < c->whole.split_count; s++)
        for (size_t other = 0; other < c->whole.split_count && (parts >> s & 1); other++)
            c->splits[s].shared[other] += other != s && (parts >> other & 1);
}

static int look(struct check *c, struct err *e)
{
    struct look l = {.check = c};
    struct twin_group group;
    uint64_t total = 0;
    size_t at = 0;
    for (size_t s = 0; s < c->whole.split_count; s++)
        total += c->whole.splits[s].count;
    c->splits = calloc(c->whole.split_count, sizeof *c->splits);
    if (!c->splits)
        return err_set(e, -ENOMEM, "out of memory");
    int rc = twins_expect(&c->twins, total, e);
    progress_start(&l.progress, "check", "images", total);
    for (; l.split < c->whole.split_count && !rc; l.split++)
        rc = whole_walk(&c->whole, l.split, take, &l, e);
    progress_clear();
    if (rc)
        return rc;
    twins_sort(&c->twins, count_shared, c);
    while (twins_next(&c->twins, &at, &group))
        count_group(c, &group);
    return 0;
}

static void forget(struct check *c)
{
    for (size_t s = 0; c->splits && s < c->whole.split_count; s++)
        tally_close(&c->splits[s].tally);
    free(c->splits);
    twins_close(&c->twins);
    whole_close(&c->whole);
}

/* ---- the verb ------------------------------------------------------------------------------ */

static int tell(struct check *c, const struct invocation *in, struct err *e)
{
    const char *path = check_found(c) ? in->output : NULL;
    FILE *to = path && !strcmp(path, "-") ? stderr : stdout; /* standard output has the picture */
    int rc = path ? check_draw(c, path, in->columns, e) : 0;
    if (rc)
        return err_prefix(e, rc, "%s", path);
    if (!in->json) {
        check_print(c, to);
        if (path && strcmp(path, "-") != 0)
            fprintf(to, "%s\n", path);
        return 0;
    }
    json_t *all = check_json(c, path);
    if (!all)
        return err_set(e, -ENOMEM, "out of memory");
    ctl_print_json_exact(to, all);
    return 0;
}

int verb_check(const struct invocation *in)
{
    struct check c = {0};
    struct err e = {""};
    if (!in->word_count)
        return ctl_usage("check: want the name of a dataset that is served, or the path of a "
                         "folder");
    int rc = whole_open(&c.whole, in, in->words[0], &e);
    if (!rc)
        rc = look(&c, &e);
    if (!rc)
        rc = tell(&c, in, &e);
    int status = rc ? EXIT_NOT_LOOKED : check_found(&c) ? EXIT_FOUND : EXIT_FINE;
    forget(&c);
    if (rc && rc != -ECANCELED)
        ctl_file_error(rc, "check: %s", e.text);
    return status;
}
