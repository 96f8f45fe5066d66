/* SPDX-License-Identifier: MIT */
/* A ledger's reader over any bytes, as a crash, a disk or somebody may leave them: what is read
 * says the same when it is written again. The first byte says whether the checksums are put right,
 * so that what lies behind them is reached. */
#include "ledger/record.h"

#include "base/bytes.h"
#include "base/crc32.h"
#include "fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>

/* Of each record, as far as their lengths lead. */
static void put_checksums(uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at + 8 <= size;) {
        size_t said = get_le16(bytes + at + 4);
        if (said < 8 || said > size - at)
            return;
        put_le32(bytes + at, crc32_of(bytes + at + 4, said - 4));
        at += said;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    bool put_right = input_u8(&in) & 1;
    uint8_t *bytes = malloc(in.left ? in.left : 1);
    struct ledger_reader r = {.bytes = bytes, .size = in.left};
    struct ledger_record record, back;
    uint8_t again[LEDGER_RECORD_MAX];
    assert(bytes);
    input_bytes(&in, bytes, in.left);
    if (put_right)
        put_checksums(bytes, r.size);
    while (ledger_next(&r, &record)) {
        size_t n = ledger_encode(&record, again);
        assert(r.at <= r.size && r.skipped <= r.at);
        assert(ledger_decode(&back, again, n) == n && back.type == record.type);
        assert(record.type != LEDGER_OPEN || spec_check(&record.open.spec, NULL) == 0);
    }
    free(bytes);
    return 0;
}
