/* SPDX-License-Identifier: MIT */
/* client/spec_public.h — the public struct fmnist_spec as the inner struct spec. Threads: any. */
#ifndef CLIENT_SPEC_PUBLIC_H
#define CLIENT_SPEC_PUBLIC_H

#include "spec/spec.h"

/* A program's struct as ours, whichever header it was built against. Errors: sized_take's. */
int spec_take(struct fmnist_spec *to, const struct fmnist_spec *theirs);

/* Copies every field but the list's. Does not check ranges: spec_check does. Errors: FMNIST_EINVAL
 * for names that do not fit. */
int spec_from_public(struct spec *to, const struct fmnist_spec *from);

/* Adds the list, if there is one: its counts, its digest, and with lengths the longest as the
 * batch size. `list` borrows the caller's arrays. value_count: of the spec's chain, for an image.
 * Errors: FMNIST_EINVAL for lengths that are not those of the list, for counts without their
 * arrays, and for values that the spec has no use for, or lacks. */
int spec_add_list(struct spec *to, struct list *list, const struct fmnist_spec *from,
                  uint32_t value_count);

#endif
