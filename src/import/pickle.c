/* SPDX-License-Identifier: MIT */
/* The machine: one opcode after the other, each of the list below. */
#include "import/pickle_heap.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER_BYTES = 1 << 18 };

/* ---- bytes --------------------------------------------------------------------------------- */

static int refuse_end(struct pickle *p)
{
    return err_set(p->e, -EINVAL, "its pickle breaks off at byte %llu: a half download?",
                   (unsigned long long)(p->offset + (p->end - p->first)));
}

/* Reads ahead where less than `size` bytes are there. */
static int want(struct pickle *p, size_t size)
{
    if (p->end - p->first >= size)
        return 0;
    memmove(p->buffer, p->buffer + p->first, p->end - p->first);
    p->end -= p->first;
    p->first = 0;
    ssize_t n = p->source.read(p->source.data, p->buffer + p->end, BUFFER_BYTES - p->end, p->e);
    if (n < 0)
        return (int)n;
    p->end += (size_t)n;
    return p->end >= size ? 0 : refuse_end(p);
}

static const uint8_t *take(struct pickle *p, size_t size)
{
    const uint8_t *at = p->buffer + p->first;
    p->first += size;
    p->offset += size;
    return at;
}

/* A little-endian number of so many bytes. */
static int take_number(struct pickle *p, size_t size, uint64_t *out)
{
    int rc = want(p, size);
    if (rc)
        return rc;
    const uint8_t *b = take(p, size);
    *out = 0;
    for (size_t i = 0; i < size; i++)
        *out |= (uint64_t)b[i] << 8 * i;
    return 0;
}

/* A line without its end. */
static int take_line(struct pickle *p, char out[128])
{
    size_t n = 0;
    for (;;) {
        int rc = want(p, 1);
        if (rc)
            return rc;
        char c = (char)*take(p, 1);
        if (c == '\n')
            break;
        if (n == 127)
            return err_set(p->e, -EINVAL, "its pickle has a name that is too long at byte %llu",
                           (unsigned long long)p->offset);
        out[n++] = c;
    }
    out[n] = 0;
    return 0;
}

/* ---- values -------------------------------------------------------------------------------- */

static int push_long(struct pickle *p, uint64_t size)
{
    pickle_ref v;
    int rc = pickle_new(p, PICKLE_LONG, &v);
    if (rc)
        return rc;
    p->nodes[v].spooled.at = p->spool_bytes;
    p->nodes[v].size = size;
    for (uint64_t left = size; left;) {
        rc = want(p, 1);
        if (rc)
            return rc;
        size_t n = p->end - p->first;
        n = left < n ? (size_t)left : n;
        rc = pickle_spool(p, take(p, n), n);
        if (rc)
            return rc;
        left -= n;
    }
    return pickle_push(p, v);
}

/* A text behind its length, of so many bytes. */
static int push_text(struct pickle *p, size_t length_bytes)
{
    uint64_t size;
    pickle_ref v;
    int rc = take_number(p, length_bytes, &size);
    if (rc)
        return rc;
    if (size > PICKLE_SPOOL_BYTES)
        return push_long(p, size);
    rc = want(p, (size_t)size);
    if (!rc)
        rc = pickle_new_text(p, take(p, (size_t)size), (size_t)size, &v);
    return rc ? rc : pickle_push(p, v);
}

static int push_number(struct pickle *p, size_t bytes, bool sign)
{
    uint64_t bits;
    pickle_ref v;
    int rc = take_number(p, bytes, &bits);
    if (rc)
        return rc;
    unsigned spare = bytes ? 64 - 8 * (unsigned)bytes : 0;
    int64_t value = !bytes ? 0 : sign ? (int64_t)(bits << spare) >> spare : (int64_t)bits;
    rc = pickle_new_number(p, value, &v);
    return rc ? rc : pickle_push(p, v);
}

static int push_long_number(struct pickle *p)
{
    uint64_t bytes;
    int rc = take_number(p, 1, &bytes);
    if (!rc && bytes > 8)
        rc = err_set(p->e, -EINVAL, "its pickle has a number of %llu bytes at byte %llu, want 8",
                     (unsigned long long)bytes, (unsigned long long)p->offset);
    return rc ? rc : push_number(p, (size_t)bytes, true);
}

static int push_new(struct pickle *p, enum pickle_type type, int64_t number)
{
    pickle_ref v;
    int rc = pickle_new(p, type, &v);
    if (rc)
        return rc;
    if (type == PICKLE_TRUTH)
        p->nodes[v].number = number;
    return pickle_push(p, v);
}

/* ---- what holds others ---------------------------------------------------------------------- */

