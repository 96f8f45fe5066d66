/* SPDX-License-Identifier: MIT */
/* tests/e2e/ledger.h — a daemon with a delivery ledger, sessions with it, and what fmnistctl verify
 * says of them. */
#ifndef TESTS_E2E_LEDGER_H
#define TESTS_E2E_LEDGER_H

#include "e2e/harness.h"
#include "e2e/program.h"

/* Of the dataset, and of an epoch. */
enum { COUNT = 103, BATCH = 5, STEPS = 21 };

static struct daemon d;
static struct images all;

static inline void setup(void)
{
    support_setup();
    images_make(&all, COUNT, 5, 4, 1);
    serve_tiny(&d, "workers: 2\nledger: {path: ./ledger}\n");
}

static inline void teardown(void)
{
    images_free(&all);
    support_teardown();
}

static inline struct fmnist_spec make_spec(uint32_t transport)
{
    struct fmnist_spec spec = spec_of("tiny");
    spec.order = FMNIST_ORDER_SHUFFLE;
    spec.seed = 7;
    spec.batch_size = BATCH;
    spec.transport = transport;
    return spec;
}

static inline void verify(void)
{
    run_ctl(&said, "verify %s", support_path("ledger"));
}

/* Takes so many batches, over the ends of epochs; UINT64_MAX: to the stream's end. */
static inline uint64_t take(struct fmnist_stream *stream, uint64_t batches)
{
    uint64_t taken = 0;
    while (taken < batches) {
        struct fmnist_batch b;
        int rc = fmnist_next(stream, &b);
        if (rc == FMNIST_END_OF_STREAM)
            break;
        if (rc == FMNIST_END_OF_EPOCH)
            continue;
        must(rc);
        must(fmnist_release(stream, &b));
        taken++;
    }
    return taken;
}

static inline struct fmnist_token token_of(const struct fmnist_stream *stream)
{
    struct fmnist_token token;
    must(fmnist_stream_token(stream, &token));
    return token;
}

/* One session: from the token (NULL: the beginning), so many batches. Returns where it ended. */
static inline struct fmnist_token run_session(const struct fmnist_spec *spec,
                                              const struct fmnist_token *token, uint64_t batches)
{
    struct fmnist_stream *stream;
    struct fmnist_client *client = connect_to(&d);
    must(fmnist_open(client, spec, token, &stream));
    take(stream, batches);
    struct fmnist_token end = token_of(stream);
    fmnist_close(stream);
    fmnist_disconnect(client);
    return end;
}

#endif
