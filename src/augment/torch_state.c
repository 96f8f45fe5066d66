/* SPDX-License-Identifier: MIT */
/* torch.Generator.get_state() of a CPU generator: u64 seed, i32 words left of the block and one
 * more, i32 seeded, u64 next, 624 u64 words, and a cached normal number. Little-endian. */
#include "augment/draw.h"
#include "base/bytes.h"

#include <errno.h>
#include <string.h>

#define LEFT_AT   8
#define SEEDED_AT 12
#define NEXT_AT   16
#define WORDS_AT  24

int torch_state_load(struct mt19937 *mt, const uint8_t state[TORCH_STATE_BYTES], struct err *e)
{
    uint32_t left = get_le32(state + LEFT_AT);
    uint64_t next = get_le64(state + NEXT_AT);
    if (get_le32(state + SEEDED_AT) != 1 || left < 1 || left > MT19937_WORDS ||
        (left > 1 && next != MT19937_WORDS + 1 - left))
        return err_set(
            e, -EINVAL,
            "a torch.Generator's state with left %u, next %llu and seeded %u: want that of "
            "a CPU generator",
            left, (unsigned long long)next, get_le32(state + SEEDED_AT));
    for (int i = 0; i < MT19937_WORDS; i++)
        mt->words[i] = (uint32_t)get_le64(state + WORDS_AT + 8 * i);
    mt->next = MT19937_WORDS + 1 - left;
    return 0;
}

/* Whether nothing was drawn since a seed: torch's own state is left 1, next 0 then, not the 624
 * that it has behind the last word of a block. */
static bool is_fresh(const struct mt19937 *mt, const uint8_t *state)
{
    if (mt->next != MT19937_WORDS || get_le64(state + NEXT_AT) != 0)
        return false;
    for (int i = 0; i < MT19937_WORDS; i++)
        if (get_le64(state + WORDS_AT + 8 * i) != mt->words[i])
            return false;
    return true;
}

void torch_state_store(const struct mt19937 *mt, uint8_t state[TORCH_STATE_BYTES])
{
    put_le64(state + NEXT_AT, is_fresh(mt, state) ? 0 : mt->next);
    put_le32(state + LEFT_AT, MT19937_WORDS + 1 - mt->next);
    for (int i = 0; i < MT19937_WORDS; i++)
        put_le64(state + WORDS_AT + 8 * i, mt->words[i]);
}

void torch_state_seed(uint8_t state[TORCH_STATE_BYTES], uint64_t seed)
{
    struct mt19937 mt;
    mt19937_seed(&mt, (uint32_t)seed);
    memset(state, 0, TORCH_STATE_BYTES);
    put_le64(state, seed);
    put_le32(state + SEEDED_AT, 1);
    for (int i = 0; i < MT19937_WORDS; i++)
        put_le64(state + WORDS_AT + 8 * i, mt.words[i]);
    put_le32(state + LEFT_AT, 1);
}
