/* Sums over the parts. Does not watch or limit. */
#include "server/usage.h"

#include "server/session.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static uint64_t dataset_bytes(const struct server *server)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < server->config->dataset_count; i++)
        for (int k = 0; k < DATASET_SPLITS; k++)
            bytes += server->datasets[i]->splits[k].map_bytes;
    return bytes;
}

/* Each ring once, however many read it. */
static uint64_t ring_bytes(const struct server *server)
{
    uint64_t bytes = 0;
    for (struct session *s = server->sessions; s; s = session_next(s)) {
        struct session_stats f;
        session_stats(s, &f);
        if (f.consumer)
            bytes += stream_bytes(f.consumer->stream) /
                     pool_progress(server->pool, f.consumer).consumers;
    }
    return bytes;
}

static uint64_t resident_bytes(void)
{
    unsigned long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f)
        return 0;
    if (fscanf(f, "%*u %llu", &pages) != 1)
        pages = 0;
    fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

json_t *usage_memory(struct server *server)
{
    struct sample_cache_usage u;
    sample_cache_usage(server->caches.samples, &u);
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "datasets_bytes",
                     (json_int_t)dataset_bytes(server), "samples_bytes", (json_int_t)u.filled_bytes,
                     "rings_bytes", (json_int_t)ring_bytes(server), "permutations_bytes",
                     (json_int_t)permutation_cache_bytes(server->caches.permutations),
                     "resident_bytes", (json_int_t)resident_bytes());
}

double usage_cpu_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}
