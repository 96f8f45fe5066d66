/* SPDX-License-Identifier: MIT */
/* session/account.h — the sessions of one user, so that limits hold for users.
 *
 * What its streams hold of memory, and what they take of the workers' time, is the feed's to know
 * (feed/user.h), as soon as it opens any.
 *
 * Invariant: an account exists exactly as long as it has clients.
 * Threads: the loop thread. Memory: an account for each user that is connected.
 */
#ifndef SESSION_ACCOUNT_H
#define SESSION_ACCOUNT_H

#include "feed/pool.h"

#include <sys/types.h>

struct account {
    struct account *next;
    struct accounts *all;
    uid_t uid;
    uint32_t clients;
    uint32_t reserved; /* of them, at places that are kept for administrators (admission.h) */
    struct user *user; /* a use; NULL: it has opened nothing yet */
    struct pool *pool; /* whose user that is */
};

struct accounts {
    struct account *first;
};

/* NULL: the user has no clients. */
struct account *accounts_find(const struct accounts *all, uid_t uid);

/* One client more. NULL: out of memory. */
struct account *account_open(struct accounts *all, uid_t uid);

/* One client less. Accepts NULL. */
void account_close(struct account *a);

/* The feed's user, as long as the account exists. NULL: out of memory. */
struct user *account_user(struct account *a, struct pool *pool);

#endif
