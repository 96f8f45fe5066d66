/* softmax.c — a complete training loop on fmnistd: softmax regression on Fashion-MNIST.
 *
 *     build/fmnistd -c conf/fmnistd.yaml &
 *     build/softmax [epochs]
 *
 * One linear layer, 784 pixels to 10 classes, minibatch gradient descent on the cross entropy.
 * Batches come in another order each epoch, and are read where the daemon wrote them: no copy.
 */
#include "fmnist.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PIXELS = 28 * 28, CLASSES = 10 };

static float weights[CLASSES][PIXELS], bias[CLASSES];

/* Adds the batch's gradient to the model when rate > 0; returns the summed loss, counts hits. */
static double run_batch(const struct fmnist_batch *batch, float rate, uint64_t *hits)
{
    const float(*images)[PIXELS] = batch->images; /* [count][1][28][28], 0 .. 1 */
    const int64_t *labels = batch->labels;        /* [count], 0 .. 9 */
    static float step[CLASSES][PIXELS], step_bias[CLASSES];
    double loss = 0;

    for (uint64_t i = 0; i < batch->count; i++) {
        float p[CLASSES], sum = 0;
        int best = 0;
        for (int c = 0; c < CLASSES; c++) { /* scores */
            p[c] = bias[c];
            for (int x = 0; x < PIXELS; x++)
                p[c] += weights[c][x] * images[i][x];
            if (p[c] > p[best])
                best = c;
        }
        float top = p[best]; /* softmax, shifted so that exp() cannot overflow */
        for (int c = 0; c < CLASSES; c++)
            sum += p[c] = expf(p[c] - top);
        loss += logf(sum / p[labels[i]]);
        *hits += best == labels[i];

        for (int c = 0; c < CLASSES && rate > 0; c++) { /* d loss / d score = p - (c is right) */
            float slope = (p[c] / sum - (c == labels[i])) * rate / (float)batch->count;
            step_bias[c] -= slope;
            for (int x = 0; x < PIXELS; x++)
                step[c][x] -= slope * images[i][x];
        }
    }
    for (int c = 0; c < CLASSES && rate > 0; c++) { /* apply the step, and forget it */
        bias[c] += step_bias[c];
        step_bias[c] = 0;
        for (int x = 0; x < PIXELS; x++) {
            weights[c][x] += step[c][x];
            step[c][x] = 0;
        }
    }
    return loss;
}

static void check(int result)
{
    if (result < 0) {
        fprintf(stderr, "softmax: %s\n", fmnist_error());
        exit(1);
    }
}

int main(int argc, char **argv)
{
    struct fmnist_client *client;
    struct fmnist_stream *train, *test;
    struct fmnist_spec spec;
    struct fmnist_batch batch;
    int epochs = argc > 1 ? atoi(argv[1]) : 5, result;

    check(fmnist_connect(NULL, &client)); /* the default socket, or $FMNIST_SOCKET */

    fmnist_spec_init(&spec); /* fashion-mnist, train, float32, int64 labels, stored size */
    spec.batch_size = 64;
    spec.order = FMNIST_ORDER_SHUFFLE;
    spec.seed = 1;
    check(fmnist_open(client, &spec, NULL, &train));

    for (int epoch = 1; epoch <= epochs; epoch++) {
        double loss = 0;
        uint64_t hits = 0, seen = 0;
        while ((result = fmnist_next(train, &batch)) == FMNIST_OK) {
            loss += run_batch(&batch, 0.1f, &hits);
            seen += batch.count;
            check(fmnist_release(train, &batch));
        }
        check(result); /* FMNIST_END_OF_EPOCH, or what went wrong */
        printf("epoch %2d: loss %.4f, training accuracy %.1f %%\n", epoch, loss / (double)seen,
               100.0 * (double)hits / (double)seen);
    }

    spec.split = "test";
    spec.order = FMNIST_ORDER_SEQUENTIAL;
    spec.epochs = 1;
    check(fmnist_open(client, &spec, NULL, &test));
    uint64_t hits = 0, seen = 0;
    while ((result = fmnist_next(test, &batch)) == FMNIST_OK) {
        run_batch(&batch, 0, &hits);
        seen += batch.count;
        check(fmnist_release(test, &batch));
    }
    check(result);
    printf("test accuracy %.1f %% of %llu images\n", 100.0 * (double)hits / (double)seen,
           (unsigned long long)seen);

    fmnist_close(test);
    fmnist_close(train);
    fmnist_disconnect(client);
    return 0;
}
