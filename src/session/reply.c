/* Builds and sends a reply. Does not wait: whoever owns the socket does. */
#include "session/reply.h"

#include "wire/socket.h"

#include <assert.h>
#include <errno.h>
#include <sys/uio.h>

void reply_begin(struct reply *r, uint16_t type)
{
    assert(r->out.size == 0 && r->sent == 0);
    uint8_t head[WIRE_HEAD_SIZE];
    wire_put_head(head, type, 0);
    wire_add(&r->out, head, sizeof head);
}

int reply_finish(struct reply *r)
{
    if (r->out.failed)
        return -ENOMEM;
    assert(r->out.size >= WIRE_HEAD_SIZE);
    uint16_t type = (uint16_t)(r->out.bytes[4] | r->out.bytes[5] << 8);
    wire_put_head(r->out.bytes, type, (uint32_t)(r->out.size - WIRE_HEAD_SIZE));
    return 0;
}

void reply_lend(struct reply *r, int first_fd, int second_fd)
{
    assert(r->fd_count == 0 && first_fd >= 0 && second_fd >= 0);
    r->fds[0] = first_fd;
    r->fds[1] = second_fd;
    r->fd_count = 2;
}

int reply_send(struct reply *r, int fd)
{
    while (r->sent < r->out.size) {
        const uint8_t *at = r->out.bytes + r->sent;
        size_t left = r->out.size - r->sent;
        struct iovec part = {.iov_base = (void *)at, .iov_len = left};
        ssize_t n = r->fd_count ? socket_send_fds(fd, at, left, r->fds, r->fd_count)
                                : socket_send(fd, &part, 1);
        if (n < 0)
            return (int)n;
        r->fd_count = 0;
        r->sent += (size_t)n;
        assert(r->sent <= r->out.size);
    }
    r->out.size = r->sent = 0;
    return 0;
}

void reply_free(struct reply *r)
{
    wire_buffer_free(&r->out);
}
