/* SPDX-License-Identifier: MIT */
/* spec/spec.h — what a stream is: its fields, their names, ranges and bytes.
 *
 * One struct says which batches a client wants. The client library fills it from the public
 * struct fmnist_spec, the daemon from a message; the meaning of every field and number is that of
 * include/fmnist.h. Checks here need no dataset: names, ranges, and what excludes what. What
 * depends on a dataset (its size, its channels) is checked by render/render_plan.h.
 *
 * Shape: the encoded form is SPEC_BYTES bytes, little-endian, every field at a fixed offset,
 * strings zero-filled. Invariant: spec_decode(spec_encode(s)) == s for every s that spec_check
 * accepts, but for `select`, which travels by itself. What the chain's text says is checked by
 * augment/. Threads: any. Memory: none.
 */
#ifndef SPEC_SPEC_H
#define SPEC_SPEC_H

#include "base/err.h"
#include "fmnist.h"
#include "spec/list.h"

#include <stddef.h>
#include <stdint.h>

#define SPEC_NAME_SIZE 64 /* a dataset's or split's name, with its ending 0 */
#define SPEC_BATCH_MAX (1u << 24)
#define SPEC_SIDE_MAX  4096u
#define SPEC_WORLD_MAX 65536u
#define SPEC_EPOCH_MAX UINT64_C(0xffffffff)
#define SPEC_LIST_MAX  UINT64_C(200000000)
#define SPEC_VIEWS_MAX 16u
#define SPEC_BYTES     1328

/* A chain of transforms as text (augment/chain.h), with its ending 0. */
#define SPEC_AUGMENT_SIZE 1024

/* A selection as text (cut/cut.h), with its ending 0. It is no part of the encoded form: a part of
 * a split is a list that the daemon makes, and known by that list's digest. */
#define SPEC_SELECT_SIZE 640

/* What comes first of the encoded form, and all of it that is not 0 without a chain. */
#define SPEC_PLAIN_BYTES 288

struct spec {
    char dataset[SPEC_NAME_SIZE];
    char split[SPEC_NAME_SIZE];
    uint32_t batch_size;
    uint32_t drop_last;
    uint32_t resize;
    uint32_t height;
    uint32_t width;
    uint32_t dtype;
    uint32_t layout;
    uint32_t channels;
    uint32_t mean_count;
    float mean[FMNIST_CHANNELS_MAX];
    uint32_t std_count;
    float std[FMNIST_CHANNELS_MAX];
    uint32_t label_dtype;
    uint32_t order;
    uint64_t seed;
    uint32_t rank;
    uint32_t world_size;
    uint32_t pad;
    uint32_t transport;
    uint64_t epoch;
    uint64_t epochs;
    /* The list stays outside: spec/list.h. All 0 without one. */
    uint64_t list_count;
    uint64_t list_batch_count; /* 0: batches are runs of batch_size */
    uint8_t list_digest[LIST_DIGEST_SIZE];
    uint32_t list_value_count; /* draws that the list has for an index, of all views */
    /* "": none, and draws and views are 0 then */
    uint32_t draws;
    uint32_t views;
    char augment[SPEC_AUGMENT_SIZE];
    char select[SPEC_SELECT_SIZE]; /* "": all of the split */
};

/* The defaults that include/fmnist.h states. */
void spec_init(struct spec *s);

/* Sets one field from text; see fmnist_spec_set. Errors: -EINVAL. */
int spec_set(struct spec *s, const char *field, const char *value, struct err *e);

/* Refuses any field out of its range and any pair of fields that exclude each other.
 * Errors: -EINVAL, with the field, the value and what is allowed. */
int spec_check(const struct spec *s, struct err *e);

void spec_encode(const struct spec *s, uint8_t out[SPEC_BYTES]);

/* Reads the bytes and checks the result. Errors: -EINVAL. */
int spec_decode(struct spec *s, const uint8_t in[SPEC_BYTES], struct err *e);

/* The name of an enum's value ("pillow-bilinear" of field "resize"). Returns NULL for a number
 * that the field does not have. */
const char *spec_name(const char *field, uint32_t value);

/* The i-th name that the field takes, "true" and "false" of a flag. Returns NULL behind the last,
 * and for a field of other values. */
const char *spec_value(const char *field, size_t i);

/* Bytes of one element of a dtype. */
uint32_t dtype_bytes(uint32_t dtype);

#endif
