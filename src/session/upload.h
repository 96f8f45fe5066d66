/* SPDX-License-Identifier: MIT */
/* session/upload.h — a list on its way from a client: frames of numbers into one piece of memory.
 *
 * The memory is that which render/index_list_cache.h keeps afterwards, and the kernel gives it out
 * only as numbers come, so a client that announces a long list and sends none takes next to
 * nothing.
 *
 * Invariant: have + frame_left <= bytes.
 * Threads: the loop thread, and a worker in upload_keep, not both at a time.
 */
#ifndef SESSION_UPLOAD_H
#define SESSION_UPLOAD_H

#include "render/caches_memory.h"
#include "render/index_list_check.h"
#include "spec/spec.h"

#include <stdbool.h>
#include <sys/types.h>

struct upload {
    uint32_t *numbers;              /* owned until upload_keep */
    struct budget *budget;          /* that the bytes are of, until they are the cache's */
    uint64_t bytes;                 /* that are to come in all */
    uint64_t have;                  /* that came */
    uint32_t frame_left;            /* of the frame under way */
    struct index_list_check *check; /* owned; NULL until upload_keep */
};

/* Makes room for a list of so many bytes, taken from the caches' budget. Errors: -ENOMEM, -E2BIG.
 */
int upload_new(struct upload **out, struct render_caches *caches, uint64_t bytes, struct err *e);

/* Accepts NULL. */
void upload_free(struct upload *u);

/* The head of a frame came. Errors: -EPROTO for a body of no whole numbers, or too long. */
int upload_begin(struct upload *u, uint32_t body_bytes, struct err *e);

/* Takes what belongs to the frame under way. Returns how many of the bytes that are. */
size_t upload_put(struct upload *u, const void *data, size_t size);

/* The same, straight from a socket: what socket_receive returns. */
ssize_t upload_receive(struct upload *u, int fd);

static inline bool upload_is_whole(const struct upload *u)
{
    return u->have == u->bytes;
}

/* A step of checking the whole list, which is kept then: give it back with index_list_cache_put.
 * Returns whether it is. Errors: those of index_list_check.h and of index_list_cache_add. */
int upload_keep(struct upload *u, const struct spec *spec, struct index_list_cache *lists,
                const struct index_list **out, struct err *e);

#endif
