/* SPDX-License-Identifier: MIT */
/* Shares of the memory. What an administrator says takes their place, but not the budget's. */
#include "config/memory.h"

#include "config/sizes.h"

#include <stdio.h>

#define KEPT_FREE   (24 * MIB)
#define LEAST_BYTES (64 * KIB) /* of a ring's limit */

/* `most`, or the share of the budget where that is less: whole units of 64 KiB. */
static uint64_t share(const struct config *c, uint64_t most, uint64_t numerator,
                      uint64_t denominator)
{
    uint64_t bytes = c->budget_bytes / denominator * numerator;
    if (bytes >= most)
        return most;
    return bytes < LEAST_BYTES ? LEAST_BYTES : bytes - bytes % LEAST_BYTES;
}

void config_memory_defaults(struct config *c, struct host_memory memory)
{
    uint64_t kept = KEPT_FREE + memory.bytes / 8, clients = memory.bytes / MIB;
    struct config_limits *limits = &c->limits;
    c->memory = memory;
    c->budget_bytes = memory.bytes > kept ? memory.bytes - kept : 0;
    c->sample_cache_bytes = share(c, GIB, 1, 4);
    limits->ring_bytes = share(c, GIB, 1, 2);
    limits->ring_bytes_per_user = share(c, 4 * GIB, 5, 8);
    limits->list_bytes = share(c, 256 * MIB, 1, 8);
    limits->clients = clients < 16 ? 16 : clients < 256 ? (uint32_t)clients : 256;
    limits->clients_per_user = limits->clients < 128 ? limits->clients : 128;
}

/* What a machine or a cgroup has, whose last digits mean nothing. */
static const char *about(uint64_t bytes, char text[SIZE_TEXT_SIZE])
{
    return size_text(bytes < MIB ? bytes : bytes - bytes % MIB, " bytes", text);
}

const char *config_memory_text(const struct config *c, char text[CONFIG_MEMORY_TEXT_SIZE])
{
    const struct config_limits *l = &c->limits;
    if (c->memory.bytes == UINT64_MAX) {
        snprintf(text, CONFIG_MEMORY_TEXT_SIZE, "memory: no limit is known");
        return text;
    }
    char all[SIZE_TEXT_SIZE], budget[SIZE_TEXT_SIZE], samples[SIZE_TEXT_SIZE];
    char ring[SIZE_TEXT_SIZE], rings[SIZE_TEXT_SIZE], list[SIZE_TEXT_SIZE];
    snprintf(text, CONFIG_MEMORY_TEXT_SIZE,
             "memory: the limit of %s is %s, %s of it for clients; sample_store %s, limits: "
             "ring_bytes %s, ring_bytes_per_user %s, list_bytes %s, clients %u",
             c->memory.of, about(c->memory.bytes, all), about(c->budget_bytes, budget),
             size_text(c->sample_cache_bytes, " bytes", samples),
             size_text(l->ring_bytes, " bytes", ring),
             size_text(l->ring_bytes_per_user, " bytes", rings),
             size_text(l->list_bytes, " bytes", list), l->clients);
    return text;
}
