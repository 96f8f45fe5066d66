/* SPDX-License-Identifier: MIT */
/* import/licence.h — the text that a source's own licence has. Threads: any. */
#ifndef IMPORT_LICENCE_H
#define IMPORT_LICENCE_H

#include "import/layer.h"

/* The member that the layer stands at: where it is called LICENSE or COPYING (with an ending or
 * not) and is text, it becomes *text, malloc'd; one that is there already stays. Errors: negative
 * errno values. */
int licence_take(struct layer *layer, const char *name, char **text, struct err *e);

#endif
