/* SPDX-License-Identifier: MIT */
/* Any bytes as a line of USPS: it is refused with a place, or it is an image and a label; and what
 * it begins with is what usps_begins says. */
#include "fuzz/fuzz.h"
#include "import/usps.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t pixels[USPS_PIXELS], label = 255;
    struct err e = {""};
    char *line = malloc(size + !size); /* without a 0 behind it */
    memcpy(line, data, size);
    int r = usps_line(line, size, pixels, &label, &e);
    bool begins = usps_begins((const uint8_t *)line, size);
    if (r < 0)
        assert(e.text[0]);
    else
        assert(label < USPS_LABELS && begins);
    free(line);
    return 0;
}
