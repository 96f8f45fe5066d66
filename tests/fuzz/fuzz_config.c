/* SPDX-License-Identifier: MIT */
/* Fuzzes config_load: any bytes are a config, or are refused in one line that names its place. */
#include "config/config.h"
#include "fuzz/fuzz.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static void check_refused(int rc, const struct err *e, const char *path)
{
    unsigned line = 0;
    size_t length = strlen(path);
    assert(rc == -EINVAL);
    assert(!strncmp(e->text, path, length) && sscanf(e->text + length, ":%u: ", &line) == 1);
    assert(line >= 1 && !strchr(e->text, '\n'));
}

static void check_good(const struct config *c)
{
    assert(c->socket[0] == '/' && strlen(c->socket) <= 103);
    assert(c->dataset_count >= 1 && c->workers <= 256);
    assert(c->ring_bytes <= c->limits.ring_bytes);
    assert(c->limits.ring_bytes <= c->limits.ring_bytes_per_user);
    assert(c->limits.clients_per_user <= c->limits.clients);
    for (uint32_t i = 0; i < c->dataset_count; i++) {
        assert(strlen(c->datasets[i].name) < DATASET_NAME_SIZE);
        assert(c->datasets[i].path[0] == '/');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char path[32];
    struct config c;
    struct err e = {""};
    if (fd < 0) {
        fd = memfd_create("config", MFD_CLOEXEC);
        assert(fd >= 0);
        snprintf(path, sizeof path, "/dev/fd/%d", fd);
    }
    int failed = ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size;
    assert(!failed);
    int rc = config_load(&c, path, &e);
    if (rc)
        check_refused(rc, &e, path);
    else
        check_good(&c);
    config_free(&c);
    return 0;
}
