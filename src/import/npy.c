/* SPDX-License-Identifier: MIT */
/* The header, top to bottom: magic, version, length, the literal. */
#include "import/npy.h"

#include "base/bytes.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The literal, as it is read. */
struct literal {
    const char *text;
    size_t at, size, offset; /* of the text in the file */
    struct err *e;
};

static int refuse(const struct literal *l, const char *want)
{
    char seen[8] = "its end";
    if (l->at < l->size)
        snprintf(seen, sizeof seen, "'%c'",
                 isprint((unsigned char)l->text[l->at]) ? l->text[l->at] : '?');
    return err_set(l->e, -EINVAL, "its header has %s at byte %zu, want %s", seen, l->offset + l->at,
                   want);
}

static void skip_space(struct literal *l)
{
    while (l->at < l->size && strchr(" \t\r\n", l->text[l->at]) && l->text[l->at])
        l->at++;
}

/* Passes over the sign, where it is there. */
static bool take(struct literal *l, char sign)
{
    skip_space(l);
    if (l->at == l->size || l->text[l->at] != sign)
        return false;
    l->at++;
    return true;
}

static int need(struct literal *l, char sign)
{
    char want[4] = {'\'', sign, '\'', 0};
    return take(l, sign) ? 0 : refuse(l, want);
}

/* A text between quotes, without escapes: no name and no type of numbers has one. */
static int take_text(struct literal *l, const char *what, char *out, size_t size)
{
    size_t n = 0;
    skip_space(l);
    if (l->at == l->size || (l->text[l->at] != '\'' && l->text[l->at] != '"'))
        return refuse(l, what);
    char quote = l->text[l->at++];
    while (l->at < l->size && l->text[l->at] != quote) {
        if (l->text[l->at] == '\\' || n + 1 == size)
            return refuse(l, what);
        out[n++] = l->text[l->at++];
    }
    out[n] = 0;
    return need(l, quote);
}

static int take_truth(struct literal *l, bool *out)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"True", true}, {"False", false}};
    skip_space(l);
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(words[i].word);
        if (l->size - l->at >= n && !memcmp(l->text + l->at, words[i].word, n)) {
            l->at += n;
            *out = words[i].value;
            return 0;
        }
    }
    return refuse(l, "True or False");
}

static int take_number(struct literal *l, uint64_t *out)
{
    uint64_t v = 0;
    skip_space(l);
    if (l->at == l->size || !isdigit((unsigned char)l->text[l->at]))
        return refuse(l, "a whole number");
    for (; l->at < l->size && isdigit((unsigned char)l->text[l->at]); l->at++)
        if (!size_mul(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(l->text[l->at] - '0'), &v))
            return refuse(l, "a number below 2^64");
    if (l->at < l->size && l->text[l->at] == 'L') /* Python 2's long */
        l->at++;
    *out = v;
    return 0;
}

/* "(60000, 28, 28)", "(5,)" */
static int take_shape(struct literal *l, struct npy_header *h)
{
    int rc = need(l, '(');
    while (!rc && !take(l, ')')) {
        if (h->dim_count == NPY_DIMS_MAX)
            return refuse(l, "at most 5 dimensions");
        rc = take_number(l, &h->dims[h->dim_count]);
        h->dim_count += !rc;
        if (!rc && !take(l, ','))
            return need(l, ')');
    }
    return rc;
}

static int take_type(struct literal *l, struct npy_header *h)
{
    size_t before = l->at;
    int rc = take_text(l, "a type as '|u1'", h->descr, sizeof h->descr);
    if (rc)
        return rc;
    const char *d = h->descr;
    bool order = d[0] == '<' || d[0] == '>' || d[0] == '|' || d[0] == '=';
    const char *t = d + order;
    bool sizes = strlen(t) == 2 && ((t[0] == 'b' && t[1] == '1') ||
                                    ((t[0] == 'u' || t[0] == 'i') && strchr("1248", t[1])) ||
                                    (t[0] == 'f' && strchr("48", t[1])));
    if (t[0] == 'O')
        return err_set(l->e, -EINVAL, "its values are pickled objects, want numbers");
    if (!sizes)
        return err_set(
            l->e, -EINVAL,
            "its header has the type '%s' at byte %zu, want whole numbers, truth values, "
            "f4 or f8",
            d, l->offset + before);
    h->kind = t[0];
    h->item_bytes = (uint32_t)(t[1] - '0');
    h->big_endian = d[0] == '>';
    return 0;
}

