/* SPDX-License-Identifier: MIT */
/* What was found, for people. */
#include "ctl/check.h"
#include "ctl/label.h"

#include <inttypes.h>
#include <stdio.h>

#define CLASSES_MAX 20 /* told one by one */
#define GROUPS_MAX  10
#define MEMBERS_MAX 4

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

static void print_statistics(const struct whole_split *s, const struct tally *t, FILE *to)
{
    static const char *const names[] = {"mean", "std"};
    fputs("  levels:", to);
    for (int k = 0; k < 2; k++) {
        fprintf(to, " --%s ", names[k]);
        for (uint32_t c = 0; c < s->channels; c++) {
            struct tally_statistic v = tally_statistic(t, c);
            fprintf(to, "%s%.4f", c ? "," : "", k ? v.std : v.mean);
        }
    }
    fputc('\n', to);
}

static void print_label(const struct whole *w, const struct whole_split *s, size_t label,
                        uint64_t count, FILE *to)
{
    const char *name = s->named ? whole_class(w, (int64_t)label) : NULL;
    char text[LABEL_NAME_SIZE];
    fprintf(to, "    %zu%s%s%s: %" PRIu64 "\n", label, name ? " (" : "",
            name ? label_shown(name, text) : "", name ? ")" : "", count);
}

static void print_labels(const struct whole *w, const struct whole_split *s, const struct tally *t,
                         FILE *to)
{
    uint64_t fewest = UINT64_MAX, most = 0, kinds = 0;
    char text[LABEL_NAME_SIZE];
    for (size_t i = 0; i < t->label_room; i++)
        if (t->labels[i] || s->label_columns) {
            fewest = t->labels[i] < fewest ? t->labels[i] : fewest;
            most = t->labels[i] > most ? t->labels[i] : most;
            kinds++;
        }
    const char *what = s->label_columns ? "labels an image, each of" : "labels, each of";
    if (kinds && fewest == most)
        fprintf(to, "  %" PRIu64 " %s %" PRIu64 " images\n", kinds, what, most);
    else if (kinds)
        fprintf(to, "  %" PRIu64 " %s %" PRIu64 " to %" PRIu64 " images\n", kinds, what, fewest,
                most);
    if (t->labels_beyond)
        fprintf(to, "  %" PRIu64 " labels below 0 or above %d\n", t->labels_beyond,
                TALLY_LABEL_MAX);
    for (size_t i = 0; i < t->label_room && kinds <= CLASSES_MAX && fewest != most; i++)
        if (t->labels[i] || s->label_columns)
            print_label(w, s, i, t->labels[i], to);
    for (size_t i = 0; s->named && i < w->class_count && !s->label_columns; i++)
        if (i >= t->label_room || !t->labels[i])
            fprintf(to, "    no image is %zu (%s)\n", i, label_shown(w->classes[i], text));
}

static void print_split(const struct check *c, size_t at, FILE *to)
{
    const struct whole_split *s = &c->whole.splits[at];
    const struct check_split *found = &c->splits[at];
    fprintf(to, "%s: %" PRIu64 " images of %ux%ux%u%s%s\n", s->name, s->count, s->height, s->width,
            s->channels, s->from < 0 ? "" : ", a part of ",
            s->from < 0 ? "" : c->whole.splits[s->from].name);
    print_statistics(s, &found->tally, to);
    print_labels(&c->whole, s, &found->tally, to);
    if (found->constants)
        fprintf(to, "  %" PRIu64 " image%s of one level, the first is %u\n", found->constants,
                plural(found->constants), found->constant[0]);
    if (found->repeats)
        fprintf(to, "  %" PRIu64 " image%s repeat%s an earlier one of the split\n", found->repeats,
                plural(found->repeats), found->repeats == 1 ? "s" : "");
    for (size_t other = 0; other < c->whole.split_count; other++) {
        const char *name = c->whole.splits[other].name;
        uint64_t shared = found->shared[other], also = found->also_in[other];
        if (shared)
            fprintf(to, "  shares %" PRIu64 " image%s with the part %s\n", shared, plural(shared),
                    name);
        if (also)
            fprintf(to, "  %" PRIu64 " image%s %s in %s, too\n", also, plural(also),
                    also == 1 ? "is" : "are", name);
    }
}

/* "train 7", and which parts have it. */
static void print_member(const struct check *c, const struct twin *t, FILE *to)
{
    const char *between = " in ";
    fprintf(to, "%s %u", c->whole.splits[t->split].name, t->index);
    for (size_t s = 0; s < c->whole.split_count; s++)
        if (t->parts >> s & 1) {
            fprintf(to, "%s%s", between, c->whole.splits[s].name);
            between = ", ";
        }
}

static void print_group(const struct check *c, const struct twin_group *g, FILE *to)
{
    char text[LABEL_NAME_SIZE];
    for (size_t i = 0; i < g->count && i < MEMBERS_MAX; i++) {
        const struct twin *t = &g->members[i];
        const struct whole_split *s = &c->whole.splits[t->split];
        const char *name = s->label_columns ? NULL : whole_class(&c->whole, t->label);
        fputs(i ? " = " : "  ", to);
        print_member(c, t, to);
        if (name && (g->conflict || i + 1 == g->count))
            fprintf(to, " (%s)", label_shown(name, text));
        else if (!s->label_columns && (g->conflict || i + 1 == g->count))
            fprintf(to, " (%" PRId64 ")", t->label);
    }
    if (g->count > MEMBERS_MAX)
        fprintf(to, " and %zu more", g->count - MEMBERS_MAX);
    fputs(g->conflict ? ": labels differ\n" : "\n", to);
}

void check_print(const struct check *c, FILE *to)
{
    struct twin_group group;
    uint64_t told = 0;
    fprintf(to, "%s%s%s\n", c->whole.name, c->whole.folder ? ", " : "",
            c->whole.folder ? c->whole.folder : "");
    for (size_t s = 0; s < c->whole.split_count; s++)
        print_split(c, s, to);
    if (!c->groups) {
        fputs("no image is there twice\n", to);
        return;
    }
    fprintf(to,
            "%" PRIu64 " image%s there more than once, %" PRIu64 " of them with labels that "
            "differ\n",
            c->groups, c->groups == 1 ? " is" : "s are", c->conflicts);
    for (int conflicts = 1; conflicts >= 0; conflicts--)
        for (size_t at = 0; told < GROUPS_MAX && twins_next(&c->twins, &at, &group);)
            if (group.conflict == conflicts) {
                print_group(c, &group, to);
                told++;
            }
    if (c->groups > told)
        fprintf(to, "  and %" PRIu64 " more: --json tells them, -o FILE draws them\n",
                c->groups - told);
}
