/* SPDX-License-Identifier: MIT */
/* wire/socket.h — sending and receiving on a Unix stream socket, descriptors included.
 *
 * Every call retries EINTR, never raises SIGPIPE and never blocks longer than the descriptor's own
 * mode says. Threads: any. Source: unix(7), cmsg(3).
 */
#ifndef WIRE_SOCKET_H
#define WIRE_SOCKET_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

/* Sends what fits. Returns the bytes sent, or a negative errno value (-EAGAIN: nothing fits). */
ssize_t socket_send(int fd, const struct iovec *parts, size_t part_count);

/* The same, with descriptors that travel with the first byte. */
ssize_t socket_send_fds(int fd, const void *data, size_t size, const int *fds, size_t fd_count);

/* Lets the kernel hold as many unread bytes as its limit (net.core.wmem_max) allows, so that
 * sender and reader wait for each other less often. */
void socket_widen(int fd);

/* Receives what is there. Returns the bytes, 0 at the end, or a negative errno value. Errors:
 * -EPROTO where descriptors came along, which are closed. */
ssize_t socket_receive(int fd, void *data, size_t size);
ssize_t socket_receive_parts(int fd, struct iovec *parts, size_t part_count);

/* The same as socket_receive, taking up to *fd_count descriptors (close-on-exec) into fds;
 * *fd_count is set to what came. Errors: -EPROTO for more descriptors than that, or for some that
 * were lost on the way (RLIMIT_NOFILE); all that came are closed then. Owns: the caller owns the
 * descriptors. */
ssize_t socket_receive_fds(int fd, void *data, size_t size, int *fds, size_t *fd_count);

#endif
