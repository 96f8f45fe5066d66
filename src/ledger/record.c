/* SPDX-License-Identifier: MIT */
/* Records to bytes and back. Does not say what they mean together: that is ctl's. */
#include "ledger/record.h"

#include "base/bytes.h"
#include "base/crc32.h"

#include <assert.h>
#include <string.h>

#define HEAD_BYTES    8u
#define START_MAGIC   0x474c4d46u /* "FMLG" */
#define OPEN_PLAIN    80u         /* before the spec */
#define FLAG_GOES_ON  1u
#define FLAG_AT_TOKEN 2u

/* The encoded spec without the zeros that it ends in: most of it is room for a chain's text. */
static size_t spec_bytes(const uint8_t *spec)
{
    size_t size = SPEC_BYTES;
    while (size > 8 && !get_le64(spec + size - 8))
        size -= 8;
    return size;
}

static size_t put_start(const struct ledger_start *r, uint8_t *b)
{
    put_le32(b + 8, START_MAGIC);
    put_le32(b + 12, LEDGER_VERSION);
    put_le64(b + 16, r->boot);
    put_le64(b + 24, r->time_ms);
    put_le64(b + 32, r->file);
    put_le64(b + 40, r->goes_on ? FLAG_GOES_ON : 0);
    return 48;
}

static size_t put_open(const struct ledger_open *r, uint8_t *b)
{
    uint8_t spec[SPEC_BYTES];
    spec_encode(&r->spec, spec);
    size_t size = spec_bytes(spec);
    put_le32(b + 8, r->session);
    put_le32(b + 12, r->uid);
    put_le32(b + 16, r->pid);
    put_le32(b + 20, (r->goes_on ? FLAG_GOES_ON : 0) | (r->at_token ? FLAG_AT_TOKEN : 0));
    put_le64(b + 24, r->time_ms);
    put_le64(b + 32, r->first);
    put_le64(b + 40, r->images);
    memcpy(b + 48, r->identity, 16);
    memcpy(b + 64, r->program, LEDGER_PROGRAM_SIZE);
    memcpy(b + OPEN_PLAIN, spec, size);
    return OPEN_PLAIN + size;
}

static size_t put_run(const struct ledger_run *r, uint8_t *b)
{
    put_le32(b + 8, r->session);
    put_le32(b + 12, r->count);
    put_le64(b + 16, r->first);
    put_le64(b + 24, r->sum);
    return 32;
}

static size_t put_end(const struct ledger_end *r, uint8_t *b)
{
    put_le32(b + 8, r->session);
    put_le32(b + 12, 0);
    put_le64(b + 16, r->told);
    put_le64(b + 24, r->handed);
    put_le64(b + 32, r->time_ms);
    return 40;
}

static size_t put_gap(const struct ledger_gap *r, uint8_t *b)
{
    put_le32(b + 8, r->sessions);
    put_le32(b + 12, 0);
    put_le64(b + 16, r->batches);
    put_le64(b + 24, r->time_ms);
    return 32;
}

static size_t put_stop(const struct ledger_stop *r, uint8_t *b)
{
    put_le64(b + 8, r->boot);
    put_le64(b + 16, r->time_ms);
    put_le64(b + 24, 0);
    return 32;
}

size_t ledger_encode(const struct ledger_record *r, uint8_t out[LEDGER_RECORD_MAX])
{
    size_t size = 0;
    switch (r->type) {
    case LEDGER_START:
        size = put_start(&r->start, out);
        break;
    case LEDGER_OPEN:
        size = put_open(&r->open, out);
        break;
    case LEDGER_RUN:
        size = put_run(&r->run, out);
        break;
    case LEDGER_END:
        size = put_end(&r->end, out);
        break;
    case LEDGER_GAP:
        size = put_gap(&r->gap, out);
        break;
    case LEDGER_STOP:
        size = put_stop(&r->stop, out);
        break;
    }
    assert(size && size % 8 == 0 && size <= LEDGER_RECORD_MAX);
    put_le16(out + 4, (uint16_t)size);
    out[6] = (uint8_t)r->type;
    out[7] = 0;
    put_le32(out, crc32_of(out + 4, size - 4));
    return size;
}

