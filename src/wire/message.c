/* SPDX-License-Identifier: MIT */
/* Messages to bytes and back. Does not send, and does not judge what a message asks for. */
#include "wire/message.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void wire_put_head(uint8_t out[WIRE_HEAD_SIZE], uint16_t type, uint32_t body_bytes)
{
    put_le32(out, body_bytes);
    put_le16(out + 4, type);
    put_le16(out + 6, 0);
}

int wire_get_head(struct wire_head *h, const uint8_t in[WIRE_HEAD_SIZE], struct err *e)
{
    h->body_bytes = get_le32(in);
    h->type = get_le16(in + 4);
    if (get_le16(in + 6) != 0)
        return err_set(e, -EPROTO, "frame of type %u has 0x%04x at byte 6, want 0", h->type,
                       get_le16(in + 6));
    return 0;
}

/* ---- open ---------------------------------------------------------------------------------- */

_Static_assert(WIRE_OPEN_MAX <= WIRE_REQUEST_MAX, "every spec can be sent");

size_t wire_put_open(uint8_t out[WIRE_OPEN_MAX], const struct wire_open *m)
{
    spec_encode(&m->spec, out);
    uint8_t *p = out + SPEC_BYTES;
    memset(p, 0, WIRE_OPEN_SIZE - SPEC_BYTES);
    put_le32(p, m->at_token);
    if (m->at_token) {
        put_le64(p + 8, m->token.epoch);
        put_le64(p + 16, m->token.step);
        memcpy(p + 24, m->token.identity, 16);
    }
    size_t more = strnlen(m->spec.select, SPEC_SELECT_SIZE - 1);
    memcpy(out + WIRE_OPEN_SIZE, m->spec.select, more);
    return WIRE_OPEN_SIZE + more;
}

int wire_get_open(struct wire_open *m, const uint8_t *body, size_t bytes, struct err *e)
{
    if (bytes < WIRE_OPEN_SIZE || bytes > WIRE_OPEN_MAX)
        return err_set(e, -EPROTO, "open has %zu bytes, want %d to %d", bytes, WIRE_OPEN_SIZE,
                       WIRE_OPEN_MAX);
    const uint8_t *p = body + SPEC_BYTES;
    if (get_le32(p) > 1 || get_le32(p + 4))
        return err_set(e, -EPROTO, "open has %u, %u behind the spec, want 0 or 1, and 0",
                       get_le32(p), get_le32(p + 4));
    m->at_token = get_le32(p);
    m->token.epoch = get_le64(p + 8);
    m->token.step = get_le64(p + 16);
    memcpy(m->token.identity, p + 24, 16);
    int rc = spec_decode(&m->spec, body, e);
    if (rc)
        return rc;
    const uint8_t *text = body + WIRE_OPEN_SIZE;
    for (size_t i = 0; i < bytes - WIRE_OPEN_SIZE; i++) {
        if (text[i] < 0x20 || text[i] > 0x7e)
            return err_set(e, -EINVAL, "select, character %zu: 0x%02x, want printable ASCII", i + 1,
                           text[i]);
        m->spec.select[i] = (char)text[i];
    }
    return 0;
}

void wire_put_opened(uint8_t out[WIRE_OPENED_SIZE], const struct wire_opened *m)
{
    put_le64(out, m->sample_count);
    put_le64(out + 8, m->steps);
    put_le64(out + 16, m->epoch);
    put_le64(out + 24, m->step);
    put_le64(out + 32, m->sample_bytes);
    const uint32_t words[] = {m->batch_size,    m->channels,  m->height,   m->width,
                              m->in_channels,   m->in_height, m->in_width, m->views,
                              m->float_samples, m->slot_count};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        put_le32(out + 40 + 4 * i, words[i]);
    memcpy(out + 80, m->digest, 16);
    memcpy(out + 96, m->identity, 16);
    put_le32(out + 112, m->label_count);
    put_le32(out + 116, 0);
}

