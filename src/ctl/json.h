/* SPDX-License-Identifier: MIT */
/* ctl/json.h — how JSON is printed: each result as one line.
 *
 * Threads: one.
 */
#ifndef CTL_JSON_H
#define CTL_JSON_H

#include <jansson.h>
#include <stdio.h>

/* Prints it compactly, a newline behind it, and drops the caller's reference. Reals have the digits
 * of a float32 (9), which is what batches are made of and more than a clock has; NULL prints
 * nothing.
 */
void ctl_print_json(FILE *to, json_t *all);

/* The same with all digits of a double: of figures that grow for months, whose differences count.
 */
void ctl_print_json_exact(FILE *to, json_t *all);

/* A text, or null where it is none or no UTF-8, as the name of a file may be. */
json_t *ctl_json_text(const char *text);

#endif