static bool get_start(struct ledger_start *r, const uint8_t *b, size_t size)
{
    if (size != 48 || get_le32(b + 8) != START_MAGIC || get_le32(b + 12) != LEDGER_VERSION ||
        get_le64(b + 40) > FLAG_GOES_ON)
        return false;
    *r = (struct ledger_start){.boot = get_le64(b + 16),
                               .time_ms = get_le64(b + 24),
                               .file = get_le64(b + 32),
                               .goes_on = get_le64(b + 40) != 0};
    return true;
}

static bool get_open(struct ledger_open *r, const uint8_t *b, size_t size)
{
    uint8_t spec[SPEC_BYTES] = {0};
    uint32_t flags = get_le32(b + 20);
    if (size <= OPEN_PLAIN || size > OPEN_PLAIN + SPEC_BYTES ||
        flags > (FLAG_GOES_ON | FLAG_AT_TOKEN) || b[64 + LEDGER_PROGRAM_SIZE - 1])
        return false;
    memcpy(spec, b + OPEN_PLAIN, size - OPEN_PLAIN);
    *r = (struct ledger_open){.session = get_le32(b + 8),
                              .uid = get_le32(b + 12),
                              .pid = get_le32(b + 16),
                              .goes_on = flags & FLAG_GOES_ON,
                              .at_token = flags & FLAG_AT_TOKEN,
                              .time_ms = get_le64(b + 24),
                              .first = get_le64(b + 32),
                              .images = get_le64(b + 40)};
    memcpy(r->identity, b + 48, 16);
    memcpy(r->program, b + 64, LEDGER_PROGRAM_SIZE);
    return spec_decode(&r->spec, spec, NULL) == 0;
}

static bool get_run(struct ledger_run *r, const uint8_t *b, size_t size)
{
    *r = (struct ledger_run){.session = get_le32(b + 8),
                             .count = get_le32(b + 12),
                             .first = get_le64(b + 16),
                             .sum = get_le64(b + 24)};
    return size == 32 && r->count && r->first <= UINT64_MAX - r->count;
}

/* The part of a record behind its head, which has passed its CRC. */
static bool get_body(struct ledger_record *r, const uint8_t *b, size_t size)
{
    switch (r->type) {
    case LEDGER_START:
        return get_start(&r->start, b, size);
    case LEDGER_OPEN:
        return get_open(&r->open, b, size);
    case LEDGER_RUN:
        return get_run(&r->run, b, size);
    case LEDGER_END:
        r->end = (struct ledger_end){.session = get_le32(b + 8),
                                     .told = get_le64(b + 16),
                                     .handed = get_le64(b + 24),
                                     .time_ms = size == 40 ? get_le64(b + 32) : 0};
        return size == 40;
    case LEDGER_GAP:
        r->gap = (struct ledger_gap){
            .sessions = get_le32(b + 8), .batches = get_le64(b + 16), .time_ms = get_le64(b + 24)};
        return size == 32;
    case LEDGER_STOP:
        r->stop = (struct ledger_stop){.boot = get_le64(b + 8), .time_ms = get_le64(b + 16)};
        return size == 32 && !get_le64(b + 24);
    }
    return false;
}

size_t ledger_decode(struct ledger_record *r, const uint8_t *bytes, size_t size)
{
    if (size < 32)
        return 0;
    size_t said = get_le16(bytes + 4);
    if (said < 32 || said % 8 || said > LEDGER_RECORD_MAX || said > size || bytes[7] ||
        bytes[6] < LEDGER_START || bytes[6] > LEDGER_STOP ||
        get_le32(bytes) != crc32_of(bytes + 4, said - 4))
        return 0;
    r->type = (enum ledger_type)bytes[6];
    return get_body(r, bytes, said) ? said : 0;
}

bool ledger_next(struct ledger_reader *r, struct ledger_record *out)
{
    for (size_t at = r->at; at < r->size; at++) {
        size_t n = ledger_decode(out, r->bytes + at, r->size - at);
        if (!n)
            continue;
        r->skipped += at - r->at;
        r->at = at + n;
        return true;
    }
    return false;
}