int wire_get_opened(struct wire_opened *m, const uint8_t *body, size_t bytes, struct err *e)
{
    if (bytes != WIRE_OPENED_SIZE)
        return err_set(e, -EPROTO, "opened has %zu bytes, want %d", bytes, WIRE_OPENED_SIZE);
    m->sample_count = get_le64(body);
    m->steps = get_le64(body + 8);
    m->epoch = get_le64(body + 16);
    m->step = get_le64(body + 24);
    m->sample_bytes = get_le64(body + 32);
    uint32_t *words[] = {&m->batch_size,    &m->channels,  &m->height,   &m->width,
                         &m->in_channels,   &m->in_height, &m->in_width, &m->views,
                         &m->float_samples, &m->slot_count};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        *words[i] = get_le32(body + 40 + 4 * i);
    memcpy(m->digest, body + 80, 16);
    memcpy(m->identity, body + 96, 16);
    m->label_count = get_le32(body + 112);
    if (get_le32(body + 116))
        return err_set(e, -EPROTO, "opened has %u at byte 116, want 0", get_le32(body + 116));
    return 0;
}

/* ---- growing replies ----------------------------------------------------------------------- */

void wire_buffer_free(struct wire_buffer *b)
{
    free(b->bytes);
    memset(b, 0, sizeof *b);
}

static bool reserve(struct wire_buffer *b, size_t more)
{
    if (b->failed || more > WIRE_REPLY_MAX - b->size)
        return !(b->failed = true);
    if (b->size + more <= b->capacity)
        return true;
    size_t capacity = b->capacity ? b->capacity : 256;
    while (capacity < b->size + more)
        capacity *= 2;
    uint8_t *bytes = realloc(b->bytes, capacity);
    if (!bytes)
        return !(b->failed = true);
    b->bytes = bytes;
    b->capacity = capacity;
    return true;
}

void wire_add(struct wire_buffer *b, const void *data, size_t size)
{
    if (!size || !reserve(b, size))
        return;
    memcpy(b->bytes + b->size, data, size);
    b->size += size;
}

void wire_add_u32(struct wire_buffer *b, uint32_t v)
{
    uint8_t bytes[4];
    put_le32(bytes, v);
    wire_add(b, bytes, sizeof bytes);
}

void wire_add_u64(struct wire_buffer *b, uint64_t v)
{
    uint8_t bytes[8];
    put_le64(bytes, v);
    wire_add(b, bytes, sizeof bytes);
}

void wire_add_text(struct wire_buffer *b, const char *text)
{
    size_t n = strlen(text);
    wire_add_u32(b, (uint32_t)n);
    wire_add(b, text, n);
}

void wire_add_dataset(struct wire_buffer *b, const struct wire_dataset *d)
{
    wire_add_text(b, d->name);
    wire_add_text(b, d->split);
    wire_add_u64(b, d->count);
    wire_add_u32(b, d->height);
    wire_add_u32(b, d->width);
    wire_add_u32(b, d->channels);
    wire_add_u32(b, d->label_count);
    wire_add(b, d->digest, sizeof d->digest);
    wire_add_u32(b, d->class_count);
    for (uint32_t i = 0; i < d->class_count; i++)
        wire_add_text(b, d->class_names[i]);
}

/* ---- bounded reading ----------------------------------------------------------------------- */

const void *wire_take(struct wire_cursor *c, size_t size)
{
    if (c->failed || size > c->left) {
        c->failed = true;
        return NULL;
    }
    const void *at = c->at;
    c->at += size;
    c->left -= size;
    return at;
}

uint32_t wire_take_u32(struct wire_cursor *c)
{
    const uint8_t *p = wire_take(c, 4);
    return p ? get_le32(p) : 0;
}

uint64_t wire_take_u64(struct wire_cursor *c)
{
    const uint8_t *p = wire_take(c, 8);
    return p ? get_le64(p) : 0;
}

char *wire_take_text(struct wire_cursor *c, size_t max)
{
    uint32_t n = wire_take_u32(c);
    if (n > max)
        c->failed = true;
    const char *p = wire_take(c, n);
    if (!p)
        return NULL;
    char *text = strndup(p, n);
    if (!text)
        c->failed = c->no_memory = true;
    return text;
}
