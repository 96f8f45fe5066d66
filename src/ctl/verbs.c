/* SPDX-License-Identifier: MIT */
/* The list of verbs, and what several of them do alike. */
#include "ctl/verbs.h"

#include "ctl/indices.h"
#include "ctl/nearest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
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

struct fmnist_client *ctl_connect(const struct invocation *in)
{
    struct fmnist_connect_options o = {
        .size = sizeof o,
        .socket = in->socket,
        .timeout_ms = in->timeout_ms,
        .reconnect_ms = -1,
    };
    struct fmnist_client *client;
    int rc = fmnist_connect(&o, &client);
    if (!rc)
        return client;
    ctl_failed(rc, "%s", fmnist_error());
    return NULL;
}

/* One stream of a spec, at its epoch or where the token was taken. Returns an enum fmnist_result.
 */
static int open_stream(struct fmnist_client *client, const struct fmnist_spec *spec,
                       const struct fmnist_token *token, struct fmnist_stream **stream,
                       struct fmnist_stream_info *info)
{
    int rc = fmnist_open(client, spec, token, stream);
    if (rc)
        return rc;
    info->size = sizeof *info;
    rc = fmnist_stream_info(*stream, info);
    if (rc)
        fmnist_close(*stream);
    return rc;
}

/* A step's place is known to an open stream alone. Returns an exit status. */
static int open_at(struct fmnist_client *client, const struct fmnist_spec *spec, uint64_t step,
                   struct fmnist_stream **stream, struct fmnist_stream_info *info)
{
    struct fmnist_token token;
    int rc = open_stream(client, spec, NULL, stream, info);
    if (rc == FMNIST_OK && step >= info->steps) {
        fmnist_close(*stream);
        return ctl_usage("--step %" PRIu64 ": an epoch has %" PRIu64 " steps, counted from 0", step,
                         info->steps);
    }
    if (rc == FMNIST_OK && step) {
        rc = fmnist_stream_token_at(*stream, spec->epoch, step, &token);
        fmnist_close(*stream);
        if (rc == FMNIST_OK)
            rc = open_stream(client, spec, &token, stream, info);
    }
    if (rc == FMNIST_OK)
        return EXIT_FINE;
    ctl_failed(rc, "%s", fmnist_error());
    return rc == FMNIST_EINVAL ? EXIT_WRONG_USAGE : EXIT_FAILED;
}

int ctl_open_at(const struct invocation *in, uint64_t step, struct fmnist_client **client,
                struct fmnist_stream **stream, struct fmnist_stream_info *info)
{
    struct fmnist_spec spec = in->spec;
    spec.epochs = in->batches ? 0 : in->epochs;
    uint32_t *list = NULL;
    struct err e;
    int rc = in->indices ? indices_read(in->indices, &list, &spec.list_count, &e) : 0;
    if (rc)
        return ctl_file_error(rc, "--indices %s", e.text);
    spec.list = list;
    *client = ctl_connect(in);
    int status = *client ? open_at(*client, &spec, step, stream, info) : EXIT_FAILED;
    free(list);
    if (status != EXIT_FINE)
        fmnist_disconnect(*client);
    return status;
}

int ctl_open(const struct invocation *in, struct fmnist_client **client,
             struct fmnist_stream **stream, struct fmnist_stream_info *info)
{
    return ctl_open_at(in, 0, client, stream, info);
}

int ctl_next(const struct invocation *in, struct fmnist_stream *stream, uint64_t *taken,
             struct fmnist_batch *batch)
{
    if (in->batches && *taken == in->batches)
        return 0;
    int rc;
    do
        rc = fmnist_next(stream, batch);
    while (rc == FMNIST_END_OF_EPOCH);
    if (rc == FMNIST_END_OF_STREAM)
        return 0;
    if (rc) {
        ctl_failed(rc, "%s%s", fmnist_error(),
                   rc == FMNIST_EDEAD ? ": it has ended or was restarted, and its log says why"
                                      : "");
        return -1;
    }
    ++*taken;
    return 1;
}
