/* SPDX-License-Identifier: MIT */
/* The four names that a NumPy array is pickled with: what they are given is kept, nothing is
 * called. */
#include "import/pickle_heap.h"

#include "base/bytes.h"
#include "base/io.h"

#include <errno.h>
#include <string.h>

static int refuse(struct pickle *p, const char *what)
{
    return err_set(p->e, -EINVAL, "%s at byte %llu", what, (unsigned long long)p->offset);
}

int pickle_global(struct pickle *p, const char *module, const char *name, pickle_ref *out)
{
    static const struct {
        const char *module, *name;
        enum pickle_global global;
    } allowed[] = {
        {"numpy.core.multiarray", "_reconstruct", GLOBAL_RECONSTRUCT},
        {"numpy._core.multiarray", "_reconstruct", GLOBAL_RECONSTRUCT},
        {"numpy", "ndarray", GLOBAL_NDARRAY},
        {"numpy", "dtype", GLOBAL_DTYPE},
        {"_codecs", "encode", GLOBAL_ENCODE},
    };
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        if (!strcmp(module, allowed[i].module) && !strcmp(name, allowed[i].name)) {
            int rc = pickle_new(p, PICKLE_GLOBAL, out);
            if (!rc)
                p->nodes[*out].global = (uint8_t)allowed[i].global;
            return rc;
        }
    return err_set(p->e, -EINVAL,
                   "its pickle names %.64s.%.64s at byte %llu, and only NumPy's arrays are read",
                   module, name, (unsigned long long)p->offset);
}

/* ---- bytes that were written as text: each letter a byte ------------------------------------- */

/* UTF-8 of letters below 256 to bytes; *half is what a chunk's end cut. Returns the bytes, -1 where
 * there is another letter. */
static ssize_t narrow(const uint8_t *from, size_t size, uint8_t *to, uint8_t *half)
{
    size_t n = 0;
    for (size_t i = 0; i < size; i++) {
        if (*half) {
            if ((from[i] & 0xc0) != 0x80)
                return -1;
            to[n++] = (uint8_t)(*half << 6 | (from[i] & 0x3f));
            *half = 0;
        } else if (from[i] < 0x80) {
            to[n++] = from[i];
        } else if (from[i] == 0xc2 || from[i] == 0xc3) {
            *half = from[i];
        } else {
            return -1;
        }
    }
    return (ssize_t)n;
}

static int encode_long(struct pickle *p, pickle_ref text, pickle_ref *out)
{
    uint8_t from[4096], to[4096], half = 0;
    uint64_t at = p->nodes[text].spooled.at, left = p->nodes[text].size, begin = p->spool_bytes;
    int rc = 0;
    while (!rc && left) {
        size_t size = left < sizeof from ? (size_t)left : sizeof from;
        ssize_t n = pread_full(p->spool, from, size, at);
        if (n != (ssize_t)size)
            return err_sys(p->e, n < 0 ? (int)n : -EIO, "reading a temporary file");
        n = narrow(from, size, to, &half);
        rc = n < 0 ? refuse(p, "a text that is no latin1") : pickle_spool(p, to, (size_t)n);
        at += size;
        left -= size;
    }
    if (!rc && half)
        rc = refuse(p, "a text that ends in mid-letter");
    if (!rc)
        rc = pickle_new(p, PICKLE_LONG, out);
    if (!rc) {
        p->nodes[*out].spooled.at = begin;
        p->nodes[*out].size = p->spool_bytes - begin;
    }
    return rc;
}

static int encode(struct pickle *p, const struct pickle_node *arguments, pickle_ref *out)
{
    uint8_t bytes[PICKLE_SPOOL_BYTES], half = 0;
    pickle_ref text = arguments->list.count == 2 ? arguments->list.items[0] : 0;
    pickle_ref code = text ? arguments->list.items[1] : 0;
    size_t size;
    if (p->nodes[code].type != PICKLE_TEXT || strcmp(pickle_text(p, code, &size), "latin1") != 0)
        return refuse(p, "_codecs.encode of something else than a text as latin1");
    if (p->nodes[text].type == PICKLE_LONG)
        return encode_long(p, text, out);
    if (p->nodes[text].type != PICKLE_TEXT)
        return refuse(p, "_codecs.encode of no text");
    const char *from = pickle_text(p, text, &size);
    ssize_t n = narrow((const uint8_t *)from, size, bytes, &half);
    if (n < 0 || half)
        return refuse(p, "a text that is no latin1");
    return pickle_new_text(p, bytes, (size_t)n, out);
}

/* ---- arrays -------------------------------------------------------------------------------- */

