/* SPDX-License-Identifier: MIT */
/* tests/e2e/first/layout.h — what the first header fixed for ever, as lines of text: where each
 * field lies and what each name's number is; and a batch as a line. All is said of the fmnist.h
 * that was included before this file, so that the program of the first header and a test of ours
 * say it in the same words.
 */
#ifndef TESTS_E2E_FIRST_LAYOUT_H
#define TESTS_E2E_FIRST_LAYOUT_H

#include <stddef.h>
#include <stdio.h>

struct layout_field {
    const char *name;
    size_t at, bytes;
};

struct layout_number {
    const char *name;
    int value;
};

#define FIELD(type, member)                                             \
    {                                                                   \
        .name = #type "." #member, .at = offsetof(struct type, member), \
        .bytes = sizeof(((struct type *)0)->member)                     \
    }
#define SPEC(field)     FIELD(fmnist_spec, field)
#define CONNECT(field)  FIELD(fmnist_connect_options, field)
#define DATASET(field)  FIELD(fmnist_dataset, field)
#define DATASETS(field) FIELD(fmnist_datasets, field)
#define TOKEN(field)    FIELD(fmnist_token, field)
#define INFO(field)     FIELD(fmnist_stream_info, field)
#define BATCH(field)    FIELD(fmnist_batch, field)
#define INTO(field)     FIELD(fmnist_into, field)

static const struct layout_field layout_fields[] = {
    SPEC(size),
    SPEC(dataset),
    SPEC(split),
    SPEC(batch_size),
    SPEC(drop_last),
    SPEC(resize),
    SPEC(height),
    SPEC(width),
    SPEC(dtype),
    SPEC(layout),
    SPEC(channels),
    SPEC(mean_count),
    SPEC(mean),
    SPEC(std_count),
    SPEC(std),
    SPEC(label_dtype),
    SPEC(order),
    SPEC(seed),
    SPEC(rank),
    SPEC(world_size),
    SPEC(pad),
    SPEC(transport),
    SPEC(epoch),
    SPEC(epochs),
    SPEC(list),
    SPEC(list_count),
    SPEC(list_batches),
    SPEC(list_batch_count),
    CONNECT(size),
    CONNECT(socket),
    CONNECT(timeout_ms),
    DATASET(size),
    DATASET(name),
    DATASET(split),
    DATASET(count),
    DATASET(height),
    DATASET(width),
    DATASET(channels),
    DATASET(class_count),
    DATASET(class_names),
    DATASET(digest),
    DATASETS(count),
    DATASETS(items),
    TOKEN(bytes),
    INFO(size),
    INFO(sample_count),
    INFO(steps),
    INFO(batch_size),
    INFO(channels),
    INFO(height),
    INFO(width),
    INFO(dtype),
    INFO(layout),
    INFO(label_dtype),
    INFO(transport),
    INFO(slot_count),
    INFO(image_bytes),
    INFO(label_bytes),
    INFO(epoch),
    INFO(step),
    INFO(digest),
    BATCH(epoch),
    BATCH(step),
    BATCH(count),
    BATCH(images),
    BATCH(labels),
    BATCH(indices),
    BATCH(slot),
    INTO(size),
    INTO(images),
    INTO(images_bytes),
    INTO(labels),
    INTO(labels_bytes),
    INTO(indices),
    INTO(indices_bytes),
};

#define WHOLE(type)                                 \
    {                                               \
        .name = #type, .bytes = sizeof(struct type) \
    }

/* Structs without a size, and the one that programs step through. */
static const struct layout_field layout_wholes[] = {
    WHOLE(fmnist_token),
    WHOLE(fmnist_batch),
    WHOLE(fmnist_datasets),
    WHOLE(fmnist_dataset),
};

#define NUMBER(constant)                          \
    {                                             \
        .name = #constant, .value = (int)constant \
    }

