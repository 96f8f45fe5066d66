/* SPDX-License-Identifier: MIT */
/* ctl/synth_dataset.h — the four files of a drawn clothing set. Threads: one. Memory: one image. */
#ifndef CTL_SYNTH_DATASET_H
#define CTL_SYNTH_DATASET_H

#include "base/err.h"
#include "ctl/verbs.h"

/* Writes {train,t10k}-{images-idx3,labels-idx1}-ubyte, ".gz" unless raw, into the folder
 * in->output, which is made if missing: in->train and in->test images of in->size pixels a side.
 * Progress goes to standard error where that is a terminal and it takes more than a second.
 * Errors: a negative errno value; no unfinished file is left then. */
int synth_dataset_write(const struct invocation *in, struct err *err);

#endif
