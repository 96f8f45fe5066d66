/* SPDX-License-Identifier: MIT */
/* One buffer a file. What is as large as the buffer goes out by itself. */
#include "import/set_file.h"

#include "base/bytes.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUFFER_BYTES = 1 << 18, HEADER_MAX = 4 + 4 * 4 };

int set_file_open(struct set_file *f, int folder, const char *name, int dims, struct err *e)
{
    static const uint8_t nothing[HEADER_MAX];
    *f = (struct set_file){.fd = -1, .header_bytes = 4 + 4 * (uint32_t)dims};
    snprintf(f->name, sizeof f->name, "%s", name);
    f->buffer = malloc(BUFFER_BYTES);
    if (!f->buffer)
        return err_set(e, -ENOMEM, "out of memory");
    f->fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (f->fd < 0)
        return err_sys(e, -errno, "making %s", name);
    int rc = write_full(f->fd, nothing, f->header_bytes);
    return rc ? err_sys(e, rc, "writing %s", name) : 0;
}

int set_file_flush(struct set_file *f, struct err *e)
{
    int rc = write_full(f->fd, f->buffer, f->used);
    f->used = 0;
    return rc ? err_sys(e, rc, "writing %s", f->name) : 0;
}

int set_file_write(struct set_file *f, const void *bytes, size_t size, struct err *e)
{
    f->written += size;
    if (f->used + size > BUFFER_BYTES) {
        int rc = set_file_flush(f, e);
        if (rc)
            return rc;
    }
    if (size >= BUFFER_BYTES / 2) {
        int rc = write_full(f->fd, bytes, size);
        return rc ? err_sys(e, rc, "writing %s", f->name) : 0;
    }
    memcpy(f->buffer + f->used, bytes, size);
    f->used += size;
    return 0;
}

int set_file_finish(struct set_file *f, uint8_t type, const uint32_t *dims, int dim_count,
                    struct err *e)
{
    uint8_t header[HEADER_MAX] = {0, 0, type, (uint8_t)dim_count};
    for (int i = 0; i < dim_count; i++)
        put_be32(header + 4 + 4 * i, dims[i]);
    int rc = set_file_flush(f, e);
    if (rc)
        return rc;
    rc = pwrite_full(f->fd, header, f->header_bytes, 0);
    if (!rc && fsync(f->fd) < 0)
        rc = -errno;
    if (!rc && close(f->fd) < 0)
        rc = -errno;
    else if (rc)
        close(f->fd);
    f->fd = -1;
    return rc ? err_sys(e, rc, "writing %s", f->name) : 0;
}

void set_file_close(struct set_file *f)
{
    fd_close(&f->fd);
    free(f->buffer);
    f->buffer = NULL;
}
