/* SPDX-License-Identifier: MIT */
/* xxHash by the widest vectors of the CPU (dataset/cache_format.c) is in its shared library alone.
 * Programs that have the archive in them hash with those that every CPU of the kind has: the same
 * numbers. */
#include <xxhash.h>
#if defined(__x86_64__) && __has_include(<xxh_x86dispatch.h>)
#include <xxh_x86dispatch.h>

#undef XXH3_64bits
#undef XXH3_128bits_update

XXH64_hash_t XXH3_64bits_dispatch(const void *input, size_t size)
{
    return XXH3_64bits(input, size);
}

XXH_errorcode XXH3_128bits_update_dispatch(XXH3_state_t *state, const void *input, size_t size)
{
    return XXH3_128bits_update(state, input, size);
}
#endif
