/* The public spec to the inner one and back. Meaning, names and ranges are spec/spec.c's. */
#include "client/spec_public.h"

#include "client/client.h"

#include <string.h>

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
    X(epochs)

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

static int check_size(const struct fmnist_spec *spec)
{
    if (spec && spec->size == sizeof *spec)
        return FMNIST_OK;
    return fail(FMNIST_EINVAL, "spec.size is %zu: want %zu (use fmnist_spec_init)",
                spec ? spec->size : 0, sizeof *spec);
}

int spec_from_public(struct spec *to, const struct fmnist_spec *from)
{
    int rc = check_size(from);
    if (rc)
        return rc;
    memset(to, 0, sizeof *to);
    rc = copy_name(to->dataset, "dataset", from->dataset);
    if (!rc)
        rc = copy_name(to->split, "split", from->split);
#define COPY(field) to->field = from->field;
    FOR_EACH_FIELD(COPY)
#undef COPY
    memcpy(to->mean, from->mean, sizeof to->mean);
    memcpy(to->std, from->std, sizeof to->std);
    return rc;
}

int spec_add_list(struct spec *to, struct list *list, const struct fmnist_spec *from)
{
    *list = (struct list){from->list, from->list_count, from->list_batches, from->list_batch_count};
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
        return FMNIST_OK;
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
    list_digest(list, to->list_digest);
    return FMNIST_OK;
}

void fmnist_spec_init_sized(struct fmnist_spec *spec, size_t size)
{
    struct spec inner;
    spec_init(&inner);
    memset(spec, 0, size);
    spec->size = size;
    if (size < sizeof *spec)
        return; /* a program built against another header: fmnist_open refuses it */
    spec->dataset = "fashion-mnist";
    spec->split = "train";
    from_inner(spec, &inner);
}

int fmnist_spec_set(struct fmnist_spec *spec, const char *field, const char *value)
{
    if (!field || !value)
        return fail(FMNIST_EINVAL, "field and value: want no NULL");
    struct spec inner;
    int rc = spec_from_public(&inner, spec);
    if (rc)
        return rc;
    struct err e;
    rc = spec_set(&inner, field, value, &e);
    if (rc)
        return fail_from(rc, &e);
    from_inner(spec, &inner);
    if (!strcmp(field, "dataset"))
        spec->dataset = value;
    else if (!strcmp(field, "split"))
        spec->split = value;
    return FMNIST_OK;
}
