/* SPDX-License-Identifier: MIT */
/* The ring's wake-up protocol (src/ring/ring.h, src/feed/scheduler.c) as a model: two sides that look
 * at each other's words before they sleep, and neither of which may sleep for ever.
 *
 *     worker, has a batch                        reader, wants batch n
 *     fill the slot                              waiting = 1
 *     head = n + 1                               s = signal
 *     signal++                                   head > n? it is there
 *     waiting? FUTEX_WAKE(signal)                FUTEX_WAIT(signal, s)
 *
 *     worker, has no room                        reader, gives batch n back
 *     wake_at = w                                tail = n + 1
 *     tail >= w? there is room                   tail >= wake_at? KICK, unless that was answered
 *     sleep until a KICK
 *
 * Memory is x86's (TSO), to which C's operations come down there: a plain store waits in its CPU's
 * buffer, behind those before it, until memory takes it; a seq_cst store and a read-modify-write are
 * done when the buffer is empty. The kernel looks at the futex's word and goes to sleep in one step,
 * behind a barrier of its own.
 *
 * Checked by Spin (scripts/check-model), over every order of steps: that both come to their end, for
 * a wake-up that is lost leaves somebody asleep (an invalid end state); that what is read of a slot
 * is its batch, until it is given back. Each mutant, by a macro, leaves out what the protocol needs,
 * and must be found:
 *
 *     HEAD_FIRST        the head moves before the slot is filled
 *     NO_SIGNAL         the head moves, `signal` does not
 *     WAKE_FIRST        the worker looks whether somebody waits before it publishes
 *     NO_WAITING        the reader does not say that it waits
 *     SIGNAL_LATE       the reader takes `signal` behind its look at the head
 *     TAIL_RELAXED      the tail is a plain store
 *     WAKE_AT_RELAXED   wake_at is a plain store
 *     NO_SECOND_LOOK    the worker sleeps without a look at the tail behind its wake_at
 *     ANSWER_ONCE       the reader answers the first wake_at and no other
 *     KICK_FORGOTTEN    a KICK that the system had no memory for is not sent again
 *
 * Left out: short looks before a sleep; the end of every wait after 100 ms, which is there for the
 * daemon's death and would hide what is lost here, but for a reader that owes a KICK, which is sent
 * again then.
 */
#define BATCHES    5
#define SLOTS      2
#define NOT_PARKED 255
#define NOTHING    254

/* As memory has them. */
byte head, tail, wake_at = NOT_PARKED, signal, slots[SLOTS];
bool waiting;

/* Stores that memory has yet to take: of the worker's CPU, and of the reader's. */
mtype = { SLOT, HEAD, TAIL, WAKE_AT };
chan worker_buffer = [4] of { mtype, byte };
chan reader_buffer = [4] of { mtype, byte };

chan kicks = [8] of { bit };
bool reader_sleeps;
byte kicks_to_fail = 1;

#define PLAIN(buffer, word, value)   buffer!word,value
#define SEQ_CST(buffer, word, value) atomic { empty(buffer) -> word = value }

#ifdef WAKE_AT_RELAXED
#define PARK(value) PLAIN(worker_buffer, WAKE_AT, value)
#else
#define PARK(value) SEQ_CST(worker_buffer, wake_at, value)
#endif
#ifdef TAIL_RELAXED
#define GIVE_BACK(value) PLAIN(reader_buffer, TAIL, value)
#else
#define GIVE_BACK(value) SEQ_CST(reader_buffer, tail, value)
#endif

active proctype memory()
{
    byte value;
end:
    do
    :: atomic { worker_buffer?SLOT,value -> slots[value % SLOTS] = value }
    :: atomic { worker_buffer?HEAD,value -> head = value }
    :: atomic { worker_buffer?WAKE_AT,value -> wake_at = value }
    :: atomic { reader_buffer?TAIL,value -> tail = value }
    od
}

inline wake_if_waiting(waits)
{
    if
    :: waits -> reader_sleeps = false
    :: else
    fi
}

active proctype worker()
{
    byte n = 0;
    bool waits = false;
    do
    :: n == BATCHES -> break
    :: n < BATCHES && n < tail + SLOTS ->
#ifdef WAKE_FIRST
        waits = waiting;
#endif
#ifdef HEAD_FIRST
        PLAIN(worker_buffer, HEAD, n + 1);
        PLAIN(worker_buffer, SLOT, n);
#else
        PLAIN(worker_buffer, SLOT, n);
        PLAIN(worker_buffer, HEAD, n + 1);
#endif
#ifndef NO_SIGNAL
        atomic { empty(worker_buffer) -> signal++ };
#endif
#ifndef WAKE_FIRST
        waits = waiting;
#endif
        wake_if_waiting(waits);
        n++
    :: n < BATCHES && n >= tail + SLOTS ->
        PARK(n - SLOTS + 1);
        if
#ifndef NO_SECOND_LOOK
        :: n < tail + SLOTS
        :: n >= tail + SLOTS -> kicks?_
#else
        :: kicks?_
#endif
        fi;
        PARK(NOT_PARKED)
    od
}

/* FUTEX_WAIT: one step, behind a barrier; a wait with a KICK to send ends by itself. */
inline futex_wait(seen)
{
    atomic {
        empty(reader_buffer) ->
        if
        :: signal == seen -> reader_sleeps = true
        :: else
        fi
    };
    if
    :: !reader_sleeps
    :: owes_kick -> reader_sleeps = false
    fi
}

inline pay_kick()
{
    if
    :: owes_kick && kicks_to_fail > 0 ->
        kicks_to_fail--
#ifdef KICK_FORGOTTEN
        ; owes_kick = false
#endif
    :: owes_kick -> kicks!1; owes_kick = false
    :: !owes_kick
    fi
}

inline await(number)
{
    do
    :: head > number -> break
    :: else ->
#ifndef NO_WAITING
        SEQ_CST(reader_buffer, waiting, true);
#endif
        pay_kick();
#ifdef SIGNAL_LATE
        there = head > number;
        seen = signal;
#else
        seen = signal;
        there = head > number;
#endif
        if
        :: there
        :: else -> futex_wait(seen)
        fi;
        SEQ_CST(reader_buffer, waiting, false)
    od
}

inline release(number)
{
    GIVE_BACK(number + 1);
    wants = wake_at;
    if
#ifdef ANSWER_ONCE
    :: number + 1 >= wants && kicked_at == NOTHING -> kicked_at = wants; owes_kick = true
    :: else
#else
    :: number + 1 >= wants && wants != kicked_at -> kicked_at = wants; owes_kick = true
    :: else
#endif
    fi;
    pay_kick()
}

active proctype reader()
{
    byte n = 0, seen, wants, kicked_at = NOTHING;
    bool there, owes_kick = false;
    do
    :: n == BATCHES -> break
    :: else ->
        await(n);
        assert(slots[n % SLOTS] == n);
        release(n);
        n++
    od
}
