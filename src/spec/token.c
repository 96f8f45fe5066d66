/* SPDX-License-Identifier: MIT */
/* Tokens to bytes and back. Does not judge whether a token fits a stream. */
#include "spec/token.h"

#include "base/bytes.h"
#include "base/crc32.h"

#include <errno.h>
#include <string.h>

#define TOKEN_MAGIC   0x4b544d46u /* "FMTK" */
#define TOKEN_VERSION 1u
#define CRC_AT        44

void token_encode(const struct token *t, struct fmnist_token *out)
{
    uint8_t *b = out->bytes;
    put_le32(b, TOKEN_MAGIC);
    put_le32(b + 4, TOKEN_VERSION);
    memcpy(b + 8, t->identity, sizeof t->identity);
    put_le64(b + 24, t->epoch);
    put_le64(b + 32, t->step);
    put_le32(b + 40, 0);
    put_le32(b + CRC_AT, crc32_of(b, CRC_AT));
}

int token_decode(struct token *t, const struct fmnist_token *in, struct err *e)
{
    const uint8_t *b = in->bytes;
    if (get_le32(b) != TOKEN_MAGIC)
        return err_set(e, -EINVAL, "token begins 0x%08x: want 0x%08x", get_le32(b), TOKEN_MAGIC);
    if (get_le32(b + 4) != TOKEN_VERSION)
        return err_set(e, -EINVAL, "token version %u: want %u", get_le32(b + 4), TOKEN_VERSION);
    uint32_t crc = crc32_of(b, CRC_AT);
    if (get_le32(b + CRC_AT) != crc)
        return err_set(e, -EINVAL,
                       "token is damaged: its checksum is 0x%08x, its bytes have 0x%08x",
                       get_le32(b + CRC_AT), crc);
    memcpy(t->identity, b + 8, sizeof t->identity);
    t->epoch = get_le64(b + 24);
    t->step = get_le64(b + 32);
    return 0;
}
