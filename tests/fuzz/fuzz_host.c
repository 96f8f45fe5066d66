/* SPDX-License-Identifier: MIT */
/* What the kernel shows, with any bytes in it: a container may mount what it likes there. The
 * texts of the files stand one behind the other, each with its ending 0. */
#include "fuzz/fuzz.h"
#include "host/cpu_load.h"
#include "host/cpus.h"
#include "host/memory.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];

static void end(void)
{
    static const char *const entries[] = {"cpu.max",
                                          "a/cpu.max",
                                          "cpu/cpu.cfs_quota_us",
                                          "cpu/cpu.cfs_period_us",
                                          "cpu/a/cpu.cfs_quota_us",
                                          "cpu/a/cpu.cfs_period_us",
                                          "memory.max",
                                          "memory.high",
                                          "a/memory.max",
                                          "memory/memory.limit_in_bytes",
                                          "memory/a/memory.limit_in_bytes"};
    char path[128];
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        snprintf(path, sizeof path, "%s/%s", root, entries[i]);
        unlink(path);
    }
    static const char *const folders[] = {"cpu/a", "cpu", "memory/a", "memory", "a", ""};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(path, sizeof path, "%s/%s", root, folders[i]);
        rmdir(path);
    }
}

static void begin(void)
{
    char path[128];
    static const char *const folders[] = {"a", "cpu", "cpu/a", "memory", "memory/a"};
    snprintf(root, sizeof root, "/dev/shm/fmnist-fuzz-XXXXXX");
    if (!mkdtemp(root))
        abort();
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(path, sizeof path, "%s/%s", root, folders[i]);
        mkdir(path, 0700);
    }
    atexit(end);
}

/* The next text; an empty one behind the last. */
static const char *next_text(struct input *in)
{
    const char *text = (const char *)in->at;
    size_t n = strnlen(text, in->left);
    in->at += n < in->left ? n + 1 : n;
    in->left -= n < in->left ? n + 1 : n;
    return text;
}

static void write_file(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", root, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert(fd >= 0);
    ssize_t n = write(fd, text, strlen(text));
    assert(n == (ssize_t)strlen(text));
    close(fd);
}

static void look_at_quotas(struct input *in)
{
    const char *cgroups = next_text(in);
    write_file("cpu.max", next_text(in));
    write_file("a/cpu.max", next_text(in));
    write_file("cpu/cpu.cfs_quota_us", next_text(in));
    write_file("cpu/cpu.cfs_period_us", next_text(in));
    write_file("cpu/a/cpu.cfs_quota_us", next_text(in));
    write_file("cpu/a/cpu.cfs_period_us", next_text(in));
    uint32_t cpus = quota_cpus(cgroups, root);
    assert(cpus >= 1);
}

/* No text makes a limit higher than one that stands beside it. */
static void look_at_memory(struct input *in)
{
    const char *cgroups = next_text(in);
    write_file("memory.max", "max\n");
    write_file("memory.high", next_text(in));
    write_file("a/memory.max", next_text(in));
    write_file("memory/memory.limit_in_bytes", next_text(in));
    write_file("memory/a/memory.limit_in_bytes", next_text(in));
    host_memory_total(next_text(in));
    uint64_t without = host_memory_of_cgroups(cgroups, root);
    write_file("memory.max", next_text(in));
    assert(host_memory_of_cgroups(cgroups, root) <= without);
}

static void look_at_load(struct input *in)
{
    char path[32];
    cpu_set_t all;
    memset(&all, 0xff, sizeof all);
    int fd = memfd_create("stat", MFD_CLOEXEC);
    assert(fd >= 0);
    ssize_t n = write(fd, in->at, in->left);
    assert(n == (ssize_t)in->left);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    cpu_load_idle_ns(path, &all);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!*root)
        begin();
    /* With an ending 0 behind all of it. */
    char *copy = calloc(size + 1, 1);
    assert(copy);
    memcpy(copy, data, size);
    struct input in = {(const uint8_t *)copy, size};
    static void (*const looks[])(struct input *) = {look_at_load, look_at_quotas, look_at_memory};
    looks[input_u8(&in) % 3](&in);
    free(copy);
    return 0;
}
