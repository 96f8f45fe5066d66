/* server/session_state.h — a session's insides, for the files that make it up: session.c (the
 * connection), seating.c (the streams it reads).
 *
 * Threads: the loop thread.
 */
#ifndef SERVER_SESSION_STATE_H
#define SERVER_SESSION_STATE_H

#include "server/session.h"
#include "server/upload.h"
#include "wire/message.h"

enum state { HELLO, IDLE, OPENING, UPLOADING, STREAMING, CLOSING }; /* OPENING: or reloading */

struct session {
    struct server *server;
    struct session *next;
    uint64_t id;
    uid_t uid;
    pid_t pid;
    int fd;     /* owned */
    int pid_fd; /* owned; -1: the process cannot be watched */
    uv_poll_t poll;
    uv_poll_t pid_poll;
    uv_timer_t timer;
    int handles; /* that libuv has not closed yet */
    enum state state;

    uint8_t in[WIRE_HEAD_SIZE + WIRE_REQUEST_MAX];
    size_t in_bytes;

    struct wire_buffer out; /* the reply under way, head included */
    size_t out_sent;
    int out_fds[2]; /* borrowed from the stream; travel with the first byte */
    size_t out_fd_count;
    bool end_when_sent;

    struct seat_job *seating;  /* under way: opening, or moving away from a neighbour */
    struct consumer *consumer; /* owned, through the pool; NULL: no stream */
    struct consumer *offered;  /* the same, of the ring that the client has been offered */
    bool stays;                /* no memory for a ring of its own */
    uint64_t moved_ns;         /* when a place away from its neighbours was last looked for */

    uint64_t opened_ns, first; /* when the stream was opened, and with which batch */
    struct seat_waited waited; /* shm: at seats it has left */

    struct reload_job *reload; /* that this session asked for */
};

/* The fmnist_result that a negative errno value of the inner modules is to a client. */
int session_code(int rc);

/* A reply, made with wire_add on s->out between the two. The last one sends it, as far as that goes
 * now; the session may be CLOSING afterwards. */
void session_begin_reply(struct session *s, uint16_t type);
void session_finish_reply(struct session *s);

/* A request that took time is answered: takes up the frames that came behind it. The session may be
 * CLOSING afterwards. */
void session_go_on(struct session *s);

/* Ends the session without a word. */
void session_end(struct session *s);

/* ---- seating.c ----------------------------------------------------------------------------- */

/* Requests: OPEN, KICK, LEAVE. */
void seating_open(struct session *s, const uint8_t *body, size_t size);
void seating_kick(struct session *s);
void seating_leave(struct session *s, enum wire_leave which);

/* The list that comes, or came, for the stream that is being opened; NULL: none does. */
struct upload *seating_upload(const struct session *s);

/* UPLOADING: more of the list came. */
void seating_list_came(struct session *s);

/* The session ends: whatever it reads or is about to read goes back. */
void seating_end(struct session *s);

#endif
