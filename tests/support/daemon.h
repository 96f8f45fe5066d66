/* SPDX-License-Identifier: MIT */
/* tests/support/daemon.h — a daemon of the test's own: started, watched and always reaped.
 *
 * The program is support_program("fmnistd"), run by $FMNISTD_UNDER with its arguments where that is
 * set (scripts/run-filtered). Its config and its socket ("fmnistd.sock") lie in the test's folder;
 * its log comes through a pipe. It dies with the test
 * process. Waiting is for an event (a line, an end), bounded by DAEMON_PATIENCE_MS, and a wait that
 * takes longer fails the test. Threads: the test thread. Memory: none.
 */
#ifndef TESTS_DAEMON_H
#define TESTS_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define DAEMON_PATIENCE_MS 60000

struct daemon {
    pid_t pid;
    int log_fd;
    char socket[512];
    char config[512];
    char log[1 << 16]; /* what was read so far, its beginning where it is longer */
    size_t log_bytes;
};

/* From here on every daemon that is started gets this listening socket as a service manager passes
 * it (sd_listen_fds(3)), and `count` in LISTEN_FDS; -1: none any more. */
void daemon_pass_socket(int fd, int count);

/* Writes the config and starts the daemon; returns when it is ready to serve. */
void daemon_start(struct daemon *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Starts it again, with the config that is there. */
void daemon_restart(struct daemon *d);

/* Runs a daemon that is expected to end by itself. Returns its exit status; the log is in d. */
int daemon_run(struct daemon *d, const char *config);

/* Ends it and takes the process. stop: with SIGTERM, and the end has to be orderly (status 0). */
void daemon_stop(struct daemon *d);
void daemon_kill(struct daemon *d);

/* Stops all its threads (SIGSTOP), and returns when they are; lets them go on. */
void daemon_pause(const struct daemon *d);
void daemon_continue(const struct daemon *d);

/* Takes a daemon that ends by itself. Returns its wait status. */
int daemon_reap(struct daemon *d);

/* Open descriptors, and CPU time used so far in clock ticks. */
unsigned daemon_descriptors(const struct daemon *d);
uint64_t daemon_cpu_ticks(const struct daemon *d);

/* Waits until `is_so(data)`, looking once a millisecond; false after DAEMON_PATIENCE_MS. For what
 * the kernel or another process does without telling us. */
bool daemon_wait_until(bool (*is_so)(void *data), void *data);

#endif
