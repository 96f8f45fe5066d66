/* session/account.h — what the sessions of one user hold, so that limits hold for users.
 *
 * Charged when something is taken and discharged when it goes back; asking costs what the user has,
 * whatever others do.
 *
 *     clients       connections
 *     ring bytes    of each ring, the share of the user's consumers among all that sit at it
 *     list bytes    lists on their way; lists that are read, each once; and the permutations of
 *                   them, once for each stream: streams of one order share theirs only while they
 *                   are in the same epoch
 *
 * Invariant: an account exists exactly as long as it has clients; without them it holds nothing.
 * Threads: the loop thread. Memory: an account for each user that is connected.
 */
#ifndef SESSION_ACCOUNT_H
#define SESSION_ACCOUNT_H

#include "feed/pool.h"

#include <sys/types.h>

/* A consumer of the user's, where it sits. Lies in whatever keeps the consumer. */
struct account_seat {
    const struct stream *stream; /* NULL: not charged */
    struct account_seat *next;
};

struct account {
    struct account *next;
    struct accounts *all;
    uid_t uid;
    uint32_t clients;
    uint32_t reserved;     /* of them, at places that are kept for administrators (admission.h) */
    uint64_t upload_bytes; /* lists on their way */
    uint64_t read_bytes;   /* lists that are read, and their permutations */
    struct account_seat *seats;
};

struct accounts {
    struct account *first;
};

/* NULL: the user has no clients. */
struct account *accounts_find(const struct accounts *all, uid_t uid);

/* How many clients the user has. */
uint32_t accounts_clients(const struct accounts *all, uid_t uid);

/* One client more. NULL: out of memory. */
struct account *account_open(struct accounts *all, uid_t uid);

/* One client less, which has given back what it held. Accepts NULL. */
void account_close(struct account *a);

/* A consumer sits down at the stream, or gets up. account_discharge accepts a seat that was not
 * charged. */
void account_charge(struct account *a, struct account_seat *seat, const struct stream *stream);
void account_discharge(struct account *a, struct account_seat *seat);

/* A list of so many bytes is on its way, or no longer. */
void account_charge_upload(struct account *a, uint64_t bytes);
void account_discharge_upload(struct account *a, uint64_t bytes);

/* What the user has of rings now. */
uint64_t account_ring_bytes(const struct account *a, struct pool *pool);

/* What the user has of lists now. */
static inline uint64_t account_list_bytes(const struct account *a)
{
    return a->upload_bytes + a->read_bytes;
}

/* What a spec's list takes: 4 bytes an index and a length. */
uint64_t account_list_cost(const struct spec *spec);

/* What a stream takes of permutations of that list. Those of a split are bounded by it. */
uint64_t account_permutation_cost(const struct spec *spec);

#endif
