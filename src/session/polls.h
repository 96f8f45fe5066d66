/* SPDX-License-Identifier: MIT */
/* session/polls.h — descriptors for libuv to poll, without its ending the process.
 *
 * libuv keeps a table of what it polls by descriptor, and aborts where the table cannot grow
 * (1.44.2: src/unix/core.c:850, in uv__io_start). So it is grown at the start for as many
 * descriptors as the limits come to, and later only where the memory for it is there at that
 * moment. What is left is the kernel's own memory for a descriptor that is watched
 * (src/unix/epoll.c:166: epoll_ctl says ENOMEM, or ENOSPC past fs.epoll.max_user_watches), which
 * polls_init tries beforehand.
 *
 * Threads: the loop thread.
 */
#ifndef SESSION_POLLS_H
#define SESSION_POLLS_H

#include <stdint.h>
#include <uv.h>

/* uv_poll_init, where starting it cannot end the process. Errors: -ENOMEM, and those of
 * uv_poll_init. */
int polls_init(uv_loop_t *loop, uv_poll_t *poll, int fd);

/* Grows the table for that many descriptors, or as many as the process may have. `fd` is one that
 * can be polled. Errors: -ENOMEM. */
int polls_reserve(uv_loop_t *loop, int fd, uint64_t descriptors);

#endif
