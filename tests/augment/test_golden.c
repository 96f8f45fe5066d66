/* SPDX-License-Identifier: MIT */
/* Chains against records of torchvision itself (golden/augment_open.txt): the words that are drawn,
 * the word that comes next, and the pixels. */
#include "augment/draw.h"
#include "augment/run.h"
#include "base/crc32.h"
#include "pixels/convert.h"
#include "pixels/isa_variants.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define TRAIN "/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz"

struct record {
    char name[64], source[2048], chain[2048], crc[16];
    uint64_t seed;
    uint32_t channels, height, width, count;
    uint64_t words, bytes;
    uint32_t next_word;
};

/* The next line of a text; false behind the last. */
static bool read_record(char **text, struct record *r)
{
    char bytes[32], *line = strsep(text, "\n");
    if (!line || !*line)
        return false;
    int n = sscanf(
        line, "%63[^\t]\t%lu\t%2047[^\t]\t%u %u %u %u\t%lu\t%u\t%31[^\t]\t%15[^\t]\t%2047[^\n]",
        r->name, &r->seed, r->source, &r->channels, &r->height, &r->width, &r->count, &r->words,
        &r->next_word, bytes, r->crc, r->chain);
    r->bytes = strtoull(bytes, NULL, 10);
    ck_assert_msg(n == 12, "line of %d fields: %s", n, line);
    return true;
}

/* The training split's images, NULL where the data set is not installed. */
static uint8_t *train_images(void)
{
    static uint8_t *images;
    gzFile f = images ? NULL : gzopen(TRAIN, "rb");
    if (f) {
        images = malloc(60000 * 784 + 16);
        ck_assert_int_eq(gzread(f, images, 60000 * 784 + 16), 60000 * 784 + 16);
        gzclose(f);
    }
    return images ? images + 16 : NULL;
}

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* Planar images of a record; NULL where they are not at hand. Owns: the caller. */
static uint8_t *samples_of(const struct record *r)
{
    size_t pixels = (size_t)r->height * r->width, size = pixels * r->channels;
    uint8_t *samples = malloc(r->count * size + 8);
    if (!strncmp(r->source, "train:", 6)) {
        const uint8_t *train = train_images();
        const char *at = r->source + 6;
        for (uint32_t i = 0; train && i < r->count; i++, at += *at == ',')
            memcpy(samples + i * size, train + strtoul(at, (char **)&at, 10) * size, size);
        if (train)
            return samples;
        free(samples);
        return NULL;
    }
    uint64_t state;
    unsigned shift, add;
    ck_assert_int_eq(sscanf(r->source, "random:%lx:%u:%u", &state, &shift, &add), 3);
    uint8_t *stored = malloc(r->count * size + 8);
    for (size_t i = 0; i < r->count * size; i += 8) {
        uint64_t word = splitmix64(&state);
        for (int k = 0; k < 8; k++)
            stored[i + (size_t)k] = (uint8_t)(((uint8_t)(word >> 8 * k) >> shift) + add);
    }
    for (uint32_t i = 0; i < r->count; i++)
        for (uint32_t c = 0; c < r->channels; c++)
            for (size_t p = 0; p < pixels; p++)
                samples[i * size + c * pixels + p] = stored[i * size + p * r->channels + c];
    free(stored);
    return samples;
}

static struct augment_plan *plan_of(const struct record *r, struct err *e)
{
    struct augment_chain *chain;
    struct augment_plan *plan = NULL;
    struct augment_shape in = {r->channels, r->height, r->width, AUGMENT_PICTURE};
    ck_assert_msg(!augment_parse(&chain, r->chain, e), "%s: %s: %s", r->name, r->chain, e->text);
    return augment_plan_new(&plan, chain, &in, e) ? NULL : plan;
}

static void check_draws(const struct record *r, const struct augment_plan *plan, uint32_t *values)
{
    struct mt19937 mt, other;
    struct err e = {""};
    mt19937_seed(&mt, (uint32_t)r->seed);
    other = mt;
    augment_draw_torch(plan, &mt, r->count, values);
    mt19937_skip(&other, r->words);
    ck_assert_msg(mt19937_u32(&mt) == r->next_word, "%s: another word comes next", r->name);
    ck_assert_msg(mt19937_u32(&other) == r->next_word, "%s: another number of words", r->name);
    ck_assert_msg(!augment_check_values(plan, values, r->count, &e), "%s: %s", r->name, e.text);
}

