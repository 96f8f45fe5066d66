/* SPDX-License-Identifier: MIT */
/* Whether this process is the one that opened a handle. */
#include "client/fork_guard.h"

#include "client/fail.h"
#include "fmnist.h"

#include <sys/mman.h>
#include <unistd.h>

#define GUARD_MARK 0x464d4e53u

int fork_guard_init(struct fork_guard *g)
{
    g->pid = (int)getpid();
    g->page = NULL;
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return fail(FMNIST_ENOMEM, "out of memory");
    if (madvise(page, size, MADV_WIPEONFORK) < 0) { /* before Linux 4.14 */
        munmap(page, size);
        return FMNIST_OK;
    }
    g->page = page;
    *g->page = GUARD_MARK;
    return FMNIST_OK;
}

void fork_guard_close(struct fork_guard *g)
{
    if (g->page)
        munmap((void *)g->page, (size_t)sysconf(_SC_PAGESIZE));
    g->page = NULL;
}

bool fork_guard_forked(const struct fork_guard *g)
{
    return g->page ? *g->page != GUARD_MARK : (int)getpid() != g->pid;
}

int guard_check(const struct fork_guard *g)
{
    if (!fork_guard_forked(g))
        return FMNIST_OK;
    return fail(FMNIST_EFORK,
                "this handle was made by process %d before fork(): connect and open again in "
                "process %d (a token says where to go on)",
                g->pid, (int)getpid());
}
