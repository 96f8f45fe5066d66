/* SPDX-License-Identifier: MIT */
/* host/usage.h — what the process holds and has used, for the status.
 *
 * Threads: any. Source: proc_pid_statm(5), getrusage(2).
 */
#ifndef HOST_USAGE_H
#define HOST_USAGE_H

#include <stdint.h>

/* Memory of the whole process that is in RAM; 0 where that cannot be read. */
uint64_t usage_resident_bytes(void);

/* User and system time of the process since its start. */
double usage_cpu_seconds(void);

#endif
