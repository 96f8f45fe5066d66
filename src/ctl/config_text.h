/* SPDX-License-Identifier: MIT */
/* ctl/config_text.h — a config as `fmnistd --print-config` prints it, made into one for a daemon
 * beside that one. Pure.
 *
 * Source: src/config/print.c. A key of the first level begins a line, and what is indented or a
 * comment belongs to the one before it; each dataset begins with `  - name: "..."`.
 * Threads: any.
 */
#ifndef CTL_CONFIG_TEXT_H
#define CTL_CONFIG_TEXT_H

/* The same with `workers` of them (0: auto), without the ledger, which is the other one's to write,
 * without its socket, and of the datasets with that one alone; with all of them where it is none of
 * them, so that the daemon can say so. malloc'd; NULL without memory. */
char *config_text_for(const char *printed, const char *dataset, unsigned workers);

/* What it says of its workers: "4 (default, the CPUs that it may use)" to text. "": nothing. */
void config_text_workers(const char *printed, char *text, unsigned size);

#endif
