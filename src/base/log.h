/* base/log.h — the programs' log: one line a message on standard error.
 *
 * Only the programs (the daemon's rooms, ctl/) log; other modules return their errors. Under a
 * service manager (JOURNAL_STREAM set) lines begin with "<priority>" and carry no time, as
 * sd-daemon(3) has it; elsewhere they begin with the local time and the level's name.
 *
 * Threads: any; a line is one write. Memory: none.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Lines above this level are dropped. Call before other threads start, or from the loop thread. */
void log_set_level(enum log_level level);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
