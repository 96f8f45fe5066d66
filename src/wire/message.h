/* SPDX-License-Identifier: MIT */
/* wire/message.h — what client and daemon say to each other, as bytes. Pure.
 *
 * Shape: a frame is an 8-byte head {body bytes u32, type u16, 0 u16} and its body; every number is
 * little-endian. docs/protocol.md tells the conversation. A frame with descriptors travels alone in
 * its sendmsg, so its bytes never merge with another frame's.
 *
 * Decoding never reads outside the body and refuses a body that is too short or too long.
 * Threads: any. Memory: the caller's, but for what is said to be malloc'd.
 */
#ifndef WIRE_MESSAGE_H
#define WIRE_MESSAGE_H

#include "base/err.h"
#include "spec/spec.h"
#include "spec/token.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_VERSION     4u
#define WIRE_HEAD_SIZE   8u
#define WIRE_REQUEST_MAX 2048u       /* the longest body that a client may send but for a list */
#define WIRE_LIST_MAX    (64u << 10) /* the longest body of WIRE_LIST */
#define WIRE_REPLY_MAX   (1u << 22)  /* the longest reply but for a batch */

enum wire_type {
    /* client to daemon */
    WIRE_HELLO = 1,    /* protocol version u32 */
    WIRE_DATASETS = 2, /* empty */
    WIRE_STATUS = 3,   /* empty */
    WIRE_OPEN = 4,     /* struct wire_open */
    WIRE_KICK = 5,     /* empty: the tail has reached wake_at, or the reader waits and holds
                        * batches or has neighbours */
    WIRE_LEAVE = 6,    /* u32, enum wire_leave: answers WIRE_OFFER */
    WIRE_LIST = 7,     /* answers WIRE_WANT_LIST: the next u32 numbers of the list, its indices,
                        * then its lengths, then its values, until all are there */
    WIRE_RELOAD = 8,   /* empty; the daemon's own user and root only */
    /* daemon to client */
    WIRE_WELCOME = 101,        /* protocol version u32, daemon's version as text */
    WIRE_DATASETS_REPLY = 102, /* struct wire_dataset, count times */
    WIRE_STATUS_REPLY = 103,   /* JSON text */
    WIRE_OPENED = 104,         /* struct wire_opened; shm: with two descriptors, ring and seat */
    WIRE_BATCH = 105,          /* inline: a slot laid out for its own count (ring/slot.h) */
    WIRE_ERROR = 106,          /* fmnist_result i32, text */
    WIRE_OFFER = 107,          /* u64: from that batch on there is a ring of the reader's own; with
                                * two descriptors, ring and seat, as large as those before */
    WIRE_WANT_LIST = 108,      /* empty: send the list first, WIRE_OPENED follows */
    WIRE_RELOADED = 109,       /* text: what changed, and what needs a restart */
    WIRE_REFUSED = 110         /* as WIRE_ERROR, but the connection goes on: answers WIRE_RELOAD */
};

enum wire_leave {
    WIRE_LEAVE_OLD = 0,    /* it went over, and holds nothing of the ring it had */
    WIRE_LEAVE_OFFERED = 1 /* it is past that batch, and stays where it is */
};

struct wire_head {
    uint32_t body_bytes;
    uint16_t type;
};

void wire_put_head(uint8_t out[WIRE_HEAD_SIZE], uint16_t type, uint32_t body_bytes);

/* Errors: -EPROTO where the reserved field is not 0. */
int wire_get_head(struct wire_head *h, const uint8_t in[WIRE_HEAD_SIZE], struct err *e);

/* ---- open ---------------------------------------------------------------------------------- */

struct wire_open {
    struct spec spec;
    bool at_token; /* begin at the token, and refuse another stream than its own */
    struct token token;
};
#define WIRE_OPEN_SIZE (SPEC_BYTES + 40)                       /* without a selection */
#define WIRE_OPEN_MAX  (WIRE_OPEN_SIZE + SPEC_SELECT_SIZE - 1) /* with the longest one behind it */

/* Returns the bytes. */
size_t wire_put_open(uint8_t out[WIRE_OPEN_MAX], const struct wire_open *m);

/* Errors: -EPROTO for a body of another length, -EINVAL for a spec out of range. */
int wire_get_open(struct wire_open *m, const uint8_t *body, size_t bytes, struct err *e);

/* What the daemon made of it. */
struct wire_opened {
    uint64_t sample_count;
    uint64_t steps;
    uint64_t epoch;
    uint64_t step;
    uint64_t sample_bytes; /* of one sample in a slot */
    uint32_t batch_size;   /* samples of a full slot */
    uint32_t channels;     /* of an image as delivered */
    uint32_t height;
    uint32_t width;
    uint32_t in_channels; /* of an image in a slot, of which a sample has `views` */
    uint32_t in_height;
    uint32_t in_width;
    uint32_t views;
    uint32_t float_samples; /* 1: samples are float32, not uint8 */
    uint32_t slot_count;    /* shm: of the ring; inline: 1 */
    uint8_t digest[16];
    uint8_t identity[16];
    uint32_t label_count; /* bytes of a sample's row of labels; 0: it has one, an int32 */
};
#define WIRE_OPENED_SIZE 120

void wire_put_opened(uint8_t out[WIRE_OPENED_SIZE], const struct wire_opened *m);
int wire_get_opened(struct wire_opened *m, const uint8_t *body, size_t bytes, struct err *e);

/* ---- datasets ------------------------------------------------------------------------------ */

struct wire_dataset {
    const char *name;
    const char *split;
    uint64_t count;
    uint32_t height, width, channels;
    uint32_t label_count; /* as in struct wire_opened */
    uint32_t class_count;
    char *const *class_names;
    uint8_t digest[16];
};

/* A growing buffer for replies. Memory: bytes is malloc'd; wire_buffer_free gives it back. */
struct wire_buffer {
    uint8_t *bytes;
    size_t size;
    size_t capacity;
    bool failed; /* out of memory, or more than WIRE_REPLY_MAX: everything after is left out */
};

void wire_buffer_free(struct wire_buffer *b);
void wire_add(struct wire_buffer *b, const void *data, size_t size);
void wire_add_u32(struct wire_buffer *b, uint32_t v);
void wire_add_u64(struct wire_buffer *b, uint64_t v);
void wire_add_text(struct wire_buffer *b, const char *text);

/* Appends one dataset's split; a reply is u32 count, then the items. */
void wire_add_dataset(struct wire_buffer *b, const struct wire_dataset *d);

/* Reading, with the bounds kept. A read past the end gives 0 or "" and sets `failed`. */
struct wire_cursor {
    const uint8_t *at;
    size_t left;
    bool failed;
    bool no_memory; /* failed for want of it: the bytes were right so far */
};

uint32_t wire_take_u32(struct wire_cursor *c);
uint64_t wire_take_u64(struct wire_cursor *c);
const void *wire_take(struct wire_cursor *c, size_t size);

/* A text of at most `max` bytes, malloc'd; NULL on failure. */
char *wire_take_text(struct wire_cursor *c, size_t max);

#endif