static void check_pixels(const struct record *r, const struct augment_plan *plan,
                         const uint32_t *values)
{
    uint8_t *samples = samples_of(r);
    if (!samples)
        return;
    const struct augment_tail *t = &plan->tail;
    struct convert_shape shape = {
        .height = plan->out.height,
        .width = plan->out.width,
        .in_channels = plan->out.channels,
        .channels = plan->out.channels,
        .float_samples = plan->out.form == AUGMENT_FLOATS,
        .scale = t->scale,
        .dtype = t->floats ? FMNIST_FLOAT32 : FMNIST_UINT8,
        .layout = FMNIST_NCHW,
    };
    convert_statistics(&shape, t->mean_count, t->mean, t->std_count, t->std);
    struct convert_plan *convert = convert_plan_new(&shape);
    struct augment_scratch *scratch = augment_scratch_new(plan);
    size_t in = (size_t)r->channels * r->height * r->width, head = augment_sample_bytes(plan);
    size_t out = convert_image_bytes(convert);
    ck_assert_msg(out * r->count == r->bytes, "%s: %zu bytes, want %lu", r->name, out * r->count,
                  r->bytes);
    const void **from = malloc(r->count * sizeof *from);
    void **to = malloc(r->count * sizeof *to);
    uint8_t *heads = aligned_alloc(64, (r->count * head + 63) / 64 * 64);
    uint8_t *images = malloc(r->count * out);
    for (uint32_t i = 0; i < r->count; i++) {
        from[i] = samples + i * in;
        to[i] = heads + i * head;
    }
    augment_run(plan, scratch, from, values, r->count, to);
    convert_batch(convert, heads, images, r->count);
    char crc[16];
    snprintf(crc, sizeof crc, "%08x", crc32_of(images, r->count * out));
    ck_assert_msg(!strcmp(crc, r->crc), "%s: other pixels, by %s: %s", r->name,
                  isa_names[isa_level()], r->chain);
    free(from);
    free(to);
    free(heads);
    free(images);
    free(samples);
    augment_scratch_free(scratch);
    convert_plan_free(convert);
}

/* Images of many sizes: no batch can be made of them, so a plan is refused; draws and pixels are
 * the libraries' all the same, by a plan of the test's own. */
static void check_ragged(const struct record *r)
{
    struct augment_plan plan = {.max_height = 64, .max_width = 64, .max_channels = r->channels};
    struct err e = {""};
    uint8_t *samples = samples_of(r);
    ck_assert_msg(!augment_parse(&plan.chain, r->chain, &e), "%s: %s", r->name, e.text);
    plan.in = (struct augment_shape){r->channels, r->height, r->width, AUGMENT_PICTURE};
    plan.tail.head_count = plan.chain->count;
    uint32_t *values = malloc(r->count * plan.chain->value_count * sizeof *values);
    check_draws(r, &plan, values);
    struct augment_scratch *scratch = augment_scratch_new(&plan);
    uint8_t *images = malloc(r->bytes), *to = images;
    for (uint32_t i = 0; samples && i < r->count; i++) {
        const uint32_t *row = values + i * plan.chain->value_count;
        struct augment_shape s = plan.in;
        const struct augment_op *op = plan.chain->ops, *end = op + plan.chain->count;
        while (op < end) {
            augment_shape_after(op, row + op->first_value, &s);
            bool skip = op->kind == AUGMENT_RANDOM_APPLY && !row[op->first_value];
            op += 1 + (skip ? op->children : 0);
        }
        size_t bytes = (size_t)s.channels * s.height * s.width;
        ck_assert_msg((size_t)(to - images) + bytes <= r->bytes, "%s: larger images", r->name);
        const void *from = samples + (size_t)i * r->channels * r->height * r->width;
        augment_run(&plan, scratch, &from, row, 1, (void *const *)&to);
        to += bytes;
    }
    char crc[16];
    snprintf(crc, sizeof crc, "~%08x", crc32_of(images, r->bytes));
    ck_assert_msg(!samples || ((uint64_t)(to - images) == r->bytes && !strcmp(crc, r->crc)),
                  "%s: other pixels, by %s: %s", r->name, isa_names[isa_level()], r->chain);
    free(images);
    free(values);
    free(samples);
    augment_scratch_free(scratch);
    free(plan.chain);
}

START_TEST(golden__every_record__words_and_pixels_of_torchvision)
{
    if (!isa_available(_i))
        return;
    isa_force(_i);
    size_t size;
    uint8_t *file = support_golden("augment_open.txt", &size);
    char *text = strndup((char *)file, size), *rest = text;
    free(file);
    struct record r = {.name = ""};
    unsigned checked = 0, ragged = 0;
    while (read_record(&rest, &r)) {
        struct err e = {""};
        struct augment_plan *plan = plan_of(&r, &e);
        if (r.crc[0] == '~') {
            ck_assert_msg(!plan && strstr(e.text, "one size"), "%s: %s", r.name, e.text);
            check_ragged(&r);
            ragged++;
            continue;
        }
        ck_assert_msg(plan, "%s: %s", r.name, e.text);
        uint32_t *values = malloc((r.count * plan->chain->value_count + 1) * sizeof *values);
        check_draws(&r, plan, values);
        check_pixels(&r, plan, values);
        free(values);
        augment_plan_free(plan);
        checked++;
    }
    free(text);
    ck_assert_uint_eq(checked, 240);
    ck_assert_uint_eq(ragged, 7);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("augment/golden");
    TCase *tc = tcase_create("golden");
    suite_add_tcase(s, tc);
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, golden__every_record__words_and_pixels_of_torchvision, 0, ISA_COUNT);
    return support_run(s);
}
