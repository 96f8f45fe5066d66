/* SPDX-License-Identifier: MIT */
/* The page that the test made, mapped before main(). */
#include "faults/inject/page.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct inject_page none; /* until there is another, and without a test */
static struct inject_page *_Atomic mapped = &none;

__attribute__((constructor)) static void map_page(void)
{
    const char *path = getenv(INJECT_FILE);
    int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *p = (void *)syscall(SYS_mmap, NULL, sizeof none, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                              (off_t)0);
    syscall(SYS_close, fd);
    if (p != MAP_FAILED)
        atomic_store(&mapped, p);
}

struct inject_page *inject_page(void)
{
    return atomic_load_explicit(&mapped, memory_order_relaxed);
}

void page_leave(void)
{
    atomic_store(&mapped, &none);
}

bool page_hits(enum inject_call call)
{
    struct inject_page *p = inject_page();
    if (atomic_load_explicit(&p->call, memory_order_acquire) != call)
        return false;
    uint64_t n = atomic_fetch_add(&p->calls, 1);
    if ((n < atomic_load(&p->first) || n > atomic_load(&p->last)) && n != atomic_load(&p->again))
        return false;
    atomic_fetch_add(&p->failed, 1);
    return true;
}

int page_fails(enum inject_call call)
{
    return page_hits(call) ? atomic_load(&inject_page()->error) : 0;
}

bool page_is_within(const void *code, const char *library)
{
    Dl_info who;
    return dladdr(code, &who) && who.dli_fname && strstr(who.dli_fname, library);
}
