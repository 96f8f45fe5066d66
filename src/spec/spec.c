/* SPDX-License-Identifier: MIT */
/* The fields of a spec in one table: names, kinds, ranges. Text, bytes and checks all follow it.
 * Does not know datasets: sizes that depend on one are checked by render/render_plan.c. */
#include "spec/spec.h"

#include "base/bytes.h"
#include "base/near.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { TEXT, U32, U64, NAMED, FLAG, FLOATS };

struct name {
    const char *text;
    uint32_t value;
};

static const struct name resize_names[] = {
    {"none", FMNIST_RESIZE_NONE},
    {"pillow-nearest", FMNIST_RESIZE_PILLOW_NEAREST},
    {"pillow-box", FMNIST_RESIZE_PILLOW_BOX},
    {"pillow-bilinear", FMNIST_RESIZE_PILLOW_BILINEAR},
    {"pillow-hamming", FMNIST_RESIZE_PILLOW_HAMMING},
    {"pillow-bicubic", FMNIST_RESIZE_PILLOW_BICUBIC},
    {"pillow-lanczos", FMNIST_RESIZE_PILLOW_LANCZOS},
    {"pillow12-box", FMNIST_RESIZE_PILLOW12_BOX},
    {"pillow12-bilinear", FMNIST_RESIZE_PILLOW12_BILINEAR},
    {"pillow12-hamming", FMNIST_RESIZE_PILLOW12_HAMMING},
    {"pillow12-bicubic", FMNIST_RESIZE_PILLOW12_BICUBIC},
    {"pillow12-lanczos", FMNIST_RESIZE_PILLOW12_LANCZOS},
    {"opencv-linear", FMNIST_RESIZE_OPENCV_LINEAR},
    {"tf-bilinear-pad", FMNIST_RESIZE_TF_BILINEAR_PAD},
    {NULL, 0},
};
static const struct name dtype_names[] = {
    {"uint8", FMNIST_UINT8},
    {"float32", FMNIST_FLOAT32},
    {"float16", FMNIST_FLOAT16},
    {"bfloat16", FMNIST_BFLOAT16},
    {NULL, 0},
};
static const struct name label_dtype_names[] = {
    {"uint8", FMNIST_UINT8},
    {"int32", FMNIST_INT32},
    {"int64", FMNIST_INT64},
    {NULL, 0},
};
static const struct name layout_names[] = {
    {"NCHW", FMNIST_NCHW},
    {"NHWC", FMNIST_NHWC},
    {NULL, 0},
};
static const struct name order_names[] = {
    {"sequential", FMNIST_ORDER_SEQUENTIAL},
    {"shuffle", FMNIST_ORDER_SHUFFLE},
    {"torch", FMNIST_ORDER_TORCH},
    {"torch-loader", FMNIST_ORDER_TORCH_LOADER},
    {"numpy", FMNIST_ORDER_NUMPY},
    {"list", FMNIST_ORDER_LIST},
    {NULL, 0},
};
static const struct name pad_names[] = {
    {"auto", FMNIST_PAD_AUTO},
    {"wrap", FMNIST_PAD_WRAP},
    {"drop", FMNIST_PAD_DROP},
    {"none", FMNIST_PAD_NONE},
    {NULL, 0},
};
static const struct name transport_names[] = {
    {"shm", FMNIST_SHM},
    {"inline", FMNIST_INLINE},
    {NULL, 0},
};

/* 0 is the default, of programs whose header has none of them. */
static const struct name draws_names[] = {
    {"counter", FMNIST_DRAWS_COUNTER},
    {"list", FMNIST_DRAWS_LIST},
    {"caller", FMNIST_DRAWS_CALLER},
    {"", 0},
    {NULL, 0},
};

struct field {
    const char *name;
    enum kind kind;
    size_t at;         /* offset in struct spec */
    size_t count_at;   /* FLOATS: offset of the count */
    uint32_t bytes_at; /* offset in the encoded form; 0: it is not in there */
    const struct name *names;
    uint64_t min, max; /* TEXT: characters */
};

