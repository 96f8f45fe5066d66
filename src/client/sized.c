/* SPDX-License-Identifier: MIT */
/* Structs of programs that were built against another header than ours. */
#include "client/sized.h"

#include "client/fail.h"
#include "fmnist.h"

#include <string.h>

static size_t size_of(const void *sized)
{
    size_t size;
    memcpy(&size, sized, sizeof size);
    return size;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The place of the first byte from `at` on that is not 0, or `end`. */
static size_t first_set(const void *sized, size_t at, size_t end)
{
    const unsigned char *bytes = sized;
    while (at < end && !bytes[at])
        at++;
    return at < end ? at : end;
}

static int check_size(const struct sized_kind *kind, size_t size)
{
    if (size >= kind->first && size <= SIZED_MAX)
        return FMNIST_OK;
    return fail(FMNIST_EINVAL, "%s.size is %zu: want %zu (%s)", kind->name, size, kind->known,
                kind->how);
}

int sized_take(const struct sized_kind *kind, void *ours, const void *theirs)
{
    size_t size = size_of(theirs);
    int rc = check_size(kind, size);
    if (rc)
        return rc;
    size_t set = first_set(theirs, kind->known, size);
    if (set < size)
        return fail(FMNIST_EINVAL,
                    "%s.size is %zu, and byte %zu is set: this library, %s, knows the first %zu "
                    "bytes; a field behind them wants a later one",
                    kind->name, size, set, FMNIST_VERSION, kind->known);
    size_t common = smaller(size, kind->known);
    memcpy(ours, theirs, common);
    memset((char *)ours + common, 0, kind->known - common);
    return FMNIST_OK;
}

int sized_give(const struct sized_kind *kind, void *theirs, const void *ours)
{
    size_t size = size_of(theirs);
    int rc = check_size(kind, size);
    if (rc)
        return rc;
    size_t common = smaller(size, kind->known);
    memcpy((char *)theirs + sizeof size, (const char *)ours + sizeof size, common - sizeof size);
    memset((char *)theirs + common, 0, size - common);
    return FMNIST_OK;
}

int sized_give_back(const struct sized_kind *kind, void *theirs, const void *ours)
{
    size_t size = size_of(theirs);
    if (size < kind->known && first_set(ours, size, kind->known) < kind->known)
        return fail(FMNIST_EINVAL,
                    "%s.size is %zu: the header that this program was compiled with has no such "
                    "field",
                    kind->name, size);
    return sized_give(kind, theirs, ours);
}
