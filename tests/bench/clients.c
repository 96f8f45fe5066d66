/* SPDX-License-Identifier: MIT */
/* clients.c — many clients at a time: what they cost the daemon, and whether it is fair to them.
 *
 * usage: clients --daemon-pid PID [--clients N] [--seeds equal | different]
 *                [--epochs N | --seconds S] [--FIELD VALUE]...
 *
 * N processes open a stream each, begin together and read every byte: each the same number of
 * epochs, or all for the same time. Different seeds make different specs, which share nothing.
 * The daemon is the one that FMNIST_SOCKET names. Prints one JSON object.
 */
#include "common.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define CLIENTS_MAX 1024

struct options {
    struct fmnist_spec spec;
    pid_t daemon;
    uint32_t clients, epochs;
    double seconds; /* 0: epochs count */
    bool different;
};

/* What a client leaves behind; shared with its parent. */
struct outcome {
    uint64_t batches, images, digest;
    double seconds;
};

static struct options parse(char **args)
{
    struct options o = {.clients = 8, .epochs = 5};
    fmnist_spec_init(&o.spec);
    for (; *args; args += 2) {
        const char *name = args[0], *value = args[1];
        if (!strcmp(name, "--daemon-pid"))
            o.daemon = (pid_t)number(name, value, 1, INT32_MAX);
        else if (!strcmp(name, "--clients"))
            o.clients = (uint32_t)number(name, value, 1, CLIENTS_MAX);
        else if (!strcmp(name, "--epochs"))
            o.epochs = (uint32_t)number(name, value, 1, 1e6);
        else if (!strcmp(name, "--seconds"))
            o.seconds = number(name, value, 0.01, 3600);
        else if (!strcmp(name, "--seeds"))
            o.different = value && !strcmp(value, "different");
        else
            set_field(&o.spec, name, value);
        if (!value)
            fail("%s needs a value", name);
    }
    if (!o.daemon)
        fail("--daemon-pid is needed");
    return o;
}

/* One client's life. `ready` is told once the stream is open; the end of `go` is the start. */
static void be_client(const struct options *o, uint32_t id, int ready, int go, struct outcome *out)
{
    struct fmnist_spec spec = o->spec;
    spec.seed += o->different ? id : 0;
    struct reader r;
    reader_open(&r, &spec);
    char byte = 0;
    if (write(ready, &byte, 1) != 1 || read(go, &byte, 1) != 0)
        fail("the start was lost");
    uint64_t batches = o->epochs * r.info.steps;
    double began = now(), end = o->seconds > 0 ? began + o->seconds : 0;
    struct outcome sum = {0};
    while (end > 0 ? now() < end : sum.batches < batches) {
        struct fmnist_batch batch;
        reader_next(&r, &batch);
        sum.digest = (sum.digest ^ read_batch(&r, &batch)) * UINT64_C(0x9e3779b97f4a7c15);
        sum.batches++;
        sum.images += batch.count;
        fmnist_release(r.stream, &batch);
    }
    sum.seconds = now() - began;
    *out = sum;
    reader_close(&r);
    _exit(0);
}

static void wait_for_all(uint32_t clients)
{
    for (uint32_t i = 0; i < clients; i++) {
        int status;
        if (wait(&status) < 0 || status)
            fail("a client failed");
    }
}

static void print(const struct options *o, const struct outcome *all, double cpu)
{
    uint64_t batches = 0;
    double total = 0, slowest = 1e300, longest = 0;
    bool equal = true;
    for (uint32_t i = 0; i < o->clients; i++) {
        double rate = (double)all[i].images / all[i].seconds;
        batches += all[i].batches;
        total += rate;
        if (rate < slowest)
            slowest = rate;
        if (all[i].seconds > longest)
            longest = all[i].seconds;
        equal = equal && all[i].digest == all[0].digest;
    }
    printf("{\"program\": \"clients\", \"clients\": %u, \"batches\": %llu, \"seconds\": %.6f, "
           "\"daemon_cpu_seconds\": %.6f, \"daemon_us_per_batch\": %.3f, "
           "\"images_per_second\": %.0f, \"slowest_of_mean\": %.4f, \"digests_equal\": %s, "
           "\"digest\": \"%016llx\"}\n",
           o->clients, (unsigned long long)batches, longest, cpu, cpu / (double)batches * 1e6,
           total, slowest / (total / o->clients), equal ? "true" : "false",
           (unsigned long long)all[0].digest);
}

int main(int argc, char **argv)
{
    bench_name = "clients";
    (void)argc;
    struct options o = parse(argv + 1);
    struct outcome *all = mmap(NULL, o.clients * sizeof *all, PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int ready[2], go[2];
    if (all == MAP_FAILED || pipe(ready) || pipe(go))
        fail("%s", strerror(errno));
    for (uint32_t i = 0; i < o.clients; i++) {
        pid_t pid = fork();
        if (pid < 0)
            fail("fork: %s", strerror(errno));
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            close(go[1]);
            close(ready[0]);
            be_client(&o, i, ready[1], go[0], &all[i]);
        }
    }
    close(ready[1]); /* so that clients that failed end the wait */
    for (uint32_t i = 0; i < o.clients; i++) {
        char byte;
        if (read(ready[0], &byte, 1) != 1)
            fail("a client failed before the start");
    }
    double cpu = cpu_seconds(o.daemon);
    close(go[1]);
    wait_for_all(o.clients);
    print(&o, all, cpu_seconds(o.daemon) - cpu);
    return 0;
}