#define AT(member) offsetof(struct spec, member)

/* The order of the table is the order of checking, so of error messages. */
static const struct field fields[] = {
    {"dataset", TEXT, AT(dataset), 0, 8, NULL, 1, SPEC_NAME_SIZE - 1},
    {"split", TEXT, AT(split), 0, 72, NULL, 1, SPEC_NAME_SIZE - 1},
    {"batch-size", U32, AT(batch_size), 0, 136, NULL, 1, SPEC_BATCH_MAX},
    {"drop-last", FLAG, AT(drop_last), 0, 140, NULL, 0, 1},
    {"resize", NAMED, AT(resize), 0, 144, resize_names, 0, 0},
    {"height", U32, AT(height), 0, 148, NULL, 0, SPEC_SIDE_MAX},
    {"width", U32, AT(width), 0, 152, NULL, 0, SPEC_SIDE_MAX},
    {"dtype", NAMED, AT(dtype), 0, 156, dtype_names, 0, 0},
    {"layout", NAMED, AT(layout), 0, 160, layout_names, 0, 0},
    {"channels", U32, AT(channels), 0, 164, NULL, 0, FMNIST_CHANNELS_MAX},
    {"mean", FLOATS, AT(mean), AT(mean_count), 168, NULL, 0, FMNIST_CHANNELS_MAX},
    {"std", FLOATS, AT(std), AT(std_count), 188, NULL, 0, FMNIST_CHANNELS_MAX},
    {"label-dtype", NAMED, AT(label_dtype), 0, 208, label_dtype_names, 0, 0},
    {"order", NAMED, AT(order), 0, 212, order_names, 0, 0},
    {"seed", U64, AT(seed), 0, 216, NULL, 0, UINT64_MAX},
    {"rank", U32, AT(rank), 0, 224, NULL, 0, SPEC_WORLD_MAX - 1},
    {"world-size", U32, AT(world_size), 0, 228, NULL, 1, SPEC_WORLD_MAX},
    {"pad", NAMED, AT(pad), 0, 232, pad_names, 0, 0},
    {"transport", NAMED, AT(transport), 0, 236, transport_names, 0, 0},
    {"epoch", U64, AT(epoch), 0, 240, NULL, 0, SPEC_EPOCH_MAX},
    {"epochs", U64, AT(epochs), 0, 248, NULL, 0, UINT64_MAX},
    {"draws", NAMED, AT(draws), 0, 288, draws_names, 0, 0},
    {"views", U32, AT(views), 0, 292, NULL, 0, SPEC_VIEWS_MAX},
    {"augment", TEXT, AT(augment), 0, 304, NULL, 0, SPEC_AUGMENT_SIZE - 1},
    {"select", TEXT, AT(select), 0, 0, NULL, 0, SPEC_SELECT_SIZE - 1},
};
#define FIELD_COUNT (sizeof fields / sizeof fields[0])

#define SPEC_MAGIC   0x43505346u /* "FSPC" */
#define SPEC_VERSION 2u

/* In the encoded form; text and names do not know a list. */
#define LIST_COUNT_AT       256
#define LIST_BATCH_COUNT_AT 264
#define LIST_DIGEST_AT      272
#define LIST_VALUE_COUNT_AT 296 /* behind SPEC_PLAIN_BYTES */
#define RESERVED_AT         300

static void *member(struct spec *s, size_t at)
{
    return (char *)s + at;
}

static uint32_t get_u32(const struct spec *s, size_t at)
{
    return *(const uint32_t *)((const char *)s + at);
}

