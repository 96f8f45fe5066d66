/* SPDX-License-Identifier: MIT */
/* import/pickle_heap.h — the values of a pickle, for the files that read one (pickle.c,
 * pickle_heap.c, pickle_numpy.c). */
#ifndef IMPORT_PICKLE_HEAP_H
#define IMPORT_PICKLE_HEAP_H

#include "import/pickle.h"

struct pickle_node {
    uint8_t type;   /* enum pickle_type */
    uint8_t global; /* enum pickle_global */
    union {
        int64_t number;
        struct {
            uint32_t at, size; /* in the texts */
        } text;
        struct {
            uint64_t at; /* in the spool */
        } spooled;
        struct {
            pickle_ref *items;
            uint32_t count, room;
        } list;
        struct {
            pickle_ref state; /* of an array or a dtype; 0: none yet */
            pickle_ref type;  /* of a dtype: its text */
        } object;
    };
    uint64_t size; /* of what is spooled */
};

enum pickle_global { GLOBAL_RECONSTRUCT, GLOBAL_NDARRAY, GLOBAL_DTYPE, GLOBAL_ENCODE };

struct pickle {
    struct pickle_source source;
    struct err *e;
    struct pickle_node *nodes; /* node 0 is none */
    uint32_t node_count, node_room;
    char *texts;
    uint32_t text_bytes, text_room;
    pickle_ref *stack, *memo;
    uint32_t depth, stack_room, memo_count, memo_room;
    int spool; /* -1: none */
    uint64_t spool_bytes;
    uint8_t *buffer; /* what is read ahead */
    size_t first, end;
    uint64_t offset; /* of what was taken, in the file */
    pickle_ref root;
};

/* A new node of the type. Returns 0 and -errno is told. */
int pickle_new(struct pickle *p, enum pickle_type type, pickle_ref *out);
int pickle_new_text(struct pickle *p, const void *bytes, size_t size, pickle_ref *out);
int pickle_new_number(struct pickle *p, int64_t value, pickle_ref *out);
int pickle_append(struct pickle *p, pickle_ref list, pickle_ref value);

int pickle_push(struct pickle *p, pickle_ref v);
int pickle_pop(struct pickle *p, pickle_ref *v);
int pickle_remember(struct pickle *p, uint64_t index, pickle_ref v);

/* Writes to the spool's end, which is made where it is not there. */
int pickle_spool(struct pickle *p, const void *bytes, size_t size);

/* The calls and states of NumPy's arrays. */
int pickle_global(struct pickle *p, const char *module, const char *name, pickle_ref *out);
int pickle_reduce(struct pickle *p, pickle_ref callable, pickle_ref arguments, pickle_ref *out);
int pickle_build(struct pickle *p, pickle_ref object, pickle_ref state);

static inline struct pickle_node *pickle_node(const struct pickle *p, pickle_ref v)
{
    return &p->nodes[v];
}

#endif
