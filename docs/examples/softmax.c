/* SPDX-License-Identifier: MIT */
/* softmax.c — a complete training loop on fmnistd: softmax regression on Fashion-MNIST.
 *
 *     build/fmnistd -c conf/fmnistd.yaml &
 *     build/softmax
 *
 * One linear layer, 784 pixels to 10 classes, minibatch gradient descent on the cross entropy.
 * Every epoch comes in an order of its own. The batches are read where the daemon wrote them.
 */
#include "fmnist.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PIXELS = 28 * 28, CLASSES = 10, EPOCHS = 5 };

static float weights[CLASSES][PIXELS], bias[CLASSES];

static int check(int result) /* passes FMNIST_OK and the ends of an epoch on */
{
    if (result < 0) {
        fprintf(stderr, "softmax: %s\n", fmnist_error());
        exit(1);
    }
    return result;
}

/* p = softmax(weights * image + bias). Returns the likeliest class. */
static int predict(const float *image, float *p)
{
    int best = 0;
    float sum = 0;
    for (int c = 0; c < CLASSES; c++) {
        p[c] = bias[c];
        for (int x = 0; x < PIXELS; x++)
            p[c] += weights[c][x] * image[x];
        best = p[c] > p[best] ? c : best;
    }
    float top = p[best]; /* exp of what is left cannot overflow */
    for (int c = 0; c < CLASSES; c++)
        sum += p[c] = expf(p[c] - top);
    for (int c = 0; c < CLASSES; c++)
        p[c] /= sum;
    return best;
}

/* Reads the stream to the end of its epoch, learning where rate > 0, and prints how it went. */
static void run_epoch(struct fmnist_stream *stream, float rate, const char *title)
{
    struct fmnist_batch batch;
    double loss = 0, hits = 0, seen = 0;

    while (check(fmnist_next(stream, &batch)) == FMNIST_OK) {
        const float(*images)[PIXELS] = batch.images; /* [count][1][28][28], 0..1 */
        const int64_t *labels = batch.labels;        /* [count], 0..9 */
        float gradient[CLASSES][PIXELS] = {{0}}, bias_gradient[CLASSES] = {0}, p[CLASSES];

        for (uint64_t i = 0; i < batch.count; i++) {
            hits += predict(images[i], p) == labels[i];
            loss -= logf(fmaxf(p[labels[i]], 1e-30f));
            for (int c = 0; c < CLASSES && rate > 0; c++) { /* d loss / d score */
                float slope = (p[c] - (float)(c == labels[i])) * rate / (float)batch.count;
                bias_gradient[c] += slope;
                for (int x = 0; x < PIXELS; x++)
                    gradient[c][x] += slope * images[i][x];
            }
        }
        for (int c = 0; c < CLASSES && rate > 0; c++) {
            bias[c] -= bias_gradient[c];
            for (int x = 0; x < PIXELS; x++)
                weights[c][x] -= gradient[c][x];
        }
        seen += (double)batch.count;
        check(fmnist_release(stream, &batch)); /* the daemon may use this memory again */
    }
    printf("%-7s loss %.4f, accuracy %.1f %% of %.0f\n", title, loss / seen, 100 * hits / seen,
           seen);
}

int main(void)
{
    struct fmnist_client *client;
    struct fmnist_stream *train, *test;
    struct fmnist_spec spec;
    char title[16];

    check(fmnist_connect(NULL, &client)); /* $FMNIST_SOCKET, or the default socket */

    fmnist_spec_init(&spec); /* fashion-mnist, train, batches of 64, float32, int64 labels */
    spec.order = FMNIST_ORDER_SHUFFLE;
    spec.seed = 1;
    check(fmnist_open(client, &spec, NULL, &train));

    spec.split = "test";
    spec.order = FMNIST_ORDER_SEQUENTIAL;
    check(fmnist_open(client, &spec, NULL, &test));

    for (int epoch = 1; epoch <= EPOCHS; epoch++) {
        snprintf(title, sizeof title, "epoch %d", epoch);
        run_epoch(train, 0.1f, title);
    }
    run_epoch(test, 0, "test");

    fmnist_close(test);
    fmnist_close(train);
    fmnist_disconnect(client);
    return 0;
}