int pickle_reduce(struct pickle *p, pickle_ref callable, pickle_ref arguments, pickle_ref *out)
{
    const struct pickle_node c = p->nodes[callable], a = p->nodes[arguments];
    if (c.type != PICKLE_GLOBAL || a.type != PICKLE_TUPLE)
        return refuse(p, "a call of something that is no name");
    if (c.global == GLOBAL_ENCODE)
        return encode(p, &a, out);
    if (c.global == GLOBAL_RECONSTRUCT && a.list.count == 3 &&
        p->nodes[a.list.items[0]].type == PICKLE_GLOBAL &&
        p->nodes[a.list.items[0]].global == GLOBAL_NDARRAY)
        return pickle_new(p, PICKLE_ARRAY, out);
    if (c.global == GLOBAL_DTYPE && a.list.count >= 1 &&
        p->nodes[a.list.items[0]].type == PICKLE_TEXT) {
        int rc = pickle_new(p, PICKLE_DTYPE, out);
        if (!rc)
            p->nodes[*out].object.type = a.list.items[0];
        return rc;
    }
    return refuse(p, "a call that no array is written with");
}

int pickle_build(struct pickle *p, pickle_ref object, pickle_ref state)
{
    struct pickle_node *o = &p->nodes[object];
    if ((o->type != PICKLE_ARRAY && o->type != PICKLE_DTYPE) ||
        p->nodes[state].type != PICKLE_TUPLE)
        return refuse(p, "a state of something that is no array");
    o->object.state = state;
    return 0;
}

/* The item's type: "u1" and, of its state, the order of its bytes. */
static int take_type(const struct pickle *p, pickle_ref v, struct npy_header *h, struct err *e)
{
    const struct pickle_node *d = &p->nodes[v];
    size_t size;
    if (d->type != PICKLE_DTYPE)
        return err_set(e, -EINVAL, "an array without a type");
    const char *text = pickle_text(p, d->object.type, &size);
    if (size != 2 || strlen(text) != 2 || !strchr("uibf", text[0]) || !strchr("1248", text[1]) ||
        (text[0] == 'f' && text[1] < '4') || (text[0] == 'b' && text[1] != '1'))
        return err_set(e, -EINVAL, "an array of type %.16s, want whole numbers, truth, f4 or f8",
                       text);
    h->kind = text[0];
    h->item_bytes = (uint32_t)(text[1] - '0');
    const struct pickle_node *s = &p->nodes[d->object.state];
    if (s->type == PICKLE_TUPLE && s->list.count >= 2 &&
        p->nodes[s->list.items[1]].type == PICKLE_TEXT)
        h->big_endian = *pickle_text(p, s->list.items[1], &size) == '>';
    return 0;
}

static int take_shape(const struct pickle *p, pickle_ref v, struct npy_header *h, struct err *e)
{
    const struct pickle_node *t = &p->nodes[v];
    if (t->type != PICKLE_TUPLE || t->list.count < 1 || t->list.count > NPY_DIMS_MAX)
        return err_set(e, -EINVAL, "an array without a shape of 1 to %d dimensions", NPY_DIMS_MAX);
    h->dim_count = (int)t->list.count;
    h->data_bytes = h->item_bytes;
    for (int i = 0; i < NPY_DIMS_MAX; i++)
        h->dims[i] = 1;
    for (int i = 0; i < h->dim_count; i++) {
        const struct pickle_node *n = &p->nodes[t->list.items[i]];
        if (n->type != PICKLE_NUMBER || n->number < 1 ||
            !size_mul(h->data_bytes, (uint64_t)n->number, &h->data_bytes) ||
            h->data_bytes > INT64_MAX)
            return err_set(e, -EINVAL, "an array of an impossible shape");
        h->dims[i] = (uint64_t)n->number;
    }
    return 0;
}

int pickle_get_array(const struct pickle *p, pickle_ref v, struct pickle_array *array,
                     struct err *e)
{
    const struct pickle_node *a = &p->nodes[v];
    const struct pickle_node *s = &p->nodes[a->type == PICKLE_ARRAY ? a->object.state : 0];
    *array = (struct pickle_array){.fd = p->spool};
    if (a->type != PICKLE_ARRAY)
        return err_set(e, -EINVAL, "something that is no array");
    if (s->type != PICKLE_TUPLE || s->list.count != 5)
        return err_set(e, -EINVAL, "an array without its five parts");
    int rc = take_type(p, s->list.items[2], &array->header, e);
    if (!rc)
        rc = take_shape(p, s->list.items[1], &array->header, e);
    if (rc)
        return rc;
    const struct pickle_node *order = &p->nodes[s->list.items[3]];
    const struct pickle_node *bytes = &p->nodes[s->list.items[4]];
    array->header.fortran =
        (order->type == PICKLE_TRUTH || order->type == PICKLE_NUMBER) && order->number;
    array->from = bytes->type == PICKLE_LONG ? bytes->spooled.at : 0;
    array->size = bytes->size;
    if (bytes->type == PICKLE_TEXT) {
        size_t size;
        array->memory = (const uint8_t *)pickle_text(p, s->list.items[4], &size);
        array->size = size;
    } else if (bytes->type != PICKLE_LONG) {
        return err_set(e, -EINVAL, "an array without its bytes");
    }
    if (array->size != array->header.data_bytes)
        return err_set(e, -EINVAL, "an array of %llu bytes, whose shape and type want %llu",
                       (unsigned long long)array->size,
                       (unsigned long long)array->header.data_bytes);
    return 0;
}
