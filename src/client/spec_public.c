/* SPDX-License-Identifier: MIT */
/* The public spec to the inner one and back. Meaning, names and ranges are spec/spec.c's. */
#include "client/spec_public.h"

#include "client/client.h"
#include "client/sized.h"

#include <string.h>

static const struct sized_kind kind = {"spec", "use fmnist_spec_init",
                                       SIZED_UP_TO(struct fmnist_spec, list_batch_count),
                                       sizeof(struct fmnist_spec)};

/* Fields that both structs have under one name, and with one type but for the strings. */
#define FOR_EACH_FIELD(X) \
    X(batch_size)         \
    X(drop_last)          \
    X(resize)             \
    X(height)             \
    X(width)              \
    X(dtype)              \
    X(layout)             \
    X(channels)           \
    X(mean_count)         \
    X(std_count)          \
    X(label_dtype)        \
    X(order)              \
    X(seed)               \
    X(rank)               \
    X(world_size)         \
    X(pad)                \
    X(transport)          \
    X(epoch)              \
    X(epochs)             \
    X(draws)              \
    X(views)

static void from_inner(struct fmnist_spec *to, const struct spec *from)
{
#define COPY(field) to->field = from->field;
    FOR_EACH_FIELD(COPY)
#undef COPY
    memcpy(to->mean, from->mean, sizeof to->mean);
    memcpy(to->std, from->std, sizeof to->std);
}

static int copy_name(char to[SPEC_NAME_SIZE], const char *field, const char *from)
{
    if (!from || strlen(from) >= SPEC_NAME_SIZE)
        return fail(FMNIST_EINVAL, "%s: want 1 to %d characters", field, SPEC_NAME_SIZE - 1);
    memcpy(to, from, strlen(from));
    return FMNIST_OK;
}

/* "train[:50000] | classes(3, 7)": the split, and behind the bar what is selected of it. What
 * `select` says is done with that. */
static int take_part(struct spec *to, const struct fmnist_spec *from)
{
    const char *split = from->split ? from->split : "", *bar = strchr(split, '|');
    const char *more = from->select ? from->select : "", *own = bar ? bar + 1 : "";
    size_t n = bar ? (size_t)(bar - split) : strlen(split);
    while (bar && n && split[n - 1] == ' ')
        n--;
    own += strspn(own, " ");
    if (!n || n >= SPEC_NAME_SIZE)
        return fail(FMNIST_EINVAL, "split: want 1 to %d characters%s", SPEC_NAME_SIZE - 1,
                    bar ? " before '|'" : "");
    memcpy(to->split, split, n);
    size_t size = strlen(own) + (*own && *more) + strlen(more);
    if (size >= SPEC_SELECT_SIZE)
        return fail(FMNIST_EINVAL, "select has %zu characters: want at most %d", size,
                    SPEC_SELECT_SIZE - 1);
    strcpy(to->select, own);
    strcat(to->select, *own && *more ? " " : "");
    strcat(to->select, more);
    return FMNIST_OK;
}

int spec_take(struct fmnist_spec *to, const struct fmnist_spec *theirs)
{
    return sized_take(&kind, to, theirs);
}

int spec_from_public(struct spec *to, const struct fmnist_spec *from)
{
    memset(to, 0, sizeof *to);
    int rc = copy_name(to->dataset, "dataset", from->dataset);
    if (!rc)
        rc = take_part(to, from);
#define COPY(field) to->field = from->field;
    FOR_EACH_FIELD(COPY)
#undef COPY
    memcpy(to->mean, from->mean, sizeof to->mean);
    memcpy(to->std, from->std, sizeof to->std);
    if (!rc && from->augment && strlen(from->augment) >= SPEC_AUGMENT_SIZE)
        rc = fail(FMNIST_EINVAL, "augment has %zu characters: want at most %d",
                  strlen(from->augment), SPEC_AUGMENT_SIZE - 1);
    else if (!rc && from->augment)
        strcpy(to->augment, from->augment);
    return rc;
}