static int refuse_use(struct pickle *p, const char *what)
{
    return err_set(p->e, -EINVAL, "its pickle %s at byte %llu", what,
                   (unsigned long long)p->offset);
}

/* Where the last mark stands on the stack. */
static int find_mark(struct pickle *p, uint32_t *at)
{
    for (*at = p->depth; *at > 0; --*at)
        if (p->nodes[p->stack[*at - 1]].type == PICKLE_MARK) {
            --*at;
            return 0;
        }
    return refuse_use(p, "looks for a mark that is not there");
}

/* The last `count` values become a tuple. */
static int make_tuple(struct pickle *p, uint32_t count)
{
    pickle_ref v;
    int rc = pickle_new(p, PICKLE_TUPLE, &v);
    if (!rc && count > p->depth)
        rc = refuse_use(p, "takes values that are not there");
    for (uint32_t i = 0; !rc && i < count; i++)
        rc = pickle_append(p, v, p->stack[p->depth - count + i]);
    if (rc)
        return rc;
    p->depth -= count;
    return pickle_push(p, v);
}

static int make_marked_tuple(struct pickle *p)
{
    uint32_t mark;
    int rc = find_mark(p, &mark);
    if (!rc)
        rc = make_tuple(p, p->depth - mark - 1);
    if (rc)
        return rc;
    p->stack[mark] = p->stack[p->depth - 1]; /* in the mark's place */
    p->depth = mark + 1;
    return 0;
}

/* Values from `first` on go behind those of what stands before `owner_end`. */
static int move_into(struct pickle *p, uint32_t owner_end, uint32_t first, enum pickle_type type)
{
    if (!owner_end || p->nodes[p->stack[owner_end - 1]].type != type ||
        (type == PICKLE_DICT && (p->depth - first) % 2))
        return refuse_use(p, "puts values into something else than a list or a mapping");
    int rc = 0;
    for (uint32_t i = first; !rc && i < p->depth; i++)
        rc = pickle_append(p, p->stack[owner_end - 1], p->stack[i]);
    p->depth = owner_end;
    return rc;
}

static int move_marked(struct pickle *p, enum pickle_type type)
{
    uint32_t mark;
    int rc = find_mark(p, &mark);
    return rc ? rc : move_into(p, mark, mark + 1, type);
}

static int move_last(struct pickle *p, uint32_t count, enum pickle_type type)
{
    if (p->depth <= count)
        return refuse_use(p, "takes values that are not there");
    return move_into(p, p->depth - count, p->depth - count, type);
}

/* ---- memo, names and calls ------------------------------------------------------------------ */

static int put(struct pickle *p, uint64_t index)
{
    if (!p->depth)
        return refuse_use(p, "keeps a value that is not there");
    return pickle_remember(p, index, p->stack[p->depth - 1]);
}

static int put_numbered(struct pickle *p, size_t bytes)
{
    uint64_t index;
    int rc = take_number(p, bytes, &index);
    return rc ? rc : put(p, index);
}

static int get_numbered(struct pickle *p, size_t bytes)
{
    uint64_t index;
    int rc = take_number(p, bytes, &index);
    if (rc)
        return rc;
    if (index >= p->memo_count || !p->memo[index])
        return refuse_use(p, "asks for a value that it has not kept");
    return pickle_push(p, p->memo[index]);
}

static int push_global(struct pickle *p)
{
    char module[128], name[128];
    pickle_ref v;
    int rc = take_line(p, module);
    if (!rc)
        rc = take_line(p, name);
    if (!rc)
        rc = pickle_global(p, module, name, &v);
    return rc ? rc : pickle_push(p, v);
}

static int push_stack_global(struct pickle *p)
{
    pickle_ref module, name, v;
    size_t size;
    int rc = pickle_pop(p, &name);
    if (!rc)
        rc = pickle_pop(p, &module);
    if (rc)
        return rc;
    if (p->nodes[module].type != PICKLE_TEXT || p->nodes[name].type != PICKLE_TEXT)
        return refuse_use(p, "has a name that is no text");
    rc = pickle_global(p, pickle_text(p, module, &size), pickle_text(p, name, &size), &v);
    return rc ? rc : pickle_push(p, v);
}

static int reduce(struct pickle *p)
{
    pickle_ref arguments, callable, v;
    int rc = pickle_pop(p, &arguments);
    if (!rc)
        rc = pickle_pop(p, &callable);
    if (!rc)
        rc = pickle_reduce(p, callable, arguments, &v);
    return rc ? rc : pickle_push(p, v);
}

static int build(struct pickle *p)
{
    pickle_ref state;
    int rc = pickle_pop(p, &state);
    if (!rc && !p->depth)
        rc = refuse_use(p, "gives a state to nothing");
    return rc ? rc : pickle_build(p, p->stack[p->depth - 1], state);
}

