/* SPDX-License-Identifier: MIT */
/* Counts. Which split they are of is the caller's. */
#include "ctl/tally.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Neighbours are often equal: in several tables, one count does not wait for the one before. */
static void count_levels(uint64_t levels[256], const uint8_t *at, size_t count, size_t stride)
{
    uint32_t parts[4][256] = {{0}};
    while (count) {
        size_t n = count < (1u << 30) ? count : 1u << 30, i = 0;
        for (; i + 4 <= n; i += 4, at += 4 * stride)
            for (size_t k = 0; k < 4; k++)
                parts[k][at[k * stride]]++;
        for (; i < n; i++, at += stride)
            parts[0][*at]++;
        count -= n;
        for (size_t v = 0; v < 256; v++)
            for (size_t k = 0; k < 4; k++)
                levels[v] += parts[k][v];
        memset(parts, 0, sizeof parts);
    }
}

void tally_images(struct tally *t, const uint8_t *images, uint64_t count, size_t pixels,
                  uint32_t channels)
{
    for (uint32_t c = 0; c < channels && c < TALLY_CHANNELS; c++)
        count_levels(t->levels[c], images + c, count * pixels, channels);
}

static int make_room(struct tally *t, size_t label, struct err *e)
{
    if (label < t->label_room)
        return 0;
    size_t room = label + 1;
    uint64_t *labels = realloc(t->labels, room * sizeof *labels);
    if (!labels)
        return err_set(e, -ENOMEM, "no memory for counts of labels");
    memset(labels + t->label_room, 0, (room - t->label_room) * sizeof *labels);
    t->labels = labels;
    t->label_room = room;
    return 0;
}

static int count_label(struct tally *t, int32_t label, struct err *e)
{
    if (label < 0 || label > TALLY_LABEL_MAX) {
        t->labels_beyond++;
        return 0;
    }
    int rc = make_room(t, (size_t)label, e);
    if (!rc)
        t->labels[label]++;
    return rc;
}

int tally_labels(struct tally *t, const int32_t *labels, uint64_t count, uint32_t columns,
                 struct err *e)
{
    int rc = columns ? make_room(t, columns - 1, e) : 0;
    for (uint64_t i = 0; i < count && !rc; i++) {
        for (uint32_t c = 0; c < columns; c++)
            t->labels[c] += labels[i * columns + c] != 0;
        if (!columns)
            rc = count_label(t, labels[i], e);
    }
    return rc;
}

void tally_close(struct tally *t)
{
    free(t->labels);
    *t = (struct tally){0};
}

struct tally_statistic tally_statistic(const struct tally *t, uint32_t channel)
{
    unsigned __int128 sum = 0, squares = 0, count = 0;
    for (unsigned v = 0; v < 256; v++) {
        unsigned __int128 n = t->levels[channel][v];
        count += n;
        sum += n * v;
        squares += n * v * v;
    }
    if (!count)
        return (struct tally_statistic){0};
    double n = (double)count;
    return (struct tally_statistic){
        .mean = (double)sum / (n * 255),
        .std = sqrt((double)(count * squares - sum * sum)) / (n * 255),
    };
}

bool tally_is_constant(const uint8_t *image, size_t pixels, uint32_t channels)
{
    /* Each pixel is the one before it. */
    return memcmp(image, image + channels, (pixels - 1) * channels) == 0;
}