static int add_values(struct spec *to, struct list *list, const struct fmnist_spec *from,
                      uint32_t value_count)
{
    uint32_t views = from->views ? from->views : 1;
    bool wants = from->draws == FMNIST_DRAWS_LIST && value_count && from->list;
    uint64_t want = wants ? from->list_count * views * value_count : 0;
    if (!from->list_values != !from->list_value_count)
        return fail(FMNIST_EINVAL,
                    "list_values and list_value_count: want an array and its count, or neither");
    if (from->list_value_count && from->draws != FMNIST_DRAWS_LIST)
        return fail(FMNIST_EINVAL, "list_values want draws \"list\"");
    if (from->list_value_count != want)
        return fail(
            FMNIST_EINVAL,
            "list_values has %llu numbers: want %llu, %u views of %llu indices with %u draws "
            "each",
            (unsigned long long)from->list_value_count, (unsigned long long)want, views,
            (unsigned long long)from->list_count, value_count);
    if (want) {
        list->values = from->list_values;
        list->value_count = to->list_value_count = value_count * views;
    }
    return FMNIST_OK;
}

int spec_add_list(struct spec *to, struct list *list, const struct fmnist_spec *from,
                  uint32_t value_count)
{
    *list = (struct list){
        from->list, from->list_count, from->list_batches, from->list_batch_count, NULL, 0};
    if (from->list && !from->list_count)
        return fail(FMNIST_EINVAL,
                    "list is empty: want numbers of the split, or no list for all its images");
    if (from->list_batches && !from->list_batch_count)
        return fail(FMNIST_EINVAL,
                    "list_batches is empty: want a length a batch, or none for runs of batch_size");
    if (!from->list != !from->list_count || !from->list_batches != !from->list_batch_count)
        return fail(FMNIST_EINVAL,
                    "list and list_batches: want both an array and its count, or neither");
    if (!list->indices && !list->lengths)
        return add_values(to, list, from, value_count);
    struct err e;
    uint32_t longest;
    if (list_check_lengths(list, &longest, &e))
        return fail(FMNIST_EINVAL, "%s", e.text);
    if (list->lengths) {
        to->batch_size = longest;
        to->drop_last = 0;
    }
    to->list_count = list->index_count;
    to->list_batch_count = list->batch_count;
    int rc = add_values(to, list, from, value_count);
    if (rc)
        return rc;
    list_digest(list, to->list_digest);
    return FMNIST_OK;
}

void fmnist_spec_init_sized(struct fmnist_spec *spec, size_t size)
{
    struct fmnist_spec all = {.dataset = "fashion-mnist", .split = "train"};
    struct spec inner;
    spec_init(&inner);
    from_inner(&all, &inner);
    memset(spec, 0, size);
    if (size < sizeof spec->size)
        return;
    spec->size = size;
    sized_give(&kind, spec, &all); /* a size that is refused here is refused by all that follows */
}

int fmnist_spec_set(struct fmnist_spec *spec, const char *field, const char *value)
{
    if (!spec || !field || !value)
        return fail(FMNIST_EINVAL, "spec, field and value: want no NULL");
    struct fmnist_spec all;
    struct spec inner;
    int rc = spec_take(&all, spec);
    if (!rc)
        rc = spec_from_public(&inner, &all);
    if (rc)
        return rc;
    struct err e;
    bool is_split = !strcmp(field, "split"); /* two of the inner ones */
    rc = is_split ? 0 : spec_set(&inner, field, value, &e);
    if (rc)
        return fail_from(rc, &e);
    from_inner(&all, &inner);
    if (!strcmp(field, "dataset"))
        all.dataset = value;
    else if (is_split)
        all.split = value;
    else if (!strcmp(field, "augment"))
        all.augment = value;
    else if (!strcmp(field, "select"))
        all.select = value;
    rc = is_split ? spec_from_public(&inner, &all) : FMNIST_OK;
    return rc ? rc : sized_give_back(&kind, spec, &all);
}
