/* SPDX-License-Identifier: MIT */
/* import/mat_wire.h — what goes between fmnistctl and its child that runs matio (import/mat.h).
 *
 * One stream socket. The child first sends its arrays; then for each request it sends values, in
 * frames. Every answer is a frame: its code is 0, or negative with a text behind it, which is the
 * last. fmnistctl believes no length: it takes what it asked for.
 */
#ifndef IMPORT_MAT_WIRE_H
#define IMPORT_MAT_WIRE_H

#include "import/mat.h"

struct mat_request {
    uint32_t array, form;
};

struct mat_frame {
    int32_t code;
    uint32_t bytes; /* that follow */
};

/* The child: reads the file at descriptor `file` by matio, answers at `socket`, and ends the
 * process. */
__attribute__((noreturn)) void mat_child(int file, int socket);

/* From here on this process reads, writes and takes memory, and makes no other system call: one
 * ends it. Where the kernel has no filters, or for an unknown machine, nothing happens. */
void mat_confine(void);

#endif
