/* SPDX-License-Identifier: MIT */
/* USPS: files of libsvm text, "usps" and "usps.t", the endings of their packing behind it. */
#include "import/reader.h"

#include "import/usps.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER_BYTES = 1 << 16 };

_Static_assert((int)BUFFER_BYTES >= (int)USPS_LINE_MAX, "a line fits");

struct usps {
    struct import_input *in;
    struct import_set *set;
    int split;
    uint64_t line;
    size_t have; /* bytes of the buffer that are not taken */
    char buffer[BUFFER_BYTES];
};

static bool recognise(const struct import_head *head, const struct import_options *o)
{
    return usps_begins(head->bytes, head->count);
}

/* libsvm's way to name a test split: "usps.t", "usps.t.bz2". */
static bool is_test(const struct import_member *m)
{
    const char *base = import_base_name(m);
    const char *dot = strstr(base, ".t");
    while (dot && dot[2] != 0 && dot[2] != '.')
        dot = strstr(dot + 1, ".t");
    return dot != NULL;
}

static int take_line(struct usps *u, const char *line, size_t size, struct err *e)
{
    const struct import_shape shape = {USPS_SIDE, USPS_SIDE, 1};
    uint8_t pixels[USPS_PIXELS], label;
    u->line++;
    if (size == 0)
        return 0;
    int r = usps_line(line, size, pixels, &label, e);
    if (r < 0)
        return err_prefix(e, r, "line %" PRIu64, u->line);
    const int32_t value = label;
    r = import_set_images(u->set, u->split, shape, pixels, 1, e);
    return r < 0 ? r : import_set_labels(u->set, u->split, 1, &value, 1, e);
}

/* All lines that the buffer has whole; at the end also what has no line's end. */
static int take_lines(struct usps *u, bool at_end, struct err *e)
{
    size_t from = 0;
    while (from < u->have) {
        const char *line = u->buffer + from, *end = memchr(line, '\n', u->have - from);
        size_t size = end ? (size_t)(end - line) : u->have - from;
        if (size > USPS_LINE_MAX)
            return err_set(e, -EINVAL, "line %" PRIu64 ": longer than %d bytes", u->line + 1,
                           USPS_LINE_MAX);
        if (!end && !at_end)
            break;
        int r = take_line(u, line, size, e);
        if (r < 0)
            return r;
        from += size + (end != NULL);
    }
    u->have -= from;
    memmove(u->buffer, u->buffer + from, u->have);
    return 0;
}

static int take_file(struct usps *u, struct err *e)
{
    u->line = 0;
    u->have = 0;
    for (;;) {
        size_t want = BUFFER_BYTES - u->have;
        ssize_t n = import_input_read(u->in, u->buffer + u->have, want, e);
        if (n < 0)
            return (int)n;
        u->have += (size_t)n;
        bool at_end = (size_t)n < want;
        int r = take_lines(u, at_end, e);
        if (r < 0 || at_end)
            return r;
    }
}

static int read(struct import_input *in, struct import_set *set, const struct import_options *o,
                struct err *e)
{
    struct usps *u = malloc(sizeof *u);
    struct import_member m;
    if (!u)
        return err_set(e, -ENOMEM, "no memory for text");
    u->in = in;
    u->set = set;
    int r = import_set_call(set, "usps", e);
    while (r == 0 && (r = import_input_next(in, &m, e)) == 1) {
        const uint8_t *bytes;
        ssize_t n = import_input_peek(in, &bytes, e);
        r = n < 0 ? (int)n : 0;
        if (r < 0 || !usps_begins(bytes, (size_t)n))
            continue;
        u->split = import_set_split(set, is_test(&m) ? "test" : import_split_name(&m, o), e);
        r = u->split < 0 ? u->split : take_file(u, e);
    }
    free(u);
    return r;
}

const struct import_reader import_reader_usps = {
    "usps", "USPS as libsvm's text", recognise, read, NULL, false, true};