static int check_protocol(struct pickle *p)
{
    uint64_t protocol;
    int rc = take_number(p, 1, &protocol);
    if (!rc && (protocol < 2 || protocol > 5))
        rc = err_set(p->e, -EINVAL, "a pickle of protocol %llu, want 2 to 5",
                     (unsigned long long)protocol);
    return rc;
}

/* ---- the list ------------------------------------------------------------------------------ */

/* Returns 1 at the end. */
static int run_opcode(struct pickle *p, uint8_t code)
{
    uint64_t frame;
    switch (code) {
    case 0x80: /* PROTO */
        return check_protocol(p);
    case 0x95: /* FRAME */
        return take_number(p, 8, &frame);
    case '.': /* STOP */
        return 1;
    case '(': /* MARK */
        return push_new(p, PICKLE_MARK, 0);
    case 'N': /* NONE */
        return push_new(p, PICKLE_NONE, 0);
    case 0x88: /* NEWTRUE, NEWFALSE */
    case 0x89:
        return push_new(p, PICKLE_TRUTH, code == 0x88);
    case 'K': /* BININT1, BININT2, BININT, LONG1 */
        return push_number(p, 1, false);
    case 'M':
        return push_number(p, 2, false);
    case 'J':
        return push_number(p, 4, true);
    case 0x8a:
        return push_long_number(p);
    case 'U': /* SHORT_BINSTRING, SHORT_BINBYTES, SHORT_BINUNICODE */
    case 'C':
    case 0x8c:
        return push_text(p, 1);
    case 'T': /* BINSTRING, BINBYTES, BINUNICODE */
    case 'B':
    case 'X':
        return push_text(p, 4);
    case 0x8d: /* BINUNICODE8, BINBYTES8 */
    case 0x8e:
        return push_text(p, 8);
    case ')': /* EMPTY_TUPLE, TUPLE1, TUPLE2, TUPLE3, TUPLE */
        return push_new(p, PICKLE_TUPLE, 0);
    case 0x85:
    case 0x86:
    case 0x87:
        return make_tuple(p, code - 0x84u);
    case 't':
        return make_marked_tuple(p);
    case ']': /* EMPTY_LIST, APPEND, APPENDS */
        return push_new(p, PICKLE_LIST, 0);
    case 'a':
        return move_last(p, 1, PICKLE_LIST);
    case 'e':
        return move_marked(p, PICKLE_LIST);
    case '}': /* EMPTY_DICT, SETITEM, SETITEMS */
        return push_new(p, PICKLE_DICT, 0);
    case 's':
        return move_last(p, 2, PICKLE_DICT);
    case 'u':
        return move_marked(p, PICKLE_DICT);
    case 'q': /* BINPUT, LONG_BINPUT, MEMOIZE */
        return put_numbered(p, 1);
    case 'r':
        return put_numbered(p, 4);
    case 0x94:
        return put(p, p->memo_count);
    case 'h': /* BINGET, LONG_BINGET */
        return get_numbered(p, 1);
    case 'j':
        return get_numbered(p, 4);
    case 'c': /* GLOBAL, STACK_GLOBAL, REDUCE, BUILD */
        return push_global(p);
    case 0x93:
        return push_stack_global(p);
    case 'R':
        return reduce(p);
    case 'b':
        return build(p);
    }
    return err_set(p->e, -EINVAL,
                   "its pickle has opcode 0x%02x at byte %llu, which no array is written with",
                   code, (unsigned long long)(p->offset - 1));
}

static int run(struct pickle *p)
{
    int rc = want(p, 2);
    if (!rc && p->buffer[0] != 0x80)
        rc = err_set(p->e, -EINVAL, "no pickle of protocol 2 or later: begins with 0x%02x",
                     p->buffer[0]);
    while (!rc) {
        rc = want(p, 1);
        if (!rc)
            rc = run_opcode(p, *take(p, 1));
    }
    return rc < 0 ? rc : pickle_pop(p, &p->root);
}

int pickle_read(struct pickle **out, const struct pickle_source *source, struct err *e)
{
    pickle_ref none;
    struct pickle *p = *out = calloc(1, sizeof *p);
    if (!p)
        return err_set(e, -ENOMEM, "out of memory");
    p->source = *source;
    p->e = e;
    p->spool = -1;
    p->buffer = malloc(BUFFER_BYTES);
    int rc = p->buffer ? pickle_new(p, PICKLE_NONE, &none) : err_set(e, -ENOMEM, "out of memory");
    if (!rc)
        rc = run(p);
    if (rc) {
        pickle_free(p);
        *out = NULL;
    }
    return rc;
}
