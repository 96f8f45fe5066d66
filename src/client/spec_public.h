/* client/spec_public.h — the public struct fmnist_spec as the inner struct spec. Threads: any. */
#ifndef CLIENT_SPEC_PUBLIC_H
#define CLIENT_SPEC_PUBLIC_H

#include "spec/spec.h"

/* Copies every field. Does not check ranges: spec_check does. Errors: FMNIST_EINVAL for a struct
 * of another size and for names that do not fit. */
int spec_from_public(struct spec *to, const struct fmnist_spec *from);

#endif
