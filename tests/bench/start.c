/* SPDX-License-Identifier: MIT */
/* start.c — from nothing to the first batch, and zlib alone on the same files.
 *
 * usage: start first-batch FMNISTD CONFIG [--FIELD VALUE]...   (FMNIST_SOCKET: the config's socket)
 *        start inflate FILE...
 *
 * first-batch: seconds from before fork(2) to the first batch in a client's hands; the daemon is
 * then ended. inflate: seconds for inflating the files one after another into memory.
 * Each prints one JSON object.
 */
#include "common.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <zlib.h>

static pid_t run_daemon(const char *program, const char *config)
{
    pid_t pid = fork();
    if (pid < 0)
        fail("fork: %s", strerror(errno));
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, STDERR_FILENO);
        execl(program, program, "-c", config, (char *)NULL);
        _exit(127);
    }
    return pid;
}

static int first_batch(char **args)
{
    if (!args[0] || !args[1])
        fail("first-batch needs FMNISTD and CONFIG");
    struct fmnist_spec spec;
    fmnist_spec_init(&spec);
    for (char **a = args + 2; *a; a += 2)
        set_field(&spec, a[0], a[1]);
    double began = now();
    pid_t daemon = run_daemon(args[0], args[1]);
    struct reader r = {.info.size = sizeof r.info};
    while (fmnist_connect(NULL, &r.client)) {
        if (waitpid(daemon, NULL, WNOHANG) == daemon || now() - began > 120)
            fail("no daemon: %s", fmnist_error());
        struct timespec moment = {.tv_nsec = 200000};
        nanosleep(&moment, NULL);
    }
    if (fmnist_open(r.client, &spec, NULL, &r.stream))
        fail("opening: %s", fmnist_error());
    struct fmnist_batch batch;
    reader_next(&r, &batch);
    double seconds = now() - began;
    reader_close(&r);
    kill(daemon, SIGTERM);
    waitpid(daemon, NULL, 0);
    printf("{\"program\": \"start\", \"seconds\": %.6f}\n", seconds);
    return 0;
}

/* The file's bytes, whole. */
static unsigned char *slurp(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rbe");
    if (!f || fseek(f, 0, SEEK_END) || (long)(*size = (size_t)ftell(f)) < 0)
        fail("%s: %s", path, strerror(errno));
    rewind(f);
    unsigned char *bytes = malloc(*size + 1);
    if (!bytes || fread(bytes, 1, *size, f) != *size)
        fail("%s: cannot be read whole", path);
    fclose(f);
    return bytes;
}

static size_t inflate_file(const char *path)
{
    static unsigned char out[256 << 10];
    size_t size;
    unsigned char *bytes = slurp(path, &size);
    z_stream z = {.next_in = bytes, .avail_in = (uInt)size};
    if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
        fail("out of memory");
    int rc;
    do {
        z.next_out = out;
        z.avail_out = sizeof out;
        rc = inflate(&z, Z_NO_FLUSH);
    } while (rc == Z_OK);
    if (rc != Z_STREAM_END)
        fail("%s: inflate says %d", path, rc);
    size_t total = z.total_out;
    inflateEnd(&z);
    free(bytes);
    return total;
}

int main(int argc, char **argv)
{
    bench_name = "start";
    if (argc > 1 && !strcmp(argv[1], "first-batch"))
        return first_batch(argv + 2);
    if (argc < 3 || strcmp(argv[1], "inflate"))
        fail("usage: start first-batch FMNISTD CONFIG ... | start inflate FILE...");
    size_t bytes = 0;
    double began = now();
    for (char **path = argv + 2; *path; path++)
        bytes += inflate_file(*path);
    printf("{\"program\": \"start\", \"seconds\": %.6f, \"bytes\": %zu}\n", now() - began, bytes);
    return 0;
}
