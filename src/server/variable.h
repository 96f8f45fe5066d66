/* SPDX-License-Identifier: MIT */
/* server/variable.h — numbers that a service manager puts in the environment. Threads: while nobody
 * changes the environment. */
#ifndef SERVER_VARIABLE_H
#define SERVER_VARIABLE_H

#include <stdint.h>

/* A variable's whole number, in digits alone; -1 where it has none, or none that fits. */
int64_t variable_number(const char *name);

#endif
