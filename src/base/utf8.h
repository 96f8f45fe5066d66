/* SPDX-License-Identifier: MIT */
/* base/utf8.h — which bytes are text, and which of it YAML takes unquoted. Threads: any; pure. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Takes one character of a text that ends in 0. Returns its bytes; 0 where it is no UTF-8. */
size_t utf8_take(const unsigned char *at, uint32_t *character);

bool utf8_is_text(const char *text);

/* Whether it speaks to a terminal: those below a space, and from U+007F to U+009F. */
bool utf8_is_control(uint32_t character);

/* Whether a file that everybody sees may be called so, and a terminal be told: not empty, no dot at
 * its beginning, no slash, no control character. */
bool utf8_is_file_name(const char *name);

/* Whether YAML 1.1 takes it as it is in double quotes (section 5.1), and for no line break. */
bool utf8_is_plain_yaml(uint32_t character);

#endif
