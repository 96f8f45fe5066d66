/* SPDX-License-Identifier: MIT */
/* idle.c — a daemon that nobody pulls from: how often it wakes up.
 *
 * usage: idle --daemon-pid PID [--seconds S]
 *
 * Opens a stream of each transport, reads a little and stops: the rings fill. After the daemon has
 * come to rest, counts the context switches of all its threads. Prints one JSON object.
 */
#include "common.h"

#include <dirent.h>
#include <poll.h>

/* Context switches of all threads so far: each begins with a wake-up or ends with a sleep. */
static unsigned long context_switches(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    if (!tasks)
        fail("%s: %s", path, strerror(errno));
    unsigned long total = 0;
    for (struct dirent *d; (d = readdir(tasks));) {
        if (d->d_name[0] == '.')
            continue;
        char status[400], line[256];
        snprintf(status, sizeof status, "%s/%s/status", path, d->d_name);
        FILE *f = fopen(status, "re");
        if (!f)
            fail("%s: %s", status, strerror(errno));
        while (fgets(line, sizeof line, f)) {
            unsigned long n;
            if (sscanf(line, "voluntary_ctxt_switches: %lu", &n) == 1 ||
                sscanf(line, "nonvoluntary_ctxt_switches: %lu", &n) == 1)
                total += n;
        }
        fclose(f);
    }
    closedir(tasks);
    return total;
}

static void start_reader(struct reader *r, uint32_t transport)
{
    struct fmnist_spec spec;
    fmnist_spec_init(&spec);
    spec.height = spec.width = 32;
    spec.order = FMNIST_ORDER_SHUFFLE;
    spec.transport = transport;
    reader_open(r, &spec);
    for (int i = 0; i < 3; i++) {
        struct fmnist_batch batch;
        reader_next(r, &batch);
        fmnist_release(r->stream, &batch);
    }
}

int main(int argc, char **argv)
{
    bench_name = "idle";
    (void)argc;
    pid_t daemon = 0;
    double seconds = 3;
    for (char **a = argv + 1; *a; a += 2)
        if (!strcmp(*a, "--daemon-pid"))
            daemon = (pid_t)number(*a, a[1], 1, INT32_MAX);
        else if (!strcmp(*a, "--seconds"))
            seconds = number(*a, a[1], 0.1, 3600);
        else
            fail("usage: idle --daemon-pid PID [--seconds S]");
    if (!daemon)
        fail("--daemon-pid is needed");
    struct reader shm, in_line;
    start_reader(&shm, FMNIST_SHM);
    start_reader(&in_line, FMNIST_INLINE);
    unsigned long before, after = context_switches(daemon);
    double patience = now() + 10;
    do { /* to rest: a tenth of a second without a switch; one that never rests is measured so */
        before = after;
        poll(NULL, 0, 100);
        after = context_switches(daemon);
    } while (after != before && now() < patience);
    double cpu = cpu_seconds(daemon), began = now();
    poll(NULL, 0, (int)(seconds * 1000));
    double took = now() - began;
    printf("{\"program\": \"idle\", \"seconds\": %.3f, \"wakeups_per_second\": %.3f, "
           "\"cpu_seconds\": %.6f}\n",
           took, (double)(context_switches(daemon) - after) / took, cpu_seconds(daemon) - cpu);
    reader_close(&shm);
    reader_close(&in_line);
    return 0;
}
