/* SPDX-License-Identifier: MIT */
/* ctl/help.h — the texts of --help, on standard output. Threads: one. */
#ifndef CTL_HELP_H
#define CTL_HELP_H

#include "ctl/verbs.h"

void help_print_usage(void);
void help_print(const struct verb *verb);

#endif
