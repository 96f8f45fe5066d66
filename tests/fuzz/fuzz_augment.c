/* SPDX-License-Identifier: MIT */
/* Fuzzes augment_parse: any text is refused with its place, or is a chain that is written as a text
 * of the same chain. */
#include "augment/chain.h"
#include "fuzz/fuzz.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static void check_same(const struct augment_chain *a, const struct augment_chain *b)
{
    assert(a->count == b->count && a->value_count == b->value_count);
    for (uint32_t i = 0; i < a->count; i++) {
        struct augment_op one = a->ops[i], other = b->ops[i];
        one.at = other.at = 0;
        assert(!memcmp(&one, &other, sizeof one));
    }
}

static void check_good(const struct augment_chain *chain)
{
    char text[AUGMENT_TEXT_MAX + 1], again[AUGMENT_TEXT_MAX + 1];
    struct augment_chain *other;
    struct err e;
    assert(chain->count >= 1 && chain->count <= AUGMENT_OPS_MAX);
    for (uint32_t i = 0; i < chain->count; i++)
        assert(chain->ops[i].children < chain->count - i);
    if (augment_print(chain, text, &e))
        return;
    int rc = augment_parse(&other, text, &e);
    assert(rc == 0);
    check_same(chain, other);
    rc = augment_print(other, again, &e);
    assert(rc == 0 && !strcmp(text, again));
    free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct augment_chain *chain;
    struct err e = {""};
    char *text = malloc(size + 1);
    assert(text);
    memcpy(text, data, size);
    text[size] = 0;
    int rc = augment_parse(&chain, text, &e);
    if (rc)
        assert(rc == -EINVAL && !chain && !strncmp(e.text, "augment, character ", 19));
    else
        check_good(chain);
    free(chain);
    free(text);
    return 0;
}