static int take_pair(struct literal *l, struct npy_header *h, unsigned *seen)
{
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    char key[16];
    size_t before = l->at;
    int rc = take_text(l, "a key", key, sizeof key);
    if (!rc)
        rc = need(l, ':');
    if (rc)
        return rc;
    for (unsigned i = 0; i < 3; i++) {
        if (strcmp(key, keys[i]) != 0 || *seen >> i & 1)
            continue;
        *seen |= 1u << i;
        return i == 0 ? take_type(l, h) : i == 1 ? take_truth(l, &h->fortran) : take_shape(l, h);
    }
    l->at = before;
    return refuse(l, "descr, fortran_order and shape, each once");
}

static int take_literal(struct literal *l, struct npy_header *h)
{
    unsigned seen = 0;
    int rc = need(l, '{');
    while (!rc && !take(l, '}')) {
        rc = take_pair(l, h, &seen);
        if (!rc && !take(l, ',')) {
            rc = need(l, '}');
            break;
        }
    }
    if (rc)
        return rc;
    skip_space(l);
    if (l->at < l->size)
        return refuse(l, "nothing more");
    return seen == 7 ? 0
                     : err_set(l->e, -EINVAL,
                               "its header does not say all of descr, fortran_order and shape");
}

static int check_size(struct npy_header *h, struct err *e)
{
    h->data_bytes = h->item_bytes;
    for (int i = h->dim_count; i < NPY_DIMS_MAX; i++)
        h->dims[i] = 1;
    for (int i = 0; i < h->dim_count; i++)
        if (!size_mul(h->data_bytes, h->dims[i], &h->data_bytes) ||
            h->data_bytes > (uint64_t)INT64_MAX - h->header_bytes)
            return err_set(e, -EINVAL, "its shape makes more bytes than fit in 63 bits");
    return 0;
}

int npy_parse(const uint8_t *bytes, size_t size, struct npy_header *h, struct err *e)
{
    static const uint8_t magic[] = {0x93, 'N', 'U', 'M', 'P', 'Y'};
    memset(h, 0, sizeof *h);
    h->header_bytes = NPY_PREFIX_BYTES;
    if (size < NPY_PREFIX_BYTES)
        return NPY_MORE;
    if (memcmp(bytes, magic, sizeof magic) != 0)
        return err_set(e, -EINVAL, "no NumPy array: begins with 0x%08x, want 0x934e554d",
                       get_be32(bytes));
    if (bytes[6] < 1 || bytes[6] > 3)
        return err_set(e, -EINVAL, "NumPy's format %u.%u, want 1.0, 2.0 or 3.0", bytes[6],
                       bytes[7]);
    uint32_t prefix = bytes[6] == 1 ? 10 : 12;
    uint32_t length = bytes[6] == 1 ? get_le16(bytes + 8) : get_le32(bytes + 8);
    if (length > NPY_HEADER_BYTES_MAX - prefix)
        return err_set(e, -EINVAL, "its header has %u bytes, want at most %u", length,
                       NPY_HEADER_BYTES_MAX - prefix);
    h->header_bytes = prefix + length;
    if (size < h->header_bytes)
        return NPY_MORE;
    struct literal l = {
        .text = (const char *)bytes + prefix, .size = length, .offset = prefix, .e = e};
    int rc = take_literal(&l, h);
    return rc ? rc : check_size(h, e);
}
