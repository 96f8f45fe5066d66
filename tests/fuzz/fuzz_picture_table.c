/* SPDX-License-Identifier: MIT */
/* Any bytes as a classes.csv: it is refused in a text that names the place, or each folder in it is
 * found, once. */
#include "fuzz/fuzz.h"
#include "import/picture_table.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct picture_table t;
    struct err e = {""};
    const char *text = (const char *)data;
    picture_table_is(text, size);
    if (picture_table_parse(&t, text, size, &e)) {
        assert(e.text[0]);
        return 0;
    }
    for (size_t i = 0; i < t.count; i++) {
        const struct picture_class *c = &t.all[i];
        assert(c->label >= 0 && *c->folder);
        assert(picture_table_find(&t, c->folder) == c && strlen(c->name) <= size);
    }
    picture_table_close(&t);
    return 0;
}
