/* The frameworks' permutations, draw for draw. Each Fisher-Yates pass goes in two steps over a
 * block of draws: first the partners, whose arithmetic depends on nothing but the generator, then
 * the swaps, whose partners are already on their way from memory. Draws no more words than the
 * framework does, because the generator runs on into the next epoch. */
#include "fmnist.h"
#include "sampler/sampler.h"

#include <assert.h>

enum { BLOCK = 512, AHEAD = 16 };

static inline void swap(uint32_t *a, uint32_t *b)
{
    uint32_t t = *a;
    *a = *b;
    *b = t;
}

static void fill_identity(uint32_t *permutation, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        permutation[i] = i;
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

/* torch.randperm(n): i ascending, partner i + u32() mod (n - i); n - 1 draws. */
static void torch_randperm(struct mt19937 *mt, uint32_t *p, uint32_t n)
{
    uint32_t words[BLOCK];
    fill_identity(p, n);
    for (uint32_t i = 0; i + 1 < n;) {
        uint32_t block = n - 1 - i < BLOCK ? n - 1 - i : BLOCK;
        mt19937_fill(mt, words, block);
        for (uint32_t k = 0; k < block; k++)
            words[k] = i + k + words[k] % (n - i - k);
        swap_block(p, i, 1, words, block);
        i += block;
    }
}

/* The accepted partners of i, i - 1, ... out of `words` words, by NumPy's masked rejection.
 * Without a branch on acceptance, which would be a coin toss to the processor: a rejected
 * candidate is overwritten by the next. Returns how many; they may share memory with the words. */
static uint32_t numpy_accept(uint32_t i, const uint32_t *words, uint32_t count, uint32_t *partners)
{
    uint32_t accepted = 0;
    for (uint32_t k = 0; k < count;) {
        /* The mask stays while i has as many bits: for i - half + 1 acceptances at least. */
        uint32_t half = UINT32_C(1) << (31 - __builtin_clz(i)), mask = 2 * half - 1;
        uint32_t run = i - half + 1 < count - k ? i - half + 1 : count - k;
        for (uint32_t end = k + run; k < end; k++) {
            uint32_t candidate = words[k] & mask;
            uint32_t ok = candidate <= i;
            partners[accepted] = candidate;
            accepted += ok;
            i -= ok;
        }
        if (i == 0)
            break;
    }
    return accepted;
}

/* np.random.shuffle(arange(n)): i descending from n - 1 to 1. p may be NULL: only draw. */
static void numpy_shuffle(struct mt19937 *mt, uint32_t *p, uint32_t n)
{
    uint32_t words[BLOCK];
    if (p)
        fill_identity(p, n);
    for (uint32_t i = n - 1; i > 0;) {
        uint32_t block = i < BLOCK ? i : BLOCK; /* i draws are needed at the least */
        mt19937_fill(mt, words, block);
        uint32_t accepted = numpy_accept(i, words, block, words);
        if (p)
            swap_block(p, i, -1, words, accepted);
        i -= accepted;
    }
}

/* DataLoader(shuffle=True, generator=g): the workers' base seed (two words), the order, and a
 * second randperm that nobody sees. 2 n words in all. */
static void torch_loader_epoch(struct mt19937 *mt, uint32_t *p, uint32_t n)
{
    mt19937_skip(mt, 2);
    torch_randperm(mt, p, n);
    mt19937_skip(mt, n - 1);
}

static void run_epoch(const struct sampler *s, struct mt19937 *mt, uint32_t *p)
{
    if (s->order == FMNIST_ORDER_NUMPY)
        numpy_shuffle(mt, p, (uint32_t)s->count);
    else
        torch_loader_epoch(mt, p, (uint32_t)s->count);
}

/* NumPy's rejections depend on the words, so that its epochs must be drawn one by one. */
static void skip_epochs(const struct sampler *s, struct mt19937 *mt, uint64_t epochs)
{
    if (s->order == FMNIST_ORDER_TORCH_LOADER)
        mt19937_skip(mt, 2 * s->count * epochs);
    else
        for (uint64_t i = 0; i < epochs; i++)
            numpy_shuffle(mt, NULL, (uint32_t)s->count);
}

static void build_running(const struct sampler *s, uint64_t epoch, uint32_t *permutation,
                          struct permutation_state *state)
{
    if (!state->valid || state->epoch > epoch) {
        mt19937_seed(&state->mt, (uint32_t)s->seed);
        state->epoch = 0;
        state->valid = true;
    }
    skip_epochs(s, &state->mt, epoch - state->epoch);
    run_epoch(s, &state->mt, permutation);
    state->epoch = epoch + 1;
}

void permutation_build(const struct sampler *s, uint64_t epoch, uint32_t *permutation,
                       struct permutation_state *state)
{
    assert(sampler_needs_permutation(s));
    struct permutation_state local = {.valid = false};
    if (s->order == FMNIST_ORDER_TORCH) {
        mt19937_seed(&local.mt, (uint32_t)(s->seed + epoch));
        torch_randperm(&local.mt, permutation, (uint32_t)s->count);
        return;
    }
    build_running(s, epoch, permutation, state ? state : &local);
}
