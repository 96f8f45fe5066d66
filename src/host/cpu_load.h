/* SPDX-License-Identifier: MIT */
/* host/cpu_load.h — whether the CPUs that this process may use are taken.
 *
 * A consumer waits because a neighbour is slow, or because both wait for a CPU. What runs at that
 * moment does not tell the two apart: where one of many has the last batch to give back, all others
 * sleep. How long the CPUs have been idle lately does.
 *
 * Source: proc(5), stat: time that each CPU has been idle, in ticks; loadavg: threads that run.
 * Threads: the owner's. Memory: none.
 */
#ifndef HOST_CPU_LOAD_H
#define HOST_CPU_LOAD_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

struct cpu_load {
    struct cpu_load_sample {
        uint64_t at_ns; /* 0: none */
        uint64_t idle_ns;
    } before, last;
    uint64_t asked_ns; /* when `full` was found out; 0: never */
    bool full;
};

/* Takes a sample, unless the last one is young. Callers do so whenever a consumer waits for a
 * neighbour. */
void cpu_load_look(struct cpu_load *l, uint64_t now_ns);

/* Whether at most two fifths of the CPUs' time was idle since a sample of CPU_LOAD_WINDOW_NS ago,
 * or a little more. Without such a sample: whether as many threads run now as there are CPUs. Two
 * fifths: consumers of one ring that take turns on all CPUs were seen to leave up to a third of
 * them idle; one that computes on one of two CPUs while another waits for it leaves half. */
bool cpu_load_is_full(struct cpu_load *l, uint64_t now_ns);

#define CPU_LOAD_WINDOW_NS UINT64_C(100000000)

/* How long the CPUs of `set` have been idle, by a text like /proc/stat's. */
uint64_t cpu_load_idle_ns(const char *path, const cpu_set_t *set);

#endif
