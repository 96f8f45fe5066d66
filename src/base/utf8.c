/* SPDX-License-Identifier: MIT */
/* Strict: no overlong forms, no surrogates, nothing beyond U+10FFFF, as libyaml has it. */
#include "base/utf8.h"

size_t utf8_take(const unsigned char *at, uint32_t *character)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = *at < 0x80    ? 1
               : *at >= 0xf8 ? 0
               : *at >= 0xf0 ? 4
               : *at >= 0xe0 ? 3
               : *at >= 0xc2 ? 2
                             : 0;
    *character = n < 2 ? *at : *at & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        *character = *character << 6 | (at[i] & 0x3f);
    }
    bool surrogate = *character >= 0xd800 && *character <= 0xdfff;
    return n && (*character < least[n] || surrogate || *character > 0x10ffff) ? 0 : n;
}

bool utf8_is_text(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    uint32_t character;
    for (size_t bytes; *at; at += bytes) {
        bytes = utf8_take(at, &character);
        if (!bytes)
            return false;
    }
    return true;
}

bool utf8_is_control(uint32_t character)
{
    return character < 0x20 || (character >= 0x7f && character < 0xa0);
}

bool utf8_is_file_name(const char *name)
{
    const unsigned char *at = (const unsigned char *)name;
    uint32_t character;
    for (size_t bytes; *at; at += bytes) {
        bytes = utf8_take(at, &character);
        if (!bytes || character == '/' || utf8_is_control(character))
            return false;
    }
    return *name && *name != '.';
}

bool utf8_is_plain_yaml(uint32_t character)
{
    if (character < 0x20 || character == '"' || character == '\\' || character == 0x2028 ||
        character == 0x2029)
        return false;
    return character < 0x7f || (character >= 0xa0 && character != 0xfeff && character < 0xfffe) ||
           character > 0xffff;
}
