/* SPDX-License-Identifier: MIT */
/* What was found, for programs. */
#include "ctl/check.h"
#include "ctl/json.h"

static json_t *describe_labels(const struct whole *w, const struct whole_split *s,
                               const struct tally *t)
{
    json_t *all = json_array();
    size_t known = s->label_columns || !s->named ? 0 : w->class_count;
    for (size_t i = 0; i < t->label_room || i < known; i++) {
        uint64_t images = i < t->label_room ? t->labels[i] : 0;
        if (images || s->label_columns || i < known)
            json_array_append_new(
                all, json_pack("{s:I, s:o, s:I}", "label", (json_int_t)i, "class",
                               ctl_json_text(s->named ? whole_class(w, (int64_t)i) : NULL),
                               "images", (json_int_t)images));
    }
    return all;
}

/* Of how many images of a split is what in which other. */
static json_t *describe_others(const struct check *c, const uint64_t *images)
{
    json_t *all = json_array();
    for (size_t s = 0; s < c->whole.split_count; s++)
        if (images[s])
            json_array_append_new(all, json_pack("{s:s, s:I}", "split", c->whole.splits[s].name,
                                                 "images", (json_int_t)images[s]));
    return all;
}

static json_t *describe_parts(const struct check *c, uint64_t parts)
{
    json_t *all = json_array();
    for (size_t s = 0; s < c->whole.split_count; s++)
        if (parts >> s & 1)
            json_array_append_new(all, json_string(c->whole.splits[s].name));
    return all;
}

static json_t *describe_split(const struct check *c, size_t at)
{
    const struct whole_split *s = &c->whole.splits[at];
    const struct check_split *found = &c->splits[at];
    json_t *mean = json_array(), *std = json_array(), *constant = json_array();
    char digest[33];
    for (int i = 0; i < 16; i++)
        sprintf(digest + 2 * i, "%02x", s->digest[i]);
    for (uint32_t k = 0; k < s->channels; k++) {
        struct tally_statistic v = tally_statistic(&found->tally, k);
        json_array_append_new(mean, json_real(v.mean));
        json_array_append_new(std, json_real(v.std));
    }
    for (uint64_t i = 0; i < check_constants_kept(found); i++)
        json_array_append_new(constant, json_integer(found->constant[i]));
    return json_pack(
        "{s:s, s:I, s:i, s:i, s:i, s:s, s:i, s:o, s:I, s:o, s:o, s:I, s:o, s:I, s:o, s:o, s:s?}",
        "split", s->name, "images", (json_int_t)s->count, "height", (int)s->height, "width",
        (int)s->width, "channels", (int)s->channels, "digest", digest, "label_count",
        (int)s->label_columns, "labels", describe_labels(&c->whole, s, &found->tally),
        "labels_beyond", (json_int_t)found->tally.labels_beyond, "mean", mean, "std", std,
        "constant", (json_int_t)found->constants, "constant_images", constant, "repeats",
        (json_int_t)found->repeats, "also_in", describe_others(c, found->also_in), "shared",
        describe_others(c, found->shared), "from",
        s->from < 0 ? NULL : c->whole.splits[s->from].name);
}

static json_t *describe_group(const struct check *c, const struct twin_group *g)
{
    json_t *images = json_array();
    for (size_t i = 0; i < g->count && i < CHECK_GROUPS; i++) {
        const struct twin *t = &g->members[i];
        const struct whole_split *s = &c->whole.splits[t->split];
        json_array_append_new(images,
                              json_pack("{s:s, s:I, s:o, s:o}", "split", s->name, "image",
                                        (json_int_t)t->index, "label",
                                        s->label_columns ? json_null() : json_integer(t->label),
                                        "parts", describe_parts(c, t->parts)));
    }
    return json_pack("{s:I, s:b, s:o}", "count", (json_int_t)g->count, "labels_differ", g->conflict,
                     "images", images);
}

json_t *check_json(const struct check *c, const char *file)
{
    json_t *splits = json_array(), *groups = json_array();
    struct twin_group group;
    for (size_t s = 0; s < c->whole.split_count; s++)
        json_array_append_new(splits, describe_split(c, s));
    for (int conflicts = 1; conflicts >= 0; conflicts--)
        for (size_t at = 0;
             json_array_size(groups) < CHECK_GROUPS && twins_next(&c->twins, &at, &group);)
            if (group.conflict == conflicts)
                json_array_append_new(groups, describe_group(c, &group));
    return json_pack("{s:s, s:o, s:b, s:o, s:I, s:I, s:o, s:o}", "dataset", c->whole.name, "folder",
                     ctl_json_text(c->whole.folder), "found", check_found(c), "splits", splits,
                     "group_count", (json_int_t)c->groups, "labels_differ",
                     (json_int_t)c->conflicts, "groups", groups, "file", ctl_json_text(file));
}
