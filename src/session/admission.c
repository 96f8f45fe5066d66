/* SPDX-License-Identifier: MIT */
/* Places: who has how many, and whose are given to somebody else. Does not accept. */
#include "session/admission.h"

#include "config/config.h"
#include "fmnist.h"

#include <errno.h>
#include <unistd.h>

/* May end for somebody else. A list on its way can be sent as slowly as its sender likes, and
 * questions asked without an end. */
static bool is_idle(const struct session *s)
{
    return s->state == SESSION_HELLO || s->state == SESSION_IDLE || s->state == SESSION_ASKING ||
           s->state == SESSION_UPLOADING;
}

bool admission_is_administrator(uid_t uid)
{
    return uid == 0 || uid == geteuid();
}

/* Ordinary places that a user has. */
static uint32_t places_of(const struct account *a)
{
    return a ? a->clients - a->reserved : 0;
}

/* Of two idle sessions the one that gives way first; one may be NULL. The users' numbers come
 * before the time. */
static struct session *first_of(struct session *a, struct session *b)
{
    if (!a || !b)
        return a ? a : b;
    uint32_t of_a = places_of(a->account), of_b = places_of(b->account);
    if (of_a != of_b)
        return of_a > of_b ? a : b;
    return a->asked_ns <= b->asked_ns ? a : b;
}

/* Whose connections a newcomer may have the place of. */
enum from { FROM_OWN, FROM_THOSE_WITH_MORE, FROM_ANYBODY, FROM_RESERVE };

static bool may_take(const struct session *s, const struct account *own, uid_t uid, enum from from)
{
    switch (from) {
    case FROM_OWN:
        return s->uid == uid && !s->reserved;
    case FROM_THOSE_WITH_MORE:
        return !s->reserved && (s->uid == uid || places_of(s->account) > places_of(own) + 1);
    case FROM_ANYBODY:
        return true;
    default:
        return s->reserved;
    }
}

/* `but` (may be NULL) does not count. */
static struct session *find_idle(const struct sessions *all, uid_t uid, enum from from,
                                 const struct session *but)
{
    const struct account *own = accounts_find(all->services->accounts, uid);
    struct session *found = NULL;
    for (struct session *s = all->first; s; s = s->next)
        if (s != but && is_idle(s) && may_take(s, own, uid, from))
            found = first_of(found, s);
    return found;
}

static bool take_place(struct session *from, uid_t uid, const char *why)
{
    struct err e;
    if (!from)
        return false;
    err_set(&e, 0, "idle, and its place went to a client of uid %u: %s", (unsigned)uid, why);
    session_close(from, FMNIST_ELIMIT, e.text);
    return true;
}

/* What is against one ordinary place more; *from: who may give one. */
static int check_places(const struct sessions *all, uid_t uid, enum from *from, struct err *e)
{
    const struct config_limits *limits = &all->services->config->limits;
    uint32_t own = places_of(accounts_find(all->services->accounts, uid));
    if (own >= limits->clients_per_user) {
        *from = FROM_OWN;
        return err_set(e, -E2BIG, "limits.clients_per_user: %u of uid %u are connected", own,
                       (unsigned)uid);
    }
    uint32_t taken = all->count - all->reserved;
    if (taken < limits->clients)
        return 0;
    *from = FROM_THOSE_WITH_MORE;
    return err_set(e, -E2BIG, "limits.clients: %u are connected", taken);
}

int admission_find(struct sessions *all, uid_t uid, bool *reserved, struct err *e)
{
    enum from from;
    int rc = check_places(all, uid, &from, e);
    *reserved = rc && admission_is_administrator(uid);
    if (!rc || (*reserved && all->reserved < ADMISSION_RESERVED))
        return 0;
    if (*reserved)
        from = FROM_RESERVE;
    return take_place(find_idle(all, uid, from, NULL), uid, e->text) ? 0 : rc;
}

int admission_find_for_stream(struct session *s, struct err *e)
{
    enum from from;
    if (!s->reserved)
        return 0;
    int rc = check_places(s->all, s->uid, &from, e);
    if (rc && !take_place(find_idle(s->all, s->uid, from, s), s->uid, e->text))
        return rc;
    s->reserved = false;
    s->account->reserved--;
    s->all->reserved--;
    return 0;
}

bool admission_make_room(struct sessions *all, uid_t uid, const char *why)
{
    enum from from = admission_is_administrator(uid) ? FROM_ANYBODY : FROM_THOSE_WITH_MORE;
    return take_place(find_idle(all, uid, from, NULL), uid, why);
}
