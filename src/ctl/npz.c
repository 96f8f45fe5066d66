/* SPDX-License-Identifier: MIT */
/* .npy headers of our own, the ZIP around them by libarchive. */
#include "ctl/npz.h"

#include "base/bytes.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NPY_HEADER_MAX  256
#define WRITE_BYTES     (256 << 10)         /* a write(2) */
#define ARRAY_BYTES_MAX (UINT64_C(1) << 62) /* an entry's size is an int64_t */

struct npz {
    struct archive *archive;
    uint64_t missing; /* bytes that the array begun last still wants */
};

static int failed(struct npz *z, struct err *e)
{
    const char *text = archive_error_string(z->archive);
    int number = archive_errno(z->archive);
    if (!text || number <= 0)
        return err_set(e, -EIO, "%s", text ? text : "writing the archive failed");
    return err_set(e, -EIO, "%s: %s", text, strerror(number));
}

static int incomplete(const struct npz *z, struct err *e)
{
    return err_set(e, -EIO, "%llu bytes of an array are missing", (unsigned long long)z->missing);
}

int npz_open(struct npz **out, int fd, struct err *e)
{
    struct npz *z = calloc(1, sizeof *z);
    if (z)
        z->archive = archive_write_new();
    if (!z || !z->archive) {
        free(z);
        return err_set(e, -ENOMEM, "out of memory");
    }
    if (archive_write_set_format_zip(z->archive) != ARCHIVE_OK ||
        archive_write_zip_set_compression_store(z->archive) != ARCHIVE_OK ||
        archive_write_set_bytes_per_block(z->archive, WRITE_BYTES) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(z->archive, 1) != ARCHIVE_OK ||
        archive_write_open_fd(z->archive, fd) != ARCHIVE_OK) {
        int rc = failed(z, e);
        archive_write_free(z->archive);
        free(z);
        return rc;
    }
    *out = z;
    return 0;
}

/* Magic, version 1.0, length, a dictionary, spaces and a newline up to a multiple of 64 bytes. */
static size_t make_header(char out[NPY_HEADER_MAX], const char *descr, const uint64_t *shape,
                          size_t dimensions)
{
    char dictionary[NPY_HEADER_MAX - 10];
    int n = snprintf(dictionary, sizeof dictionary,
                     "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
    for (size_t i = 0; i < dimensions; i++)
        n += snprintf(dictionary + n, sizeof dictionary - (size_t)n, "%llu,%s",
                      (unsigned long long)shape[i], i + 1 < dimensions ? " " : "");
    n += snprintf(dictionary + n, sizeof dictionary - (size_t)n, "), }");
    size_t size = (10 + (size_t)n + 1 + 63) / 64 * 64;
    memset(out, ' ', size);
    memcpy(out, "\x93NUMPY\x01\x00", 8);
    out[8] = (char)((size - 10) & 0xff);
    out[9] = (char)((size - 10) >> 8);
    memcpy(out + 10, dictionary, (size_t)n);
    out[size - 1] = '\n';
    return size;
}

int npz_begin(struct npz *z, const char *name, const char *descr, const uint64_t *shape,
              size_t dimensions, uint32_t item_bytes, struct err *e)
{
    char header[NPY_HEADER_MAX], path[64];
    if (z->missing)
        return incomplete(z, e);
    size_t header_bytes = make_header(header, descr, shape, dimensions);
    uint64_t bytes = item_bytes;
    for (size_t i = 0; i < dimensions; i++)
        if (!size_mul(bytes, shape[i], &bytes) || bytes > ARRAY_BYTES_MAX)
            return err_set(e, -EFBIG, "array \"%s\" is too large", name);
    snprintf(path, sizeof path, "%s.npy", name);
    struct archive_entry *entry = archive_entry_new();
    if (!entry)
        return err_set(e, -ENOMEM, "out of memory");
    archive_entry_set_pathname(entry, path);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_mtime(entry, 315532800, 0); /* ZIP's first day: equal content, equal file */
    archive_entry_set_size(entry, (int64_t)(header_bytes + bytes));
    int rc = archive_write_header(z->archive, entry) == ARCHIVE_OK ? 0 : failed(z, e);
    archive_entry_free(entry);
    z->missing = header_bytes + bytes;
    return rc ? rc : npz_write(z, header, header_bytes, e);
}

int npz_write(struct npz *z, const void *data, size_t size, struct err *e)
{
    if (size > z->missing)
        return err_set(e, -EIO, "%llu bytes more than the array has",
                       (unsigned long long)(size - z->missing));
    for (size_t done = 0; done < size;) {
        ssize_t n = archive_write_data(z->archive, (const char *)data + done, size - done);
        if (n <= 0)
            return failed(z, e);
        done += (size_t)n;
        z->missing -= (uint64_t)n;
    }
    return 0;
}

int npz_close(struct npz *z, struct err *e)
{
    if (!z)
        return 0;
    int rc = z->missing ? incomplete(z, e) : 0;
    if (archive_write_close(z->archive) != ARCHIVE_OK && !rc)
        rc = failed(z, e);
    archive_write_free(z->archive);
    free(z);
    return rc;
}
