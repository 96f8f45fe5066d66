/* SPDX-License-Identifier: MIT */
/* feed/user.h — one user of the daemon: the time that workers had for it, the jobs that wait for
 * one, and the memory that it holds.
 *
 * Workers serve users, and only then streams: the user that has had the least time is next, and of
 * that one its oldest job, or the consumer that has had the least (scheduler_next). So 126 streams
 * of one weigh as much as one of another, and what a user's jobs take its streams pay for, too. A
 * job goes before a stream of the same user; then its streams have as much time as its step took.
 *
 *     rings   of each ring, the share of the user's consumers among all that sit at it; and whole,
 *             those that nobody sits at: being made for it, or being freed behind it
 *     lists   lists on their way; lists that are read, each once; and the permutations of them,
 *             once for each stream: streams of one order share theirs only while they are in the
 *             same epoch
 *
 * Memory is charged before it is made, and until it is gone. What a user has is looked up among its
 * own consumers, whatever others do.
 *
 * Invariant: a user lives as long as somebody has a use of it, and beside others as long as it has
 * had more time than they: nobody gets rid of that by leaving.
 * Threads: all of it is the feed's lock's, but uid.
 */
#ifndef FEED_USER_H
#define FEED_USER_H

#include "feed/jobs.h"
#include "feed/lock.h"

#include <stdint.h>
#include <sys/types.h>

/* What somebody that slept may make up for: a consumer's sleep, and the way there and back. Without
 * it, one whose ring is never full gets the share of two that are woken for each turn. */
#define USER_CREDIT_NS 1000000u

/* One that was served so lately is about to come back: of several workers, one is not another
 * user's meanwhile. A reader has batches for a moment only, and would wait for all of a step else.
 */
#define USER_LINGER_NS 10000000u

struct consumer;
struct stream;

struct user {
    uid_t uid; /* immutable */
    /* lock */
    struct user *next GUARDED_BY(feed_lock);
    unsigned uses GUARDED_BY(feed_lock);          /* accounts, jobs, consumers, rings */
    uint64_t vtime_ns GUARDED_BY(feed_lock);      /* workers' time for it */
    uint64_t turn_vtime_ns GUARDED_BY(feed_lock); /* of its consumer that was served last */
    uint64_t owed_ns GUARDED_BY(feed_lock);   /* that its streams may have before its next job */
    uint32_t workers GUARDED_BY(feed_lock);   /* that are at something of its */
    uint64_t served_ns GUARDED_BY(feed_lock); /* when the last of them was done */
    struct job_queue jobs GUARDED_BY(feed_lock);
    struct job_queue blocked GUARDED_BY(feed_lock);   /* until memory of it is freed */
    struct consumer *consumers GUARDED_BY(feed_lock); /* that sit, by next_of_user */
    uint64_t making_bytes GUARDED_BY(feed_lock);      /* of rings */
    uint64_t freeing_bytes GUARDED_BY(feed_lock);     /* likewise */
    uint64_t upload_bytes GUARDED_BY(feed_lock);      /* lists on their way */
    uint64_t read_bytes GUARDED_BY(feed_lock);        /* lists that are read, with permutations */
};

/* What a user may have. */
struct user_limits {
    uint64_t ring_bytes, list_bytes;
};

/* ---- what it holds ------------------------------------------------------------------------- */

/* A consumer of the user's has sat down at its stream, or is about to get up. */
void user_seat(struct user *u, struct consumer *r) REQUIRES(feed_lock);
void user_unseat(struct user *u, struct consumer *r) REQUIRES(feed_lock);

/* What it would have of rings with one more consumer at `joins`; NULL: what it has. Without those
 * that are being freed. */
uint64_t user_ring_bytes(const struct user *u, const struct stream *joins) REQUIRES(feed_lock);

/* What it would have of lists with one more consumer at `joins`; NULL: what it has. */
uint64_t user_list_bytes(const struct user *u, const struct stream *joins) REQUIRES(feed_lock);

/* ---- time ---------------------------------------------------------------------------------- */

/* Workers spent that on its streams. */
void user_bill(struct user *u, uint64_t ns) REQUIRES(feed_lock);

/* A job of its comes before its streams. */
static inline bool user_has_job_due(const struct user *u) REQUIRES(feed_lock)
{
    return !jobs_are_empty(&u->jobs) && u->owed_ns == 0;
}

/* ---- all of them --------------------------------------------------------------------------- */

struct users {
    struct user *first GUARDED_BY(feed_lock);
    struct user *forgotten GUARDED_BY(feed_lock); /* to be freed */
    uint32_t waiting GUARDED_BY(feed_lock);       /* jobs that a worker may take */
    /* of the user that was served last: where a newcomer begins */
    uint64_t vtime_ns GUARDED_BY(feed_lock);
};

/* One use of the user of that id. Takes over *spare, zeroed memory, where it is new; *spare is NULL
 * then. */
struct user *users_get(struct users *all, uid_t uid, struct user **spare) REQUIRES(feed_lock);

static inline void users_hold(struct user *u) REQUIRES(feed_lock)
{
    u->uses++;
}

void users_drop(struct users *all, struct user *u) REQUIRES(feed_lock);

/* It has something to do. One that had nothing for long does not get to make up for it at the
 * others' cost. */
void users_wake(const struct users *all, struct user *u) REQUIRES(feed_lock);

/* Whether one of so many workers may be at something of its now: not the last one, while others
 * were served lately. */
bool users_may_serve(const struct users *all, const struct user *u, uint32_t workers,
                     uint64_t now_ns) REQUIRES(feed_lock);

/* A worker is at something of its, and is no more. */
void users_serve(struct users *all, struct user *u) REQUIRES(feed_lock);
void user_served(struct user *u, uint64_t now_ns) REQUIRES(feed_lock);

/* The job waits for a worker, behind those of its user. */
void users_put_job(struct users *all, struct user *u, struct pool_job *job) REQUIRES(feed_lock);

/* The job that is next for one of so many workers; NULL: none, or `rival` (may be NULL) comes
 * before it. */
struct pool_job *users_take_job(struct users *all, const struct consumer *rival, uint32_t workers,
                                uint64_t now_ns) REQUIRES(feed_lock);

/* A step of the job, which took so long, is done now. Returns whether that was all of it. */
bool users_end_step(struct users *all, struct pool_job *job, enum job_result result, uint64_t ns,
                    uint64_t now_ns) REQUIRES(feed_lock);

/* Memory of a ring of its is gone, which took so long. */
void users_end_freeing(struct users *all, struct user *u, uint64_t bytes, uint64_t ns)
    REQUIRES(feed_lock);

/* Takes every job, whether it may run or not: none is its user's any more. */
struct job_queue users_take_all_jobs(struct users *all) REQUIRES(feed_lock);

#endif
