/* SPDX-License-Identifier: MIT */
/* Which level of the pixel loops runs. Needs libc only: the client library links this. */
#include "pixels/isa.h"
#include "pixels/isa_variants.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

const char *const isa_names[ISA_COUNT] = {"portable", "avx2", "avx512"};

/* ISA_COUNT: not chosen yet. Two threads that choose at once choose the same, so the order of
 * their stores does not matter, and no other memory hangs on the value. */
static _Atomic int level_in_use = ISA_COUNT;

#if defined(__x86_64__)
/* Asked of the CPU itself, because clang 14's __builtin_cpu_supports does not know the name. */
static bool has_f16c(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}
#endif

bool isa_available(enum isa level)
{
#if defined(__x86_64__)
    /* __builtin_cpu_supports also asks whether the kernel saves the wide registers. */
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") &&
                __builtin_cpu_supports("fma") && has_f16c();
    if (level == ISA_AVX512)
        return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (level == ISA_AVX2)
        return avx2;
#endif
    return level == ISA_PORTABLE;
}

static enum isa best_level(void)
{
    enum isa level = ISA_COUNT - 1;
    while (!isa_available(level))
        level--;
    return level;
}

void isa_force(enum isa level)
{
    assert(isa_available(level));
    atomic_store_explicit(&level_in_use, level, memory_order_relaxed);
}

int isa_choose(struct err *e)
{
    isa_force(best_level());
    const char *name = getenv("FMNIST_ISA");
    if (!name || !*name)
        return 0;
    for (enum isa level = 0; level < ISA_COUNT; level++) {
        if (strcmp(name, isa_names[level]) != 0)
            continue;
        if (!isa_available(level))
            return err_set(e, -EINVAL, "FMNIST_ISA=%s: this CPU or build has no %s, at most %s",
                           name, name, isa_names[best_level()]);
        isa_force(level);
        return 0;
    }
    return err_set(e, -EINVAL, "FMNIST_ISA=%.40s: unknown, want portable, avx2 or avx512", name);
}

enum isa isa_level(void)
{
    int level = atomic_load_explicit(&level_in_use, memory_order_relaxed);
    if (level == ISA_COUNT) {
        isa_choose(NULL);
        level = atomic_load_explicit(&level_in_use, memory_order_relaxed);
    }
    return (enum isa)level;
}