static const struct layout_number layout_numbers[] = {
    NUMBER(FMNIST_VERSION_MAJOR),
    NUMBER(FMNIST_OK),
    NUMBER(FMNIST_END_OF_EPOCH),
    NUMBER(FMNIST_END_OF_STREAM),
    NUMBER(FMNIST_EINVAL),
    NUMBER(FMNIST_ECONNECT),
    NUMBER(FMNIST_ETIMEDOUT),
    NUMBER(FMNIST_EDEAD),
    NUMBER(FMNIST_EPROTO),
    NUMBER(FMNIST_ENOMEM),
    NUMBER(FMNIST_EFORK),
    NUMBER(FMNIST_EBUSY),
    NUMBER(FMNIST_ETOKEN),
    NUMBER(FMNIST_ENOENT),
    NUMBER(FMNIST_ELIMIT),
    NUMBER(FMNIST_EIO),
    NUMBER(FMNIST_UINT8),
    NUMBER(FMNIST_FLOAT32),
    NUMBER(FMNIST_FLOAT16),
    NUMBER(FMNIST_BFLOAT16),
    NUMBER(FMNIST_INT32),
    NUMBER(FMNIST_INT64),
    NUMBER(FMNIST_NCHW),
    NUMBER(FMNIST_NHWC),
    NUMBER(FMNIST_RESIZE_NONE),
    NUMBER(FMNIST_RESIZE_PILLOW_NEAREST),
    NUMBER(FMNIST_RESIZE_PILLOW_BOX),
    NUMBER(FMNIST_RESIZE_PILLOW_BILINEAR),
    NUMBER(FMNIST_RESIZE_PILLOW_HAMMING),
    NUMBER(FMNIST_RESIZE_PILLOW_BICUBIC),
    NUMBER(FMNIST_RESIZE_PILLOW_LANCZOS),
    NUMBER(FMNIST_RESIZE_PILLOW12_BOX),
    NUMBER(FMNIST_RESIZE_PILLOW12_BILINEAR),
    NUMBER(FMNIST_RESIZE_PILLOW12_HAMMING),
    NUMBER(FMNIST_RESIZE_PILLOW12_BICUBIC),
    NUMBER(FMNIST_RESIZE_PILLOW12_LANCZOS),
    NUMBER(FMNIST_RESIZE_OPENCV_LINEAR),
    NUMBER(FMNIST_RESIZE_TF_BILINEAR_PAD),
    NUMBER(FMNIST_ORDER_SEQUENTIAL),
    NUMBER(FMNIST_ORDER_SHUFFLE),
    NUMBER(FMNIST_ORDER_TORCH),
    NUMBER(FMNIST_ORDER_TORCH_LOADER),
    NUMBER(FMNIST_ORDER_NUMPY),
    NUMBER(FMNIST_ORDER_LIST),
    NUMBER(FMNIST_PAD_AUTO),
    NUMBER(FMNIST_PAD_WRAP),
    NUMBER(FMNIST_PAD_DROP),
    NUMBER(FMNIST_PAD_NONE),
    NUMBER(FMNIST_SHM),
    NUMBER(FMNIST_INLINE),
    NUMBER(FMNIST_CHANNELS_MAX),
};

static inline void say_fields(FILE *out, const struct layout_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s: at %zu, %zu bytes\n", fields[i].name, fields[i].at, fields[i].bytes);
}

static inline void say_layout(FILE *out)
{
    say_fields(out, layout_fields, sizeof layout_fields / sizeof *layout_fields);
    say_fields(out, layout_wholes, sizeof layout_wholes / sizeof *layout_wholes);
    for (size_t i = 0; i < sizeof layout_numbers / sizeof *layout_numbers; i++)
        fprintf(out, "%s: %d\n", layout_numbers[i].name, layout_numbers[i].value);
}

/* Of a batch's bytes, after Fowler, Noll and Vo. */
static inline uint64_t say_hash(uint64_t hash, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* A batch as one line. */
static inline void say_batch(FILE *out, const struct fmnist_stream_info *info,
                             const struct fmnist_batch *b)
{
    uint64_t hash = say_hash(UINT64_C(0xcbf29ce484222325), b->images, b->count * info->image_bytes);
    hash = say_hash(hash, b->labels, b->count * info->label_bytes);
    hash = say_hash(hash, b->indices, b->count * sizeof *b->indices);
    fprintf(out, "batch %llu %llu: %llu, %016llx\n", (unsigned long long)b->epoch,
            (unsigned long long)b->step, (unsigned long long)b->count, (unsigned long long)hash);
}

#endif
