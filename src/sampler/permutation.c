/* SPDX-License-Identifier: MIT */
/* The frameworks' permutations, draw for draw. Each Fisher-Yates pass goes in two steps over a
 * block of draws: first the partners, whose arithmetic depends on nothing but the generator, then
 * the swaps, whose partners are already on their way from memory. Draws no more words than the
 * framework does, because the generator runs on into the next epoch. A walk stops between two
 * blocks; all that it has to know then is in struct permutation_walk. */
#include "fmnist.h"
#include "sampler/sampler.h"

#include <assert.h>

enum { BLOCK = 512, AHEAD = 16, LANES = 32 };

static inline void swap(uint32_t *a, uint32_t *b)
{
    uint32_t t = *a;
    *a = *b;
    *b = t;
}

/* p[i] <-> p[partner] for i = first, first + step, ... */
static void swap_block(uint32_t *p, uint32_t first, int step, const uint32_t *partners, uint32_t n)
{
    uint32_t ahead = n < AHEAD ? n : AHEAD;
    for (uint32_t k = 0; k < ahead; k++)
        __builtin_prefetch(p + partners[k], 1);
    for (uint32_t k = 0; k < n; k++) {
        __builtin_prefetch(p + partners[k + AHEAD < n ? k + AHEAD : n - 1], 1);
        swap(p + first + (int64_t)step * k, p + partners[k]);
    }
}

static uint32_t least(uint64_t a, uint64_t b)
{
    uint64_t n = a < b ? a : b;
    return n < BLOCK ? (uint32_t)n : BLOCK;
}

/* ---- a block of draws ---------------------------------------------------------------------- */

/* torch.randperm(n): i ascending, partner i + u32() mod (n - i); n - 1 draws. This is `count` of
 * them from i on. */
static void torch_draw(struct mt19937 *mt, uint32_t *p, uint32_t n, uint32_t i, uint32_t count)
{
    uint32_t words[BLOCK];
    mt19937_fill(mt, words, count);
    for (uint32_t k = 0; k < count; k++)
        words[k] = i + k + words[k] % (n - i - k);
    swap_block(p, i, 1, words, count);
}

/* NumPy's partner of i is masked to as many bits as i has. The mask stays for this many
 * acceptances at least. */
static uint32_t numpy_mask(uint32_t i, uint32_t *mask)
{
    uint32_t half = UINT32_C(1) << (31 - __builtin_clz(i));
    *mask = 2 * half - 1;
    return i - half + 1;
}

/* The accepted partners of i, i - 1, ... out of `words` words, by NumPy's masked rejection.
 * Without a branch on acceptance, which would be a coin toss to the processor: a rejected
 * candidate is overwritten by the next. Returns how many; they may share memory with the words. */
static uint32_t numpy_accept(uint32_t i, const uint32_t *words, uint32_t count, uint32_t *partners)
{
    uint32_t accepted = 0, mask;
    for (uint32_t k = 0; k < count && i > 0;) {
        uint32_t same = numpy_mask(i, &mask);
        uint32_t run = same < count - k ? same : count - k;
        for (uint32_t end = k + run; k < end; k++) {
            uint32_t candidate = words[k] & mask;
            uint32_t ok = candidate <= i;
            partners[accepted] = candidate;
            accepted += ok;
            i -= ok;
        }
    }
    return accepted;
}

/* np.random.shuffle(arange(n)): i descending from n - 1 to 1. Draws `count` words for i and those
 * behind it; returns how many were accepted. */
static uint32_t numpy_draw(struct mt19937 *mt, uint32_t *p, uint32_t i, uint32_t count)
{
    uint32_t words[BLOCK];
    mt19937_fill(mt, words, count);
    uint32_t accepted = numpy_accept(i, words, count, words);
    swap_block(p, i, -1, words, accepted);
    return accepted;
}

/* ---- skipping: NumPy's rejections depend on the words, so they must be drawn --------------- */

/* How many of LANES words are accepted for i and those behind it, whose mask is the same. Returns
 * false where that depends on their order. */
static bool numpy_count(uint32_t i, uint32_t mask, const uint32_t *words, uint32_t *accepted)
{
    /* Signed, because SSE2 has no other comparison; there are no more than 2^28 images. */
    int32_t most = (int32_t)i, least_i = most - (LANES - 1), sure = 0, possible = 0;
    for (int lane = 0; lane < LANES; lane++) {
        int32_t candidate = (int32_t)(words[lane] & mask);
        sure += candidate <= least_i;
        possible += candidate <= most;
    }
    *accepted = (uint32_t)sure;
    return sure == possible;
}

/* Uses up words for i and those behind it, until it is 0. Returns how many words. */
static uint32_t numpy_use(uint32_t *i, const uint32_t *words, uint32_t count)
{
    uint32_t at = *i, k = 0, mask, accepted;
    while (k < count && at > 0) {
        uint32_t same = numpy_mask(at, &mask);
        uint32_t run = same < count - k ? same : count - k;
        if (run >= LANES) {
            run = LANES;
            if (numpy_count(at, mask, words + k, &accepted)) {
                at -= accepted;
                k += LANES;
                continue;
            }
        }
        for (uint32_t end = k + run; k < end; k++)
            at -= (words[k] & mask) <= at;
    }
    *i = at;
    return k;
}