void spec_init(struct spec *s)
{
    *s = (struct spec){
        .dataset = "fashion-mnist",
        .split = "train",
        .batch_size = 64,
        .resize = FMNIST_RESIZE_PILLOW_BILINEAR,
        .dtype = FMNIST_FLOAT32,
        .layout = FMNIST_NCHW,
        .label_dtype = FMNIST_INT64,
        .order = FMNIST_ORDER_SEQUENTIAL,
        .world_size = 1,
        .pad = FMNIST_PAD_AUTO,
        .transport = FMNIST_SHM,
    };
}

/* ---- names --------------------------------------------------------------------------------- */

static bool same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if (*a != *b && !(*a == '-' && *b == '_'))
            return false;
    return *a == *b;
}

static const struct field *find_field(const char *name)
{
    for (size_t i = 0; i < FIELD_COUNT; i++)
        if (same_name(fields[i].name, name))
            return &fields[i];
    return NULL;
}

static const char *name_of(const struct name *names, uint32_t value)
{
    for (; names->text; names++)
        if (names->value == value)
            return names->text;
    return NULL;
}

static void list_names(const struct name *names, char *out, size_t size)
{
    size_t n = 0;
    out[0] = 0;
    for (; names->text && n < size; names++)
        if (*names->text)
            n += (size_t)snprintf(out + n, size - n, "%s%s", n ? ", " : "", names->text);
}

const char *spec_name(const char *field, uint32_t value)
{
    const struct field *f = find_field(field);
    return f && f->names ? name_of(f->names, value) : NULL;
}

const char *spec_value(const char *field, size_t i)
{
    const struct field *f = find_field(field);
    if (f && f->kind == FLAG)
        return i < 2 ? (i ? "false" : "true") : NULL;
    if (!f || !f->names)
        return NULL;
    for (size_t at = 0; at < i; at++)
        if (!f->names[at].text)
            return NULL;
    const char *text = f->names[i].text;
    return text && *text ? text : NULL;
}

uint32_t dtype_bytes(uint32_t dtype)
{
    switch (dtype) {
    case FMNIST_UINT8:
        return 1;
    case FMNIST_FLOAT16:
    case FMNIST_BFLOAT16:
        return 2;
    case FMNIST_FLOAT32:
    case FMNIST_INT32:
        return 4;
    case FMNIST_INT64:
        return 8;
    }
    return 0;
}

/* ---- from text ----------------------------------------------------------------------------- */

static int parse_number(const struct field *f, const char *value, uint64_t *out, struct err *e)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(value, &end, 10);
    if (*value < '0' || *value > '9' || *end || errno || v < f->min || v > f->max)
        return err_set(e, -EINVAL, "%s \"%s\": want a whole number from %llu to %llu", f->name,
                       value, (unsigned long long)f->min, (unsigned long long)f->max);
    *out = v;
    return 0;
}

static int parse_flag(const struct field *f, const char *value, uint32_t *out, struct err *e)
{
    if (!strcmp(value, "true") || !strcmp(value, "1"))
        *out = 1;
    else if (!strcmp(value, "false") || !strcmp(value, "0"))
        *out = 0;
    else
        return err_set(e, -EINVAL, "%s \"%s\": want true or false", f->name, value);
    return 0;
}

/* The name that was meant: the nearest, else the first that the word is a part of ("lanczos"). */
static const char *name_near(const struct name *names, const char *word)
{
    const char *best = NULL;
    unsigned least = NEAR_WORD;
    for (const struct name *n = names; n->text; n++)
        if (near_takes(word, n->text, &least))
            best = n->text;
    for (; !best && names->text && strlen(word) > 2; names++)
        if (strstr(names->text, word))
            best = names->text;
    return best;
}

static int parse_named(const struct field *f, const char *value, uint32_t *out, struct err *e)
{
    for (const struct name *n = f->names; n->text; n++)
        if (same_name(n->text, value)) {
            *out = n->value;
            return 0;
        }
    char all[320];
    const char *near = name_near(f->names, value);
    list_names(f->names, all, sizeof all);
    if (near)
        return err_set(e, -EINVAL, "%s \"%.64s\": did you mean %s? There are %s", f->name, value,
                       near, all);
    return err_set(e, -EINVAL, "%s \"%s\": want one of %s", f->name, value, all);
}

