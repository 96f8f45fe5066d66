/* SPDX-License-Identifier: MIT */
/* By nettle, which libarchive brings along, and which knows the CPU's own instructions for it. */
#include "import/digest.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK_BYTES = 1 << 20 };

static int digest_descriptor(int fd, uint8_t *block, uint8_t digest[32], struct err *e)
{
    struct sha256_ctx sum;
    ssize_t n;
    sha256_init(&sum);
    while ((n = read_full(fd, block, BLOCK_BYTES)) > 0)
        sha256_update(&sum, (size_t)n, block);
    sha256_digest(&sum, 32, digest);
    return n < 0 ? err_sys(e, (int)n, "reading it for its SHA-256") : 0;
}

int digest_file(const char *path, uint8_t digest[32], struct err *e)
{
    struct stat st;
    if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
        return 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, -errno, "opening it for its SHA-256");
    uint8_t *block = malloc(BLOCK_BYTES);
    int rc = block ? digest_descriptor(fd, block, digest, e) : err_set(e, -ENOMEM, "out of memory");
    free(block);
    fd_close(&fd);
    return rc;
}
