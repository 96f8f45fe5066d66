/* SPDX-License-Identifier: MIT */
/* malloc(3) and its relatives: counted, and failing when they are told to. glibc's own stand behind
 * them under names of their own, so that nothing is looked up. */
#include "faults/inject/page.h"

#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

static bool refuses(const void *caller)
{
    int error = page_fails(CALL_memory);
    if (!error)
        return false;
    if (page_is_within(caller, "/libarchive"))
        atomic_store(&inject_page()->in_libarchive, 1);
    errno = error;
    return true;
}

static void count(void *memory, int sign)
{
    if (!memory)
        return;
    atomic_fetch_add(&inject_page()->live_bytes, sign * (int64_t)malloc_usable_size(memory));
    atomic_fetch_add(&inject_page()->live_blocks, sign);
}

static void *counted(void *memory)
{
    count(memory, 1);
    return memory;
}

SHOWN void *malloc(size_t size)
{
    return refuses(__builtin_return_address(0)) ? NULL : counted(__libc_malloc(size));
}

SHOWN void *calloc(size_t n, size_t size)
{
    return refuses(__builtin_return_address(0)) ? NULL : counted(__libc_calloc(n, size));
}

SHOWN void *realloc(void *memory, size_t size)
{
    if (refuses(__builtin_return_address(0)))
        return NULL;
    count(memory, -1);
    void *moved = __libc_realloc(memory, size);
    count(moved ? moved : size ? memory : NULL, 1);
    return moved;
}

SHOWN void *memalign(size_t alignment, size_t size)
{
    return refuses(__builtin_return_address(0)) ? NULL : counted(__libc_memalign(alignment, size));
}

SHOWN void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

SHOWN int posix_memalign(void **memory, size_t alignment, size_t size)
{
    void *made = memalign(alignment, size);
    if (!made)
        return ENOMEM;
    *memory = made;
    return 0;
}

SHOWN void free(void *memory)
{
    count(memory, -1);
    __libc_free(memory);
}
