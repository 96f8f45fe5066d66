/* SPDX-License-Identifier: MIT */
/* Connecting and reading batches, as verbs that ask a daemon do alike. */
#include "ctl/verbs.h"

#include "ctl/indices.h"

#include <inttypes.h>
#include <stdlib.h>

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
