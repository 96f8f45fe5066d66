/* SPDX-License-Identifier: MIT */
/* The list of verbs. */
#include "ctl/verbs.h"

#include "ctl/nearest.h"

#include <stdio.h>
#include <string.h>

const struct verb verbs[] = {
    {"status", "the daemon: workers, memory, clients and their streams", OPTIONS_NONE, 0,
     verb_status},
    {"datasets", "what is served, and with --all what could be", OPTIONS_DATASETS, 0,
     verb_datasets},
    {"reload", "have the daemon read its config file again", OPTIONS_NONE, 0, verb_reload},
    {"top", "each stream live: its speed, and which side is the bottleneck", OPTIONS_TOP, 0,
     verb_top},
    {"bench", "read batches as a trainer would, and time it", OPTIONS_BENCH, 0, verb_bench},
    {"show", "draw a batch's images with their labels as a PNG", OPTIONS_SHOW, 0, verb_show},
    {"explain", "one image of a stream: what it is and what was drawn for it", OPTIONS_EXPLAIN, 0,
     verb_explain},
    {"dump", "write batches to an .npz file", OPTIONS_DUMP, 0, verb_dump},
    {"verify", "delivery ledgers: whether each sample came once", OPTIONS_VERIFY, SIZE_MAX,
     verb_verify},
    {"import", "make a dataset that can be served of what others publish", OPTIONS_IMPORT, SIZE_MAX,
     verb_import},
    {"export", "write a dataset as IDX, .npz, PNG pictures or CSV", OPTIONS_EXPORT, 1, verb_export},
    {"check", "a dataset: images that are there twice, mean and std, counts", OPTIONS_CHECK, 1,
     verb_check},
    {"gen-dataset", "draw a synthetic clothing dataset", OPTIONS_GENERATE, 0, verb_gen_dataset},
    {"completion", "print what a shell (bash, zsh, fish) needs for its Tab key", OPTIONS_COMPLETION,
     1, verb_completion},
    {"help", "what this can do, or a verb's options", OPTIONS_HELP, 1, verb_help},
    {NULL, NULL, OPTIONS_NONE, 0, NULL},
};

const struct verb *verb_find(const char *name)
{
    for (const struct verb *v = verbs; v->name; v++)
        if (!strcmp(v->name, name))
            return v;
    return NULL;
}

int verb_refuse(const char *name)
{
    const char *names[sizeof verbs / sizeof *verbs]; /* its end included */
    char all[256] = "";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        names[i] = verbs[i].name;
        if (!names[i])
            break;
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", names[i]);
    }
    const char *near = name ? nearest(name, names) : NULL;
    if (!name)
        return ctl_usage("no verb: want one of %s; see fmnistctl help", all);
    if (near)
        return ctl_usage("no verb \"%s\": did you mean %s? There are %s", name, near, all);
    return ctl_usage("no verb \"%s\": there are %s", name, all);
}
