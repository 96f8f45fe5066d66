/* SPDX-License-Identifier: MIT */
/* Compares configs. Does not put one in force: that is reload.c. */
#include "requests/changes.h"

#include <stdio.h>
#include <string.h>

static bool same_text(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

bool changes_same_source(const struct dataset_source *a, const struct dataset_source *b)
{
    bool same = same_text(a->name, b->name) && same_text(a->path, b->path) &&
                a->class_count == b->class_count && !a->classes == !b->classes &&
                a->transpose == b->transpose && (a->multi_label > 0) == (b->multi_label > 0);
    for (int i = 0; i < DATASET_SPLITS; i++)
        same = same && same_text(a->splits[i].name, b->splits[i].name) &&
               same_text(a->splits[i].from, b->splits[i].from) &&
               same_text(a->splits[i].cut, b->splits[i].cut) &&
               same_text(a->splits[i].images, b->splits[i].images) &&
               same_text(a->splits[i].labels, b->splits[i].labels);
    for (uint32_t i = 0; same && a->classes && i < a->class_count; i++)
        same = same_text(a->classes[i], b->classes[i]);
    return same;
}

int changes_find(const struct config *c, const char *name)
{
    for (uint32_t i = 0; i < c->dataset_count; i++)
        if (same_text(c->datasets[i].name, name))
            return (int)i;
    return -1;
}

static void tell_number(FILE *out, const char *key, uint64_t before, uint64_t after)
{
    if (before != after)
        fprintf(out, "%s: %llu -> %llu\n", key, (unsigned long long)before,
                (unsigned long long)after);
}

static void put_ring(FILE *out, uint64_t bytes)
{
    if (bytes)
        fprintf(out, "%llu", (unsigned long long)bytes);
    else
        fputs("auto", out);
}

static void tell_ring(FILE *out, uint64_t before, uint64_t after)
{
    if (before == after)
        return;
    fputs("ring (of new streams): ", out);
    put_ring(out, before);
    fputs(" -> ", out);
    put_ring(out, after);
    fputc('\n', out);
}

static void tell_restart(FILE *out, const char *key, bool same)
{
    if (!same)
        fprintf(out, "%s: needs a restart\n", key);
}

static void tell_datasets(FILE *out, const struct changes_side *b, const struct changes_side *a)
{
    const struct config *before = b->config, *after = a->config;
    for (uint32_t i = 0; i < after->dataset_count; i++) {
        const struct dataset_source *s = &after->datasets[i];
        int old = changes_find(before, s->name);
        if (old < 0)
            fprintf(out, "dataset \"%s\": added\n", s->name);
        else if (!changes_same_source(s, &before->datasets[old]))
            fprintf(out, "dataset \"%s\": opened anew; its streams go on with the old one\n",
                    s->name);
        else if (b->datasets[old] != a->datasets[i])
            fprintf(out, "dataset \"%s\": opened anew; its cache file was not whole any more\n",
                    s->name);
    }
    for (uint32_t i = 0; i < before->dataset_count; i++)
        if (changes_find(after, before->datasets[i].name) < 0)
            fprintf(out, "dataset \"%s\": removed; its streams go on\n", before->datasets[i].name);
}

char *changes_tell(const struct changes_side *b, const struct changes_side *a)
{
    const struct config *before = b->config, *after = a->config;
    const struct config_limits *old = &before->limits, *new = &after->limits;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    tell_number(out, "workers", b->workers, a->workers);
    tell_ring(out, before->ring_bytes, after->ring_bytes);
    tell_number(out, "sample_store", before->sample_cache_bytes, after->sample_cache_bytes);
    tell_number(out, "limits.clients", old->clients, new->clients);
    tell_number(out, "limits.clients_per_user", old->clients_per_user, new->clients_per_user);
    tell_number(out, "limits.ring_bytes", old->ring_bytes, new->ring_bytes);
    tell_number(out, "limits.ring_bytes_per_user", old->ring_bytes_per_user,
                new->ring_bytes_per_user);
    tell_number(out, "limits.list_bytes", old->list_bytes, new->list_bytes);
    tell_number(out, "limits.image_us", old->image_us, new->image_us);
    tell_number(out, "limits.handshake_ms", old->handshake_ms, new->handshake_ms);
    if (before->log_level != after->log_level)
        fputs("log_level: changed\n", out);
    tell_datasets(out, b, a);
    tell_restart(out, "socket", same_text(before->socket, after->socket));
    tell_restart(out, "socket_mode", before->socket_mode == after->socket_mode);
    tell_restart(out, "socket_group", before->socket_gid == after->socket_gid);
    tell_restart(out, "cache", same_text(before->cache, after->cache));
    tell_restart(out, "io_uring", before->io_uring == after->io_uring);
    tell_restart(out, "ledger",
                 same_text(before->ledger.path, after->ledger.path) &&
                     before->ledger.max_bytes == after->ledger.max_bytes &&
                     before->ledger.files == after->ledger.files);
    if (ftell(out) == 0)
        fputs("nothing changed\n", out);
    fclose(out);
    return text;
}
