/* SPDX-License-Identifier: MIT */
/* base/log.h — the programs' log: one line a message on standard error.
 *
 * Only the programs (the daemon's rooms, ctl/) log; other modules return their errors. Where
 * standard error is the journal's (JOURNAL_STREAM names its device and inode) lines begin with
 * "<priority>" and carry no time, as sd-daemon(3) has it; elsewhere they begin with the local date
 * and time (ISO 8601) and the level's name.
 *
 * A pipe that nobody reads, a stopped terminal and a full socket make a write wait for ever, and
 * O_NONBLOCK would be set for everybody who shares the open file. So whoever must not wait has a
 * thread write (log_start): lines are queued, and those that find the queue full are counted, which
 * the log says as soon as it takes lines again: "N lines were lost ...".
 *
 *     log_line ─► queue, LOG_QUEUE_LINES ─► the log's thread ─► write(2), one a line
 *
 * Threads: any, but for log_start and log_end. Memory: the queue, of a fixed size.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define LOG_QUEUE_LINES 512u /* of at most 1 KiB each */

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* "error", "warning", "info" or "debug". */
const char *log_level_name(enum log_level level);

/* Lines above this level are dropped. Call before other threads start, or from the loop thread. */
void log_set_level(enum log_level level);

/* Blocks: between log_start and log_end, never; else as write(2) does. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Whether standard error is the journal's. */
bool log_is_journal(void);

/* From here on a thread writes. Errors: -EAGAIN, with text. */
int log_start(struct err *e);

/* Waits until what is queued has been written, `within_ms` at most, and ends the thread. One that
 * standard error holds up by then is left to the process's end, and lines that follow are dropped.
 * Without log_start it does nothing. */
void log_end(uint32_t within_ms);

#endif
