/* SPDX-License-Identifier: MIT */
/* client/unreachable.h — why a socket cannot be connected to, and what its user can do about it.
 * Threads: any. Memory: none.
 */
#ifndef CLIENT_UNREACHABLE_H
#define CLIENT_UNREACHABLE_H

/* FMNIST_ECONNECT, with the sentence that fits `error`, the errno value of connect(2), and what
 * lies at the path. Blocks: to look user and group names up. */
int unreachable(const char *path, int error);

/* FMNIST_ENOMEM: this process may not have more descriptors. */
int no_descriptors_here(int error);

#endif