static int parse_floats(const struct field *f, const char *value, float *out, uint32_t *count,
                        struct err *e)
{
    uint32_t n = 0;
    float values[FMNIST_CHANNELS_MAX] = {0};
    for (const char *p = value;;) {
        char *end;
        float v = strtof(p, &end);
        if (n == FMNIST_CHANNELS_MAX || end == p || (*end && *end != ',') || !isfinite(v))
            return err_set(e, -EINVAL, "%s \"%s\": want 1 to %d finite numbers with commas between",
                           f->name, value, FMNIST_CHANNELS_MAX);
        values[n++] = v;
        if (!*end)
            break;
        p = end + 1;
    }
    memcpy(out, values, sizeof values);
    *count = n;
    return 0;
}

int spec_set(struct spec *s, const char *field, const char *value, struct err *e)
{
    const struct field *f = find_field(field);
    if (!f)
        return err_set(e, -EINVAL, "a spec has no field \"%s\"", field);
    void *at = member(s, f->at);
    uint64_t number = 0;
    int rc = 0;
    switch (f->kind) {
    case TEXT:
        number = strlen(value);
        if (number < f->min || number > f->max)
            return err_set(e, -EINVAL, "%s \"%.64s\": want %llu to %llu characters", f->name, value,
                           (unsigned long long)f->min, (unsigned long long)f->max);
        memset(at, 0, f->max + 1);
        memcpy(at, value, number);
        break;
    case U32:
        rc = parse_number(f, value, &number, e);
        if (!rc)
            *(uint32_t *)at = (uint32_t)number;
        break;
    case U64:
        rc = parse_number(f, value, &number, e);
        if (!rc)
            *(uint64_t *)at = number;
        break;
    case FLAG:
        rc = parse_flag(f, value, at, e);
        break;
    case NAMED:
        rc = parse_named(f, value, at, e);
        break;
    case FLOATS:
        rc = parse_floats(f, value, at, member(s, f->count_at), e);
        break;
    }
    return rc;
}

/* ---- checks -------------------------------------------------------------------------------- */

static int check_floats(const struct field *f, const struct spec *s, struct err *e)
{
    uint32_t count = get_u32(s, f->count_at);
    if (count > FMNIST_CHANNELS_MAX)
        return err_set(e, -EINVAL, "%s has %u values: want at most %d", f->name, count,
                       FMNIST_CHANNELS_MAX);
    const float *values = (const float *)(const void *)((const char *)s + f->at);
    for (uint32_t i = 0; i < count; i++) {
        if (!isfinite(values[i]))
            return err_set(e, -EINVAL, "%s[%u] is not finite", f->name, i);
        if (f->at == AT(std) && values[i] == 0)
            return err_set(e, -EINVAL, "std[%u] is 0: a pixel cannot be divided by it", i);
    }
    return 0;
}

static int check_field(const struct field *f, const struct spec *s, struct err *e)
{
    uint64_t v = 0;
    switch (f->kind) {
    case TEXT: {
        const char *text = (const char *)s + f->at;
        size_t n = strnlen(text, f->max + 1);
        if (n < f->min || n > f->max)
            return err_set(e, -EINVAL, "%s has %zu characters: want %llu to %llu", f->name, n,
                           (unsigned long long)f->min, (unsigned long long)f->max);
        return 0;
    }
    case NAMED:
        if (!name_of(f->names, get_u32(s, f->at))) {
            char all[320];
            list_names(f->names, all, sizeof all);
            return err_set(e, -EINVAL, "%s has no value %u: want one of %s", f->name,
                           get_u32(s, f->at), all);
        }
        return 0;
    case FLOATS:
        return check_floats(f, s, e);
    case U64:
        v = *(const uint64_t *)((const char *)s + f->at);
        break;
    case U32:
    case FLAG:
        v = get_u32(s, f->at);
        break;
    }
    if (v < f->min || v > f->max)
        return err_set(e, -EINVAL, "%s %llu: want %llu to %llu", f->name, (unsigned long long)v,
                       (unsigned long long)f->min, (unsigned long long)f->max);
    return 0;
}

