/* server/usage.h — what the daemon holds and has used, for the status.
 *
 * Threads: the loop thread. Source: proc_pid_statm(5), getrusage(2).
 */
#ifndef SERVER_USAGE_H
#define SERVER_USAGE_H

#include "server/server.h"

#include <jansson.h>

/* {"datasets_bytes" mapped, of the datasets in the config, "samples_bytes" kept, "rings_bytes",
 * "permutations_bytes", "resident_bytes" of the whole process}. Dataset pages and samples are
 * resident once they are touched, so the sum may be more than what is resident, and code, stacks
 * and the allocator make it less. Owns: the caller. */
json_t *usage_memory(struct server *server);

/* User and system time of the process since its start. */
double usage_cpu_seconds(void);

#endif
