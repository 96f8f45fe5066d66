/* SPDX-License-Identifier: MIT */
/* import/pickle.h — a Python pickle read as data.
 *
 * A closed list of opcodes makes numbers, texts, tuples, lists and mappings; of calls, the ones
 * alone that a NumPy array and its bytes are written with are known, and what they say is noted,
 * not done: no code runs, whatever the file says. Anything else is refused by its name and place.
 * Source: Lib/pickletools.py (protocols 2 to 5), numpy's ndarray.__reduce__.
 *
 * Memory: a node of 24 bytes a value, its texts, PICKLE_NODES_MAX and PICKLE_TEXT_MAX at the most;
 * texts of more than PICKLE_SPOOL_BYTES lie in a file without a name. Threads: one.
 */
#ifndef IMPORT_PICKLE_H
#define IMPORT_PICKLE_H

#include "base/err.h"
#include "import/npy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PICKLE_NODES_MAX   (UINT32_C(1) << 22)
#define PICKLE_TEXT_MAX    (UINT32_C(1) << 28)
#define PICKLE_SPOOL_BYTES (UINT32_C(1) << 16)

enum pickle_type {
    PICKLE_NONE,
    PICKLE_TRUTH,
    PICKLE_NUMBER,
    PICKLE_TEXT, /* bytes or text, short */
    PICKLE_LONG, /* the same, in the spool */
    PICKLE_TUPLE,
    PICKLE_LIST,
    PICKLE_DICT,   /* keys and values by turns */
    PICKLE_GLOBAL, /* a name that is allowed */
    PICKLE_DTYPE,
    PICKLE_ARRAY,
    PICKLE_MARK
};

/* Where bytes come from: reads `size`, or fewer at the end; negative errno values. */
struct pickle_source {
    void *data;
    ssize_t (*read)(void *data, void *buffer, size_t size, struct err *e);
    int (*spool)(void *data, struct err *e); /* a file for long texts, owned by the pickle */
};

struct pickle;

/* Reads one pickle to its end. Errors: -EINVAL with the opcode and its byte, or where it ends too
 * soon or is too large; -ENOMEM; those of the source. */
int pickle_read(struct pickle **p, const struct pickle_source *source, struct err *e);
void pickle_free(struct pickle *p); /* NULL: nothing */

/* A value, by its number; what the whole is. */
typedef uint32_t pickle_ref;
pickle_ref pickle_root(const struct pickle *p);
enum pickle_type pickle_type_of(const struct pickle *p, pickle_ref v);

/* The value of that key of a mapping. Returns whether there is one. */
bool pickle_find(const struct pickle *p, pickle_ref dict, const char *key, pickle_ref *value);

/* Of a list or tuple. */
size_t pickle_count(const struct pickle *p, pickle_ref v);
pickle_ref pickle_at(const struct pickle *p, pickle_ref v, size_t i);

int64_t pickle_number(const struct pickle *p, pickle_ref v); /* of PICKLE_NUMBER and _TRUTH */

/* Of PICKLE_TEXT. Ends in a 0 that does not count; valid as long as the pickle. */
const char *pickle_text(const struct pickle *p, pickle_ref v, size_t *size);

/* An array: its header, and its bytes, in memory or [from, from + size) of the file. Returns 0.
 * Errors: -EINVAL for types that are no numbers, and sizes that do not fit together. */
struct pickle_array {
    struct npy_header header;
    const uint8_t *memory; /* NULL: in the file */
    int fd;                /* the pickle's */
    uint64_t from, size;
};
int pickle_get_array(const struct pickle *p, pickle_ref v, struct pickle_array *array,
                     struct err *e);

#endif
