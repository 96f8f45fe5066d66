/* SPDX-License-Identifier: MIT */
/* Fuzzes dataset_file_read and what a config takes of it: any bytes are a dataset.yaml, or are
 * refused in one line that names its place; no name in it leads out of the folder. */
#include "config/config.h"
#include "fuzz/fuzz.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/fmnist-fuzz-XXXXXX", config[64], file[64];

static void end(void)
{
    unlink(config);
    unlink(file);
    rmdir(folder);
}

static void write_file(const char *path, const void *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int failed = fd < 0 || write(fd, data, size) != (ssize_t)size;
    assert(!failed);
    close(fd);
}

static void begin(void)
{
    static const char text[] = "datasets:\n  - path: .\n";
    char *made = mkdtemp(folder);
    assert(made);
    snprintf(config, sizeof config, "%s/c.yaml", folder);
    snprintf(file, sizeof file, "%s/dataset.yaml", folder);
    write_file(config, text, sizeof text - 1);
    atexit(end);
}

/* No absolute name, and no ".." in its way. */
static void check_name(const char *name)
{
    if (!name)
        return;
    assert(*name && *name != '/');
    for (const char *at = name; at; at = strchr(at, '/')) {
        at += *at == '/';
        assert(strncmp(at, "..", 2) || (at[2] && at[2] != '/'));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config c;
    struct err e = {""};
    if (!*config)
        begin();
    write_file(file, data, size);
    int rc = config_load(&c, config, &e);
    assert(!rc ||
           (rc == -EINVAL && !strncmp(e.text, folder, strlen(folder)) && !strchr(e.text, '\n')));
    for (int i = 0; !rc && i < DATASET_SPLITS; i++) {
        check_name(c.datasets[0].splits[i].images);
        check_name(c.datasets[0].splits[i].labels);
    }
    config_free(&c);
    return 0;
}
