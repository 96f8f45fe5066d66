/* SPDX-License-Identifier: MIT */
/* Values by name. Operations that choose among others are said by name too. */
#include "ctl/drawn.h"

#include "augment/chain.h"
#include "ctl/lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int drawn_init(struct drawn *d, const struct fmnist_spec *spec,
               const struct fmnist_dataset *dataset)
{
    uint32_t height = spec->height ? spec->height : dataset->height;
    uint32_t width = spec->width ? spec->width : dataset->width;
    *d = (struct drawn){.seed = spec->seed, .views = spec->views ? spec->views : 1};
    if (!spec->augment || !*spec->augment)
        return FMNIST_OK;
    int rc = fmnist_augment_new(spec->augment, dataset->channels, height, width, &d->augment);
    if (rc)
        return rc;
    d->info.size = sizeof d->info;
    return fmnist_augment_info(d->augment, &d->info);
}

void drawn_close(struct drawn *d)
{
    fmnist_augment_free(d->augment);
    d->augment = NULL;
}

int drawn_values(const struct drawn *d, uint64_t epoch, int64_t index, uint32_t **values)
{
    uint32_t sample = (uint32_t)index;
    *values = calloc((size_t)d->views * d->info.value_count + 1, sizeof **values);
    if (!*values)
        return FMNIST_ENOMEM;
    int rc = d->augment
                 ? fmnist_augment_draw(d->augment, d->seed, epoch, d->views, &sample, 1, *values)
                 : FMNIST_OK;
    if (rc) {
        free(*values);
        *values = NULL;
    }
    return rc;
}

/* ---- one value ----------------------------------------------------------------------------- */

static struct fmnist_augment_value value_at(const struct drawn *d, uint32_t i)
{
    struct fmnist_augment_value v = {.size = sizeof v};
    fmnist_augment_value(d->augment, i, &v);
    return v;
}

static double number_of(const struct fmnist_augment_value *v, uint32_t bits)
{
    float number;
    memcpy(&number, &bits, sizeof number);
    return v->is_float ? (double)number : (double)(int32_t)bits;
}

static const char *choice_name(uint32_t number)
{
    static const char *const names[] = {"identity",     "shear-x",   "shear-y",    "translate-x",
                                        "translate-y",  "rotate",    "brightness", "color",
                                        "contrast",     "sharpness", "posterize",  "solarize",
                                        "autocontrast", "equalize"};
    return number < sizeof names / sizeof *names ? names[number] : "?";
}

/* Four 2-bit numbers, the first in the lowest bits. */
static void write_order(uint32_t order, char *text, size_t size)
{
    static const char *const names[] = {"bri", "con", "sat", "hue"};
    snprintf(text, size, "%s %s %s %s", names[order & 3], names[order >> 2 & 3],
             names[order >> 4 & 3], names[order >> 6 & 3]);
}

static void write_value(const struct fmnist_augment_value *v, uint32_t bits, char *text,
                        size_t size)
{
    char order[64];
    if (!strcmp(v->operation, "color-jitter") && !strcmp(v->name, "order")) {
        write_order(bits, order, sizeof order);
        snprintf(text, size, "%s %s", v->name, order);
    } else if (!strncmp(v->name, "operation", 9)) {
        snprintf(text, size, "%s %s", v->name, choice_name(bits));
    } else {
        snprintf(text, size, "%s %.6g", v->name, number_of(v, bits));
    }
}

/* ---- all ----------------------------------------------------------------------------------- */

void drawn_lines(const struct drawn *d, const uint32_t *values, size_t width,
                 void (*line)(void *to, const char *text), void *to)
{
    struct lines l = {.width = width, .line = line, .to = to};
    for (uint32_t i = 0; i < d->info.value_count; i++) {
        struct fmnist_augment_value v = value_at(d, i);
        char text[128];
        write_value(&v, values[i], text, sizeof text);
        if (i == 0 || v.at != value_at(d, i - 1).at) {
            char heading[64];
            snprintf(heading, sizeof heading, "%s: ", v.operation);
            lines_begin(&l, heading);
        }
        lines_add(&l, text);
    }
    lines_end(&l);
}

json_t *drawn_json(const struct drawn *d, const uint32_t *values)
{
    json_t *all = json_array(), *named = NULL;
    for (uint32_t i = 0; i < d->info.value_count; i++) {
        struct fmnist_augment_value v = value_at(d, i);
        if (i == 0 || v.at != value_at(d, i - 1).at) {
            named = json_object();
            json_array_append_new(all, json_pack("{s:s, s:I, s:o}", "operation", v.operation, "at",
                                                 (json_int_t)v.at, "values", named));
        }
        json_object_set_new(named, v.name,
                            v.is_float ? json_real(number_of(&v, values[i]))
                                       : json_integer((int32_t)values[i]));
    }
    return all;
}

/* ---- pixels -------------------------------------------------------------------------------- */

/* A further (x - mean) / std behind x = value * s + m, both a number a channel. */
static void undo_more(uint32_t channels, float *m, float *s, const float *mean, uint32_t mean_count,
                      const float *std, uint32_t std_count)
{
    for (uint32_t c = 0; c < channels; c++) {
        m[c] += mean_count ? mean[mean_count > 1 ? c : 0] * s[c] : 0;
        s[c] *= std_count ? std[std_count > 1 ? c : 0] : 1;
    }
}

/* normalize within random-apply is not known to have been done: what it gives is shown as it is. */
static void undo_chain(const struct drawn *d, uint32_t channels, float *m, float *s)
{
    struct augment_chain *chain;
    if (augment_parse(&chain, d->info.text, NULL))
        return;
    for (uint32_t i = 0; i < chain->count; i += 1 + chain->ops[i].children) {
        const struct augment_op *op = &chain->ops[i];
        if (op->kind == AUGMENT_NORMALIZE)
            undo_more(channels, m, s, op->mean, op->mean_count, op->std, op->std_count);
    }
    free(chain);
}

struct sheet_pixels drawn_pixels(const struct drawn *d, const struct fmnist_spec *spec,
                                 const struct fmnist_stream_info *info,
                                 float mean[FMNIST_CHANNELS_MAX], float std[FMNIST_CHANNELS_MAX])
{
    for (uint32_t c = 0; c < FMNIST_CHANNELS_MAX; c++) {
        mean[c] = 0;
        std[c] = 1;
    }
    if (d->augment)
        undo_chain(d, info->channels, mean, std);
    undo_more(info->channels, mean, std, spec->mean, spec->mean_count, spec->std, spec->std_count);
    return (struct sheet_pixels){.dtype = info->dtype,
                                 .layout = info->layout,
                                 .channels = info->channels,
                                 .height = info->height,
                                 .width = info->width,
                                 .mean_count = info->channels,
                                 .std_count = info->channels,
                                 .mean = mean,
                                 .std = std};
}
