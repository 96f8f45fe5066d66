/* SPDX-License-Identifier: MIT */
/* Nodes, texts, the stack and the memo, each bounded; and what others ask of them. */
#include "import/pickle_heap.h"

#include "base/io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Room for one more of `item` bytes. */
static int grow(struct pickle *p, void **array, uint32_t count, uint32_t *room, size_t item)
{
    if (count < *room)
        return 0;
    if (count >= PICKLE_NODES_MAX)
        return err_set(p->e, -EINVAL, "it has more than %u values at byte %llu", PICKLE_NODES_MAX,
                       (unsigned long long)p->offset);
    uint32_t more = *room ? *room * 2 : 64;
    void *to = realloc(*array, more * item);
    if (!to)
        return err_set(p->e, -ENOMEM, "out of memory");
    *array = to;
    *room = more;
    return 0;
}

int pickle_new(struct pickle *p, enum pickle_type type, pickle_ref *out)
{
    int rc = grow(p, (void **)&p->nodes, p->node_count, &p->node_room, sizeof *p->nodes);
    if (rc)
        return rc;
    p->nodes[p->node_count] = (struct pickle_node){.type = (uint8_t)type};
    *out = p->node_count++;
    return 0;
}

int pickle_new_number(struct pickle *p, int64_t value, pickle_ref *out)
{
    int rc = pickle_new(p, PICKLE_NUMBER, out);
    if (!rc)
        p->nodes[*out].number = value;
    return rc;
}

int pickle_new_text(struct pickle *p, const void *bytes, size_t size, pickle_ref *out)
{
    int rc = pickle_new(p, PICKLE_TEXT, out);
    uint64_t need = (uint64_t)p->text_bytes + size + 1;
    if (rc)
        return rc;
    if (need > PICKLE_TEXT_MAX)
        return err_set(p->e, -EINVAL, "its texts have more than %u bytes at byte %llu",
                       PICKLE_TEXT_MAX, (unsigned long long)p->offset);
    if (need > p->text_room) {
        uint32_t room = need < PICKLE_TEXT_MAX / 2 ? (uint32_t)need * 2 : PICKLE_TEXT_MAX;
        char *to = realloc(p->texts, room);
        if (!to)
            return err_set(p->e, -ENOMEM, "out of memory");
        p->texts = to;
        p->text_room = room;
    }
    memcpy(p->texts + p->text_bytes, bytes, size);
    p->texts[p->text_bytes + size] = 0;
    p->nodes[*out].text.at = p->text_bytes;
    p->nodes[*out].text.size = (uint32_t)size;
    p->text_bytes = (uint32_t)need;
    return 0;
}

int pickle_append(struct pickle *p, pickle_ref list, pickle_ref value)
{
    struct pickle_node *n = &p->nodes[list];
    int rc = grow(p, (void **)&n->list.items, n->list.count, &n->list.room, sizeof value);
    if (!rc)
        n->list.items[n->list.count++] = value;
    return rc;
}

int pickle_push(struct pickle *p, pickle_ref v)
{
    int rc = grow(p, (void **)&p->stack, p->depth, &p->stack_room, sizeof v);
    if (!rc)
        p->stack[p->depth++] = v;
    return rc;
}

int pickle_pop(struct pickle *p, pickle_ref *v)
{
    if (!p->depth)
        return err_set(p->e, -EINVAL, "it takes a value that is not there at byte %llu",
                       (unsigned long long)p->offset);
    *v = p->stack[--p->depth];
    return 0;
}

int pickle_remember(struct pickle *p, uint64_t index, pickle_ref v)
{
    if (index > p->memo_count + UINT64_C(1000))
        return err_set(p->e, -EINVAL, "it keeps value number %llu at byte %llu, want the next one",
                       (unsigned long long)index, (unsigned long long)p->offset);
    while (p->memo_count <= index) {
        int rc = grow(p, (void **)&p->memo, p->memo_count, &p->memo_room, sizeof v);
        if (rc)
            return rc;
        p->memo[p->memo_count++] = 0;
    }
    p->memo[index] = v;
    return 0;
}

int pickle_spool(struct pickle *p, const void *bytes, size_t size)
{
    if (p->spool < 0) {
        p->spool = p->source.spool(p->source.data, p->e);
        if (p->spool < 0)
            return p->spool;
    }
    int rc = pwrite_full(p->spool, bytes, size, p->spool_bytes);
    p->spool_bytes += size;
    return rc ? err_sys(p->e, rc, "writing a temporary file") : 0;
}

void pickle_free(struct pickle *p)
{
    if (!p)
        return;
    for (uint32_t i = 0; i < p->node_count; i++)
        if (p->nodes[i].type == PICKLE_TUPLE || p->nodes[i].type == PICKLE_LIST ||
            p->nodes[i].type == PICKLE_DICT)
            free(p->nodes[i].list.items);
    fd_close(&p->spool);
    free(p->nodes);
    free(p->texts);
    free(p->stack);
    free(p->memo);
    free(p->buffer);
    free(p);
}

/* ---- asked by others ----------------------------------------------------------------------- */

pickle_ref pickle_root(const struct pickle *p)
{
    return p->root;
}

enum pickle_type pickle_type_of(const struct pickle *p, pickle_ref v)
{
    return p->nodes[v].type;
}

bool pickle_find(const struct pickle *p, pickle_ref dict, const char *key, pickle_ref *value)
{
    const struct pickle_node *d = &p->nodes[dict];
    size_t n = strlen(key);
    for (uint32_t i = 0; d->type == PICKLE_DICT && i + 1 < d->list.count; i += 2) {
        const struct pickle_node *k = &p->nodes[d->list.items[i]];
        if (k->type == PICKLE_TEXT && k->text.size == n && !memcmp(p->texts + k->text.at, key, n)) {
            *value = d->list.items[i + 1];
            return true;
        }
    }
    return false;
}

size_t pickle_count(const struct pickle *p, pickle_ref v)
{
    return p->nodes[v].list.count;
}

pickle_ref pickle_at(const struct pickle *p, pickle_ref v, size_t i)
{
    return p->nodes[v].list.items[i];
}

int64_t pickle_number(const struct pickle *p, pickle_ref v)
{
    return p->nodes[v].number;
}

const char *pickle_text(const struct pickle *p, pickle_ref v, size_t *size)
{
    *size = p->nodes[v].text.size;
    return p->texts + p->nodes[v].text.at;
}
