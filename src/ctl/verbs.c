/* The list of verbs, and what several of them do alike. */
#include "ctl/verbs.h"

#include "ctl/indices.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const struct verb verbs[] = {
    {"status", "the daemon: workers, memory, clients and their streams", OPTIONS_NONE, verb_status},
    {"datasets", "what is served: counts, sizes, classes", OPTIONS_NONE, verb_datasets},
    {"reload", "have the daemon read its config file again", OPTIONS_NONE, verb_reload},
    {"top", "each stream live: its speed, and which side is the bottleneck", OPTIONS_TOP, verb_top},
    {"bench", "read batches as a trainer would, and time it", OPTIONS_BENCH, verb_bench},
    {"show", "draw a batch's images with their labels as a PNG", OPTIONS_SHOW, verb_show},
    {"dump", "write batches to an .npz file", OPTIONS_DUMP, verb_dump},
    {"gen-dataset", "draw a synthetic clothing dataset", OPTIONS_GENERATE, verb_gen_dataset},
    {NULL, NULL, OPTIONS_NONE, NULL},
};

int ctl_error(const char *format, ...)
{
    fflush(stdout);
    fputs("fmnistctl: ", stderr);
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return EXIT_FAILED;
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
    if (fmnist_connect(&o, &client)) {
        ctl_error("%s", fmnist_error());
        return NULL;
    }
    return client;
}

int ctl_open(const struct invocation *in, struct fmnist_client **client,
             struct fmnist_stream **stream, struct fmnist_stream_info *info)
{
    struct fmnist_spec spec = in->spec;
    spec.epochs = in->batches ? 0 : in->epochs;
    uint32_t *list = NULL;
    struct err e;
    if (in->indices && indices_read(in->indices, &list, &spec.list_count, &e))
        return ctl_error("--indices %s", e.text);
    spec.list = list;
    *client = ctl_connect(in);
    if (!*client) {
        free(list);
        return EXIT_FAILED;
    }
    int rc = fmnist_open(*client, &spec, NULL, stream);
    free(list);
    info->size = sizeof *info;
    if (!rc)
        rc = fmnist_stream_info(*stream, info);
    if (!rc)
        return EXIT_FINE;
    ctl_error("%s", fmnist_error());
    fmnist_disconnect(*client);
    return rc == FMNIST_EINVAL ? EXIT_WRONG_USAGE : EXIT_FAILED;
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
        ctl_error("%s%s", fmnist_error(),
                  rc == FMNIST_EDEAD ? ": it has ended or was restarted, and its log says why"
                                     : "");
        return -1;
    }
    ++*taken;
    return 1;
}