/* Any order may have a list. Lengths say which samples make a batch, so they fit those orders only
 * that leave the samples where they are. */
static int check_list(const struct spec *s, struct err *e)
{
    static const uint8_t zeros[LIST_DIGEST_SIZE];
    const char *order = name_of(order_names, s->order);
    bool in_place = s->order == FMNIST_ORDER_LIST || s->order == FMNIST_ORDER_SEQUENTIAL;
    bool has_one = s->order == FMNIST_ORDER_LIST || s->list_count || s->list_batch_count ||
                   memcmp(s->list_digest, zeros, sizeof zeros) != 0;
    if (!has_one)
        return 0;
    if (s->list_count < 1 || s->list_count > SPEC_LIST_MAX)
        return err_set(e, -EINVAL,
                       "order %s with %llu indices: want a list of 1 to %llu numbers of the split",
                       order, (unsigned long long)s->list_count, (unsigned long long)SPEC_LIST_MAX);
    if (s->list_batch_count && !in_place)
        return err_set(e, -EINVAL,
                       "list_batches with order %s: want order list, or runs of batch_size", order);
    if (s->list_batch_count > s->list_count)
        return err_set(e, -EINVAL, "list_batches has %llu lengths: the list has %llu indices",
                       (unsigned long long)s->list_batch_count, (unsigned long long)s->list_count);
    if (s->list_batch_count && s->world_size != 1)
        return err_set(e, -EINVAL, "world-size %u with list_batches: want 1", s->world_size);
    return 0;
}

/* Of the chain itself, what needs no dataset is checked where it is read. */
static int check_augment(const struct spec *s, struct err *e)
{
    bool in_place = s->order == FMNIST_ORDER_LIST || s->order == FMNIST_ORDER_SEQUENTIAL;
    if (!*s->augment && (s->draws > FMNIST_DRAWS_COUNTER || s->views > 1 || s->list_value_count))
        return err_set(e, -EINVAL, "%s without augment: there is nothing to draw",
                       s->views > 1          ? "views"
                       : s->list_value_count ? "list_values"
                                             : "draws");
    if (!*s->augment)
        return 0;
    if (s->draws != FMNIST_DRAWS_LIST)
        return s->list_value_count ? err_set(e, -EINVAL, "list_values want draws list") : 0;
    if (!s->list_count || !in_place || s->world_size != 1)
        return err_set(
            e, -EINVAL,
            "draws list with order %s, %llu indices and world-size %u: want a list in its "
            "own order, in one process",
            name_of(order_names, s->order), (unsigned long long)s->list_count, s->world_size);
    return 0;
}

int spec_check(const struct spec *s, struct err *e)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        int rc = check_field(&fields[i], s, e);
        if (rc)
            return rc;
    }
    if (s->rank >= s->world_size)
        return err_set(e, -EINVAL, "rank %u: want 0 to %u, world-size is %u", s->rank,
                       s->world_size - 1, s->world_size);
    if ((s->height == 0) != (s->width == 0))
        return err_set(e, -EINVAL, "height %u with width %u: give both, or neither", s->height,
                       s->width);
    if (s->dtype == FMNIST_UINT8 && (s->mean_count || s->std_count))
        return err_set(e, -EINVAL, "dtype uint8 has levels as stored: mean and std need a float");
    if (s->dtype == FMNIST_UINT8 && s->resize == FMNIST_RESIZE_TF_BILINEAR_PAD)
        return err_set(e, -EINVAL,
                       "resize tf-bilinear-pad yields floats: dtype uint8 cannot "
                       "hold them, want float32, float16 or bfloat16");
    if (s->epochs && s->epochs > SPEC_EPOCH_MAX + 1 - s->epoch)
        return err_set(e, -EINVAL, "epochs %llu from epoch %llu: the last epoch is %llu",
                       (unsigned long long)s->epochs, (unsigned long long)s->epoch,
                       (unsigned long long)SPEC_EPOCH_MAX);
    int rc = check_list(s, e);
    return rc ? rc : check_augment(s, e);
}

