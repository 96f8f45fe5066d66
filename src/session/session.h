/* SPDX-License-Identifier: MIT */
/* session/session.h — one connection: what comes in, what goes out, what it holds.
 *
 *                                     UPLOADING: handshake_ms without a byte
 *                        list unknown ▲ │ whole list
 *                                     │ ▼
 *     HELLO ──hello──► IDLE ──open──► OPENING ──job done──► STREAMING
 *       │ handshake_ms  │ ▲ job done,                          │ kicks, offers (shm),
 *       │  reload, asks ▼ │ answered                           │ batches (inline)
 *       │     RELOADING, ASKING (datasets, status)             │
 *       └────────── anything wrong: one error frame, then the end: CLOSING ─┘
 *
 * A session has at most one reply under way and reads nothing more until that is sent, so a client
 * that sends requests and never reads costs one reply. Whatever a client does wrong ends its own
 * session only. What a request does is not decided here: requests/ has a table of state and frame.
 *
 * A session that waits for a neighbour at its ring longer than it may (feed/consumer.h) is moved: a
 * worker finds or makes another ring of the same bytes, beginning where the session waits, and the
 * client is offered it (WIRE_OFFER). The session keeps both places until the client says which it
 * left (WIRE_LEAVE), so that no batch which it holds changes.
 *
 * Invariant: UPLOADING has an upload, STREAMING a place; an offer has a place beside it; OPENING,
 * RELOADING and UPLOADING have a task.
 * Threads: the loop thread.
 */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include "session/deliveries.h"
#include "session/frames.h"
#include "session/place.h"
#include "session/refusals.h"
#include "session/reply.h"
#include "session/upload.h"

enum session_state {
    SESSION_HELLO,
    SESSION_IDLE,
    SESSION_OPENING,
    SESSION_UPLOADING,
    SESSION_RELOADING,
    SESSION_ASKING,
    SESSION_STREAMING,
    SESSION_CLOSING,
    SESSION_STATES
};

struct session;

/* What a session waits for: a job that may outlive it. */
struct session_task {
    struct session *session; /* NULL: nobody waits, or it has ended */
    /* The session ends: the job is not to touch it any more. */
    void (*abandon)(struct session_task *t);
};

/* Who answers. */
struct session_protocol {
    void (*frame)(struct session *s, uint16_t type, const uint8_t *body, size_t size);
    void (*list_came)(struct session *s); /* UPLOADING: more of it */
};

/* All that are connected. */
struct sessions {
    const struct services *services;
    struct session_protocol *protocol;
    struct session *first;
    uint32_t count;
    uint32_t reserved; /* of them, at places that are kept for administrators (admission.h) */
    uint64_t last_id;
    uint64_t accepted, refused; /* since the start */
    struct refusals refusals;   /* in the log */
};

struct session {
    struct sessions *all;
    struct session *next;
    struct account *account;
    uint64_t id;
    uid_t uid;
    pid_t pid;
    bool reserved;     /* admission.h */
    uint64_t asked_ns; /* when it came, or sent its last request */
    int fd;            /* owned */
    int pid_fd;        /* owned; -1: the process cannot be watched */
    uv_poll_t poll;
    int events; /* that the loop watches its socket for */
    uv_poll_t pid_poll;
    uv_timer_t timer;         /* the state's: of the handshake, the list, the stall */
    int handles;              /* that libuv has not closed yet */
    enum session_state state; /* session_enter writes it */
    uint16_t question;        /* ASKING: the type of the frame (requests/inquiries.h) */

    struct frames in;
    struct reply reply;
    bool end_when_sent;

    struct session_task *task; /* under way; NULL: none */
    struct upload *upload;     /* the task's: where the list goes */

    struct place *place;   /* owned; NULL: no stream */
    struct place *offered; /* the same, of the ring that the client has been offered */

    uint64_t opened_ns, first; /* when the stream was opened, and with which batch */
    struct seat_waited waited; /* shm: at seats it has left */

    struct taker taker; /* the ledger's, while there is a stream */

    /* requests/migrate.c */
    bool stays;        /* no memory for a ring of its own */
    uint64_t moved_ns; /* when a place away from its neighbours was last looked for */
};

/* Who connected. */
struct session_peer {
    int fd;
    uid_t uid;
    pid_t pid;
    bool reserved; /* at a place of the reserve (admission.h) */
};

/* Takes over the peer's descriptor. Errors: -ENOMEM, -EMFILE; the descriptor is closed then. */
int session_new(struct session **out, struct sessions *all, const struct session_peer *peer,
                struct err *e);

static inline const struct services *session_services(const struct session *s)
{
    return s->all->services;
}

/* The one writer of the state; only the picture's arrows. */
void session_enter(struct session *s, enum session_state state);

/* Ends the session; what it holds goes back. `why` (may be NULL) is told to the client first, as
 * far as that goes without waiting. */
void session_close(struct session *s, int code, const char *why);

/* Ends the session without a word. */
void session_end(struct session *s);

/* The fmnist_result that a negative errno value of the inner modules is to a client. */
int session_code(int rc);

/* A reply, made with wire_add on what the first returns. The last one sends it, as far as that goes
 * now; the session may be CLOSING afterwards. */
struct wire_buffer *session_begin_reply(struct session *s, uint16_t type);
void session_finish_reply(struct session *s);

/* A reply whose body others are sent, too. The session may be CLOSING afterwards. */
void session_reply_with(struct session *s, uint16_t type, struct reply_body *body);

/* The request alone is refused, and the session goes on; it may be CLOSING afterwards. */
void session_refuse(struct session *s, int code, const char *why);

/* A request that took time is answered: takes up the frames that came behind it. The session may be
 * CLOSING afterwards. */
void session_go_on(struct session *s);

/* Events of a session's consumer: it failed, or its socket is full. */
void session_event(struct consumer *consumer);

/* The consumer is the session's now: its events come here. */
void session_own(struct session *s, struct place *place);

/* The same for what happened before it was the session's. The session may be CLOSING afterwards. */
void session_look(struct session *s, struct consumer *consumer);

/* For the status. */
struct session_stats {
    uint64_t stream_ns; /* since the stream was opened */
    uint64_t
        waited_ns; /* of it, that the client waited: as it says, or feed/inline_sender.h says */
    uint64_t waits;
};

/* Of a session that has a stream, by that time. */
void session_stats(const struct session *s, uint64_t now_ns, struct session_stats *f);

#endif
