/* SPDX-License-Identifier: MIT */
/* Any bytes as a MATLAB file that is made plain: it is refused with a text, or what was written is
 * such a file itself, of as many arrays, and made plain again it is the same bytes. */
#include "base/io.h"
#include "fuzz/fuzz.h"
#include "import/mat_unpack.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static ssize_t give(void *data, void *buffer, size_t size, struct err *e)
{
    struct input *in = data;
    size_t n = in->left < size ? in->left : size;
    input_bytes(in, buffer, n);
    return (ssize_t)n;
}

/* Unpacks to a new file. Its content, malloc'd. */
static int unpack(const uint8_t *bytes, size_t size, uint8_t **plain, size_t *plain_size)
{
    struct input in = {bytes, size};
    const struct mat_source source = {&in, give};
    struct err e = {""};
    int fd = memfd_create("plain", MFD_CLOEXEC);
    assert(fd >= 0);
    int r = mat_unpack(&source, fd, &e);
    assert(r >= 0 || e.text[0]);
    *plain_size = (size_t)lseek(fd, 0, SEEK_END);
    *plain = malloc(*plain_size + 1);
    assert(pread_full(fd, *plain, *plain_size, 0) == (ssize_t)*plain_size);
    close(fd);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *once, *twice = NULL;
    size_t once_size, twice_size;
    int arrays = unpack(data, size, &once, &once_size);
    if (arrays >= 0) {
        assert(unpack(once, once_size, &twice, &twice_size) == arrays);
        assert(once_size == twice_size && !memcmp(once, twice, once_size));
    }
    free(once);
    free(twice);
    return 0;
}
