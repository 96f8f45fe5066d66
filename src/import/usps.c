/* SPDX-License-Identifier: MIT */
/* The text of USPS. What libsvm text may be else (fewer features, other labels and values) has no
 * place in an image of 16x16, and is refused where it shows. */
#include "import/usps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What is left of a line. */
struct text {
    const char *begin, *at, *end;
};

static size_t column_of(const struct text *t)
{
    return (size_t)(t->at - t->begin) + 1;
}

static void skip_blanks(struct text *t)
{
    while (t->at < t->end && (*t->at == ' ' || *t->at == '\t' || *t->at == '\r'))
        t->at++;
}

/* A number of up to three digits. */
static bool take_count(struct text *t, unsigned *value)
{
    const char *from = t->at;
    *value = 0;
    while (t->at < t->end && *t->at >= '0' && *t->at <= '9' && t->at - from < 3)
        *value = *value * 10 + (unsigned)(*t->at++ - '0');
    return t->at > from;
}

/* A decimal number, as Python's float() takes it and NumPy then narrows it: by way of a double. */
static bool take_value(struct text *t, float *value)
{
    char digits[32], *stopped;
    size_t n = 0;
    while (t->at + n < t->end && n < sizeof digits - 1 && t->at[n] &&
           strchr("0123456789+-.eE", t->at[n]))
        n++;
    memcpy(digits, t->at, n);
    digits[n] = 0;
    *value = (float)strtod(digits, &stopped);
    t->at += n;
    return n > 0 && stopped == digits + n;
}

static int take_label(struct text *t, uint8_t *label, struct err *e)
{
    unsigned value;
    skip_blanks(t);
    if (!take_count(t, &value) || value < 1 || value > USPS_LABELS ||
        (t->at < t->end && *t->at != ' ' && *t->at != '\t'))
        return err_set(e, -EINVAL, "column %zu: no label of USPS, which are 1 to %d", column_of(t),
                       USPS_LABELS);
    *label = (uint8_t)(value - 1);
    return 0;
}

int usps_line(const char *line, size_t size, uint8_t pixels[USPS_PIXELS], uint8_t *label,
              struct err *e)
{
    struct text t = {line, line, line + size};
    int r = take_label(&t, label, e);
    for (unsigned i = 1; r == 0 && i <= USPS_PIXELS; i++) {
        unsigned feature;
        float value;
        skip_blanks(&t);
        if (t.at == t.end)
            return err_set(e, -EINVAL, "ends after %u values, want %d (16x16 pixels)", i - 1,
                           USPS_PIXELS);
        size_t column = column_of(&t);
        if (!take_count(&t, &feature) || t.at == t.end || *t.at != ':')
            return err_set(e, -EINVAL, "column %zu: no feature:value", column);
        if (feature != i)
            return err_set(e, -EINVAL, "column %zu: feature %u where %u is due", column, feature,
                           i);
        t.at++;
        if (!take_value(&t, &value) || !(value >= -1 && value <= 1) ||
            (t.at < t.end && *t.at != ' ' && *t.at != '\t' && *t.at != '\r'))
            return err_set(e, -EINVAL, "column %zu: feature %u has no value in -1 to 1", column, i);
        pixels[i - 1] = (uint8_t)((value + 1) / 2 * 255);
    }
    if (r < 0)
        return r;
    skip_blanks(&t);
    if (t.at < t.end)
        return err_set(e, -EINVAL, "column %zu: more than %d values", column_of(&t), USPS_PIXELS);
    return 0;
}

bool usps_begins(const uint8_t *bytes, size_t size)
{
    const char *text = (const char *)bytes;
    struct text t = {text, text, text + size};
    uint8_t label;
    float value;
    unsigned feature = 0;
    if (take_label(&t, &label, NULL) < 0)
        return false;
    for (unsigned i = 1; i <= 2; i++) {
        skip_blanks(&t);
        if (!take_count(&t, &feature) || feature != i || t.at == t.end || *t.at++ != ':' ||
            !take_value(&t, &value) || t.at == t.end)
            return false;
    }
    return true;
}
