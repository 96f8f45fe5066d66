/* server/upload.h — a list on its way from a client: frames of numbers into one piece of memory.
 *
 * The memory is that which render/index_list_cache.h keeps afterwards, and the kernel gives it out
 * only as numbers come, so a client that announces a long list and sends none takes next to
 * nothing.
 *
 * Threads: the loop thread, and a worker in upload_keep, not both at a time.
 */
#ifndef SERVER_UPLOAD_H
#define SERVER_UPLOAD_H

#include "render/index_list_cache.h"
#include "server/server.h"
#include "spec/spec.h"

#include <sys/types.h>

struct upload {
    uint32_t *numbers;   /* owned until upload_keep */
    uint64_t bytes;      /* that are to come in all */
    uint64_t have;       /* that came */
    uint32_t frame_left; /* of the frame under way */
};

/* What the spec's list takes: 4 bytes an index and a length. */
uint64_t upload_bytes(const struct spec *spec);

/* Whether a user may have the spec's list, and permutations of it, beside what its sessions send
 * and read. A list that is read counts once, however many streams read it, and permutations once
 * for each stream, however many sit at it: streams of one order share theirs only while they are in
 * the same epoch. `stream` (may be NULL: the list is to come) is the one that reads it. Errors:
 * -E2BIG, with the limit. */
int upload_allowed(const struct server *server, uid_t uid, const struct spec *spec,
                   const struct stream *stream, struct err *e);

/* Makes room for the spec's list. Errors: -ENOMEM. */
int upload_new(struct upload **out, const struct spec *spec, struct err *e);

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

/* Checks the whole list and has it kept; give it back with index_list_cache_put. Blocks: reads all
 * of it. Errors: those of index_list_cache_add. */
int upload_keep(struct upload *u, const struct spec *spec, struct index_list_cache *lists,
                const struct index_list **out, struct err *e);

#endif