/* ---- bytes --------------------------------------------------------------------------------- */

void spec_encode(const struct spec *s, uint8_t out[SPEC_BYTES])
{
    memset(out, 0, SPEC_BYTES);
    put_le32(out, SPEC_MAGIC);
    put_le32(out + 4, SPEC_VERSION);
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        const struct field *f = &fields[i];
        const char *at = (const char *)s + f->at;
        uint8_t *to = out + f->bytes_at;
        if (!f->bytes_at)
            continue;
        switch (f->kind) {
        case TEXT:
            memcpy(to, at, strnlen(at, f->max + 1));
            break;
        case U32:
        case NAMED:
        case FLAG:
            put_le32(to, get_u32(s, f->at));
            break;
        case U64:
            put_le64(to, *(const uint64_t *)at);
            break;
        case FLOATS:
            put_le32(to, get_u32(s, f->count_at));
            for (uint32_t k = 0; k < FMNIST_CHANNELS_MAX; k++) {
                uint32_t bits;
                memcpy(&bits, at + 4 * k, 4);
                put_le32(to + 4 + 4 * k, bits);
            }
            break;
        }
    }
    put_le64(out + LIST_COUNT_AT, s->list_count);
    put_le64(out + LIST_BATCH_COUNT_AT, s->list_batch_count);
    memcpy(out + LIST_DIGEST_AT, s->list_digest, LIST_DIGEST_SIZE);
    put_le32(out + LIST_VALUE_COUNT_AT, s->list_value_count);
}

int spec_decode(struct spec *s, const uint8_t in[SPEC_BYTES], struct err *e)
{
    if (get_le32(in) != SPEC_MAGIC || get_le32(in + 4) != SPEC_VERSION)
        return err_set(e, -EINVAL, "spec begins 0x%08x version %u: want 0x%08x version %u",
                       get_le32(in), get_le32(in + 4), SPEC_MAGIC, SPEC_VERSION);
    memset(s, 0, sizeof *s);
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        const struct field *f = &fields[i];
        void *at = member(s, f->at);
        const uint8_t *from = in + f->bytes_at;
        if (!f->bytes_at)
            continue;
        switch (f->kind) {
        case TEXT:
            memcpy(at, from, f->max + 1);
            break;
        case U32:
        case NAMED:
        case FLAG:
            *(uint32_t *)at = get_le32(from);
            break;
        case U64:
            *(uint64_t *)at = get_le64(from);
            break;
        case FLOATS:
            *(uint32_t *)member(s, f->count_at) = get_le32(from);
            for (uint32_t k = 0; k < FMNIST_CHANNELS_MAX; k++) {
                uint32_t bits = get_le32(from + 4 + 4 * k);
                memcpy((char *)at + 4 * k, &bits, 4);
            }
            break;
        }
    }
    s->list_count = get_le64(in + LIST_COUNT_AT);
    s->list_batch_count = get_le64(in + LIST_BATCH_COUNT_AT);
    memcpy(s->list_digest, in + LIST_DIGEST_AT, LIST_DIGEST_SIZE);
    s->list_value_count = get_le32(in + LIST_VALUE_COUNT_AT);
    if (get_le32(in + RESERVED_AT))
        return err_set(e, -EINVAL, "spec has 0x%08x at byte %d: want 0", get_le32(in + RESERVED_AT),
                       RESERVED_AT);
    return spec_check(s, e);
}