/* Towards the target's first word; returns how many words it took. */
static uint64_t skip_numpy(struct permutation_walk *w, uint32_t n, uint64_t most)
{
    uint32_t words[BLOCK], i = n - 1 - (uint32_t)w->at;
    uint64_t needed = i + (w->target - w->epoch - 1) * (n - 1); /* at the least */
    if (needed == 0) {
        w->epoch = w->target;
        w->at = 0;
        return 0;
    }
    uint32_t count = least(needed, most);
    mt19937_fill(&w->mt, words, count);
    for (uint32_t k = 0; k < count;) {
        if (i == 0) {
            w->epoch++;
            i = n - 1;
        }
        k += numpy_use(&i, words + k, count - k);
    }
    w->at = n - 1 - i;
    return count;
}

/* DataLoader(shuffle=True, generator=g): the workers' base seed (two words), the order, and a
 * second randperm that nobody sees. 2 n words in all. */
static uint64_t skip_torch_loader(struct permutation_walk *w, uint32_t n, uint64_t most)
{
    const uint64_t epoch_words = 2 * (uint64_t)n;
    uint64_t left = (w->target - w->epoch) * epoch_words - w->at;
    uint64_t count = left < most ? left : most;
    mt19937_skip(&w->mt, count);
    w->epoch += (w->at + count) / epoch_words;
    w->at = (w->at + count) % epoch_words;
    return count;
}

/* ---- the walk ------------------------------------------------------------------------------ */

bool permutation_walk_leads(const struct permutation_walk *from, const struct sampler *s,
                            uint64_t epoch)
{
    return s->order != FMNIST_ORDER_TORCH &&
           (from->epoch < epoch || (from->epoch == epoch && from->at == 0));
}

void permutation_walk_begin(struct permutation_walk *w, const struct sampler *s, uint64_t epoch,
                            const struct permutation_walk *from)
{
    assert(sampler_needs_permutation(s) && (!from || permutation_walk_leads(from, s, epoch)));
    if (from) {
        *w = *from;
    } else if (s->order == FMNIST_ORDER_TORCH) {
        mt19937_seed(&w->mt, (uint32_t)(s->seed + epoch));
        w->epoch = epoch;
        w->at = 0;
    } else {
        mt19937_seed(&w->mt, (uint32_t)s->seed);
        w->epoch = w->at = 0;
    }
    w->target = epoch;
    w->filled = 0;
}

static uint64_t skip(struct permutation_walk *w, const struct sampler *s, uint64_t most)
{
    return s->order == FMNIST_ORDER_NUMPY ? skip_numpy(w, (uint32_t)s->count, most)
                                          : skip_torch_loader(w, (uint32_t)s->count, most);
}

static uint64_t fill(struct permutation_walk *w, uint32_t *p, uint32_t n, uint64_t most)
{
    uint32_t count = least(n - w->filled, most), end = w->filled + count;
    for (uint32_t i = w->filled; i < end; i++)
        p[i] = i;
    w->filled = end;
    return count;
}

static uint64_t draw(struct permutation_walk *w, const struct sampler *s, uint32_t *p,
                     uint64_t most)
{
    const uint32_t n = (uint32_t)s->count;
    if (s->order == FMNIST_ORDER_NUMPY) {
        uint32_t i = n - 1 - (uint32_t)w->at,
                 count = least(i, most); /* i are needed at the least */
        w->at += numpy_draw(&w->mt, p, i, count);
        return count;
    }
    uint32_t before = s->order == FMNIST_ORDER_TORCH_LOADER ? 2 : 0; /* the base seed's words */
    if (w->at < before) {
        mt19937_skip(&w->mt, before);
        w->at = before;
    }
    uint32_t i = (uint32_t)w->at - before, count = least(n - 1 - i, most);
    torch_draw(&w->mt, p, n, i, count);
    w->at += count;
    return count;
}

static bool is_whole(const struct permutation_walk *w, const struct sampler *s)
{
    uint64_t end = s->count - 1 + (s->order == FMNIST_ORDER_TORCH_LOADER ? 2 : 0);
    return w->epoch == w->target && w->filled == s->count && w->at == end;
}

bool permutation_walk_step(struct permutation_walk *w, const struct sampler *s,
                           uint32_t *permutation, uint64_t words)
{
    while (words > 0 && !is_whole(w, s)) {
        uint64_t took;
        if (w->epoch < w->target)
            took = skip(w, s, words);
        else if (w->filled < s->count)
            took = fill(w, permutation, (uint32_t)s->count, words);
        else
            took = draw(w, s, permutation, words);
        words -= took;
    }
    return is_whole(w, s);
}
