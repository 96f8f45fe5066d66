/* SPDX-License-Identifier: MIT */
/* A plan's digest and identity, and what it refuses. */
#include "render/fixture.h"
#include "render/lists.h"

#include "spec/token.h"

#include <errno.h>
#include <stdio.h>

struct digests {
    uint8_t digest[16], identity[16];
};

static struct digests digests_of(const struct spec *spec)
{
    struct digests d;
    struct render_plan *r = must_make(spec, &set.dataset, &caches);
    memcpy(d.digest, r->digest, 16);
    memcpy(d.identity, r->identity, 16);
    render_plan_free(r);
    return d;
}

#define SAME(a, b) (memcmp((a), (b), 16) == 0)

/* What changes no byte of a batch changes no digest: else a token would be refused, or a ring not
 * shared, for nothing. */
START_TEST(render_plan_digest__what_changes_no_byte__same)
{
    struct spec s = base_spec();
    struct digests want = digests_of(&s);
#define EQUAL(change)                                            \
    do {                                                         \
        struct spec t = base_spec();                             \
        change;                                                  \
        struct digests d = digests_of(&t);                       \
        ck_assert_msg(SAME(d.digest, want.digest), #change);     \
        ck_assert_msg(SAME(d.identity, want.identity), #change); \
    } while (0)
    EQUAL(strcpy(t.dataset, "another-name"));
    EQUAL(t.transport = FMNIST_INLINE);
    EQUAL(t.epoch = 4);
    EQUAL(t.epochs = 9);
    EQUAL(t.pad = FMNIST_PAD_WRAP); /* one rank has nothing to pad */
    EQUAL(t.pad = FMNIST_PAD_DROP);

    /* Defaults that are written out, and rules that only copy. */
    struct spec plain = base_spec(), t;
    plain.height = plain.width = 0;
    plain.channels = 0;
    want = digests_of(&plain);
    t = plain;
    t.height = t.width = 8;
    t.channels = 1;
    t.layout = FMNIST_NHWC; /* of one channel: the same bytes */
    ck_assert(SAME(digests_of(&t).digest, want.digest));
    t.resize = FMNIST_RESIZE_TF_BILINEAR_PAD;
    struct render_plan *r = must_make(&t, &set.dataset, &caches);
    ck_assert_uint_eq(r->spec.resize, FMNIST_RESIZE_NONE);
    render_plan_free(r);
    ck_assert(SAME(digests_of(&t).digest, want.digest));

    /* The file's order has no seed; one mean stands for every channel. */
    struct spec a = base_spec(), b;
    a.order = FMNIST_ORDER_SEQUENTIAL;
    b = a;
    b.seed = 5;
    ck_assert(SAME(digests_of(&a).digest, digests_of(&b).digest));
    a = b = base_spec();
    a.mean_count = 1;
    a.mean[0] = 0.5f;
    b.mean_count = b.std_count = 3;
    b.mean[0] = b.mean[1] = b.mean[2] = 0.5f;
    b.std[0] = b.std[1] = b.std[2] = 1;
    ck_assert(SAME(digests_of(&a).digest, digests_of(&b).digest));
}
END_TEST

/* What changes a byte, or which sample comes when, is another stream, and its token another's. */
START_TEST(render_plan_digest__what_changes_a_byte__differs)
{
    struct spec s = base_spec();
    struct digests want = digests_of(&s);
#define OTHER(change)                                             \
    do {                                                          \
        struct spec t = base_spec();                              \
        change;                                                   \
        struct digests d = digests_of(&t);                        \
        ck_assert_msg(!SAME(d.digest, want.digest), #change);     \
        ck_assert_msg(!SAME(d.identity, want.identity), #change); \
    } while (0)
    OTHER(t.batch_size = 7);
    OTHER(t.drop_last = 1);
    OTHER(t.resize = FMNIST_RESIZE_PILLOW12_BILINEAR);
    OTHER(t.height = 13);
    OTHER(t.width = 13);
    OTHER(t.dtype = FMNIST_FLOAT16);
    OTHER(t.layout = FMNIST_NHWC);
    OTHER(t.channels = 1);
    OTHER(t.mean_count = 1; t.mean[0] = 0.5f);
    OTHER(t.std_count = 1; t.std[0] = 0.5f);
    OTHER(t.label_dtype = FMNIST_INT32);
    OTHER(t.order = FMNIST_ORDER_NUMPY);
    OTHER(t.seed = 1);
    /* Other data under the same name. */
    set.dataset.splits[DATASET_TRAIN].digest[15] ^= 1;
    struct digests d = digests_of(&s);
    ck_assert(!SAME(d.digest, want.digest) && !SAME(d.identity, want.identity));
}
END_TEST

/* Ranks are streams of their own, but one run: the same global batch on any number of processes
 * has one identity. */
START_TEST(render_plan_identity__same_global_batch__same_over_world_sizes)
{
    struct spec s = base_spec();
    s.batch_size = 24;
    struct digests want = digests_of(&s);
    for (uint32_t world = 2; world <= 24; world++) {
        if (24 % world)
            continue;
        for (uint32_t rank = 0; rank < world; rank++) {
            struct spec t = base_spec();
            t.batch_size = 24 / world;
            t.world_size = world;
            t.rank = rank;
            struct digests d = digests_of(&t);
            ck_assert(SAME(d.identity, want.identity));
            ck_assert(!SAME(d.digest, want.digest));
        }
    }
    struct spec t = base_spec();
    t.batch_size = 24;
    t.world_size = 2;
    ck_assert(!SAME(digests_of(&t).identity, want.identity));
}
END_TEST

/* The largest global batch is 2^40 samples. */
START_TEST(render_plan_identity__global_batches_equal_in_32_bits__differ)
{
    struct spec a = base_spec(), b = base_spec();
    a.world_size = b.world_size = SPEC_WORLD_MAX;
    a.batch_size = 1u << 16;
    b.batch_size = 1u << 17;
    struct digests of_a = digests_of(&a), of_b = digests_of(&b);
    ck_assert(!SAME(of_a.identity, of_b.identity));
    b.batch_size = a.batch_size << 1;
    b.world_size = a.world_size >> 1;
    of_b = digests_of(&b);
    ck_assert(SAME(of_a.identity, of_b.identity));
}
END_TEST

/* ---- digests of before --------------------------------------------------------------------- */

static uint32_t draw(uint64_t *state, uint32_t below)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33) % below;
}

/* One of many specs that this dataset takes. */
static struct spec drawn_spec(uint64_t *state)
{
    static const uint32_t orders[] = {FMNIST_ORDER_SEQUENTIAL, FMNIST_ORDER_SHUFFLE,
                                      FMNIST_ORDER_TORCH, FMNIST_ORDER_NUMPY};
    static const uint32_t dtypes[] = {FMNIST_UINT8, FMNIST_FLOAT32, FMNIST_FLOAT16,
                                      FMNIST_BFLOAT16};
    struct spec s = base_spec();
    s.batch_size = 1 + draw(state, 20);
    s.drop_last = draw(state, 2);
    s.order = orders[draw(state, 4)];
    s.seed = draw(state, 1000);
    s.height = s.width = 8 + draw(state, 3);
    s.resize = s.height == 8 ? FMNIST_RESIZE_NONE : FMNIST_RESIZE_PILLOW_BILINEAR;
    s.channels = draw(state, 2) ? 1 : 3;
    s.dtype = dtypes[draw(state, 4)];
    s.layout = draw(state, 2) ? FMNIST_NHWC : FMNIST_NCHW;
    s.label_dtype = draw(state, 2) ? FMNIST_INT64 : FMNIST_INT32;
    if (s.dtype != FMNIST_UINT8 && draw(state, 2)) {
        s.mean_count = s.std_count = 1;
        s.mean[0] = 0.25f;
        s.std[0] = 0.5f + (float)draw(state, 4);
    }
    if (draw(state, 2)) {
        s.world_size = 2 + draw(state, 3);
        s.rank = draw(state, s.world_size);
    }
    return s;
}

static size_t put_hex(char *at, const void *bytes, size_t size, char end)
{
    for (size_t i = 0; i < size; i++)
        sprintf(at + 2 * i, "%02x", ((const uint8_t *)bytes)[i]);
    at[2 * size] = end;
    return 2 * size + 1;
}

/* Digests and tokens that programs have kept: those of version 0.1, and of every later one. Each
 * line of the file is digest, identity and a token of one drawn spec. */
START_TEST(render_plan_digest__specs_of_before__as_before)
{
    size_t size, used = 0;
    char *want = support_golden("stream_digests.txt", &size);
    char line[256];
    uint64_t state = 1;
    for (int i = 0; used < size; i++) {
        struct spec s = drawn_spec(&state);
        struct digests d = digests_of(&s);
        struct token token = {.epoch = 3, .step = 1};
        memcpy(token.identity, d.identity, sizeof token.identity);
        struct fmnist_token encoded;
        token_encode(&token, &encoded);
        size_t n = put_hex(line, d.digest, 16, ' ');
        n += put_hex(line + n, d.identity, 16, ' ');
        n += put_hex(line + n, encoded.bytes, sizeof encoded.bytes, '\n');
        ck_assert_uint_le(used + n, size);
        ck_assert_msg(!memcmp(want + used, line, n), "spec %d: %.*s", i, (int)n, line);
        used += n;
    }
    free(want);
}
END_TEST

START_TEST(render_plan_new__field_that_does_not_fit__refused_by_name)
{
#define REFUSED(change, code, says)                                                 \
    do {                                                                            \
        struct spec t = base_spec();                                                \
        struct err e = {""};                                                        \
        struct render_plan *r;                                                      \
        change;                                                                     \
        ck_assert_int_eq(render_plan_new(&r, &t, &set.dataset, &caches, &e), code); \
        ck_assert_msg(strstr(e.text, says) != NULL, "%s", e.text);                  \
    } while (0)
    REFUSED(strcpy(t.split, "test"), -ENOENT, "no split \"test\"; it has: train");
    REFUSED(strcpy(t.split, "Train"), -ENOENT, "no split \"Train\" (is it \"train\"?); it has");
    REFUSED(t.resize = FMNIST_RESIZE_NONE, -EINVAL, "resize none with 12x12");
    REFUSED(t.channels = 2, -EINVAL, "channels 2");
    REFUSED(t.mean_count = 2, -EINVAL, "mean has 2 values: want 1, or 3");
    REFUSED(t.drop_last = 1; t.batch_size = 101, -EINVAL, "drop_last");
    set.dataset.splits[DATASET_TRAIN].label_max = 256;
    REFUSED(t.label_dtype = FMNIST_UINT8, -EINVAL, "labels of \"fashion-mnist\" run from 0 to 256");
}
END_TEST

/* A spec of a list that the caches has, and one that is in nobody's use. */
static struct spec list_spec(const uint32_t *indices, uint64_t count, const uint32_t *lengths,
                             uint64_t batches)
{
    struct spec s = base_spec();
    s.order = FMNIST_ORDER_LIST;
    s.list_count = count;
    s.list_batch_count = batches;
    list_digest(&(struct list){indices, count, lengths, batches, NULL, 0}, s.list_digest);
    uint32_t *numbers = malloc((count + batches) * sizeof *numbers);
    ck_assert_ptr_nonnull(numbers);
    memcpy(numbers, indices, count * sizeof *numbers);
    if (batches)
        memcpy(numbers + count, lengths, batches * sizeof *numbers);
    const struct index_list *list;
    ck_assert_int_eq(list_keep(caches.index_lists, &s, numbers, &list, NULL), 0);
    index_list_cache_put(caches.index_lists, list);
    return s;
}

/* The list takes the place of the split's images; lengths take that of batch_size. */
START_TEST(render_plan_new__list__sampled_from_it)
{
    static const uint32_t indices[] = {99, 0, 0, 7, 99}, lengths[] = {1, 4};
    struct spec s = list_spec(indices, 5, NULL, 0);
    s.batch_size = 2;
    struct render_plan *r = must_make(&s, &set.dataset, &caches);
    ck_assert_uint_eq(r->sampler.steps, 3);
    ck_assert_uint_eq(r->slot_samples, 2);
    render_plan_free(r);

    struct spec ragged = list_spec(indices, 5, lengths, 2), other = ragged;
    other.batch_size = 77; /* none of these says anything */
    other.drop_last = 1;
    other.seed = 3;
    r = must_make(&ragged, &set.dataset, &caches);
    ck_assert_uint_eq(r->sampler.steps, 2);
    ck_assert_uint_eq(r->slot_samples, 4);
    struct digests want = digests_of(&ragged), same = digests_of(&other), runs = digests_of(&s);
    ck_assert(SAME(same.digest, want.digest) && SAME(same.identity, want.identity));
    ck_assert(!SAME(runs.digest, want.digest) && !SAME(runs.identity, want.identity));
    render_plan_free(r);
}
END_TEST

START_TEST(render_plan_new__list_unknown_or_not_of_this_dataset__refused)
{
    static const uint32_t indices[] = {99, 0, 100, 7};
    struct spec s = list_spec(indices, 4, NULL, 0);
    struct render_plan *r;
    struct err e;
    ck_assert_int_eq(render_plan_new(&r, &s, &set.dataset, &caches, &e), -EINVAL);
    ck_assert_ptr_nonnull(strstr(e.text, "list[2] is 100"));
    s.list_count = 3; /* a digest says how many there are */
    ck_assert_int_eq(render_plan_new(&r, &s, &set.dataset, &caches, &e), -EINVAL);
    ck_assert_ptr_nonnull(strstr(e.text, "has 4 indices"));
    s.list_digest[0] ^= 1;
    ck_assert_int_eq(render_plan_new(&r, &s, &set.dataset, &caches, &e), -ENODATA);
}
END_TEST

/* What the client library makes of samples is no matter of the ring's: streams that differ only in
 * that share one, and the others never do. */
START_TEST(render_plan_ring_id__only_what_travels__counts)
{
    struct spec s = base_spec();
    struct render_plan *r = must_make(&s, &set.dataset, &caches), *other;
#define RING(same, change)                                                \
    do {                                                                  \
        struct spec t = base_spec();                                      \
        change;                                                           \
        other = must_make(&t, &set.dataset, &caches);                     \
        ck_assert_msg(SAME(r->ring_id, other->ring_id) == same, #change); \
        render_plan_free(other);                                          \
    } while (0)
    RING(true, t.dtype = FMNIST_UINT8);
    RING(true, t.dtype = FMNIST_BFLOAT16);
    RING(true, t.layout = FMNIST_NHWC);
    RING(true, t.channels = 1);
    RING(true, t.mean_count = 1; t.mean[0] = 0.5f);
    RING(true, t.std_count = 3; t.std[0] = t.std[1] = t.std[2] = 0.5f);
    RING(true, t.label_dtype = FMNIST_UINT8);
    RING(true, t.epoch = 3);
    RING(false, t.batch_size = 7);
    RING(false, t.drop_last = 1);
    RING(false, t.resize = FMNIST_RESIZE_PILLOW12_BILINEAR);
    RING(false, t.resize = FMNIST_RESIZE_TF_BILINEAR_PAD);
    RING(false, t.height = 13);
    RING(false, t.width = 13);
    RING(false, t.order = FMNIST_ORDER_NUMPY);
    RING(false, t.seed = 1);
    RING(false, t.world_size = 2);
    RING(false, t.world_size = 2; t.rank = 1);
    render_plan_free(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("render/plan");
    TCase *tc = tcase_create("plan");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, render_plan_digest__what_changes_no_byte__same);
    tcase_add_test(tc, render_plan_digest__what_changes_a_byte__differs);
    tcase_add_test(tc, render_plan_identity__same_global_batch__same_over_world_sizes);
    tcase_add_test(tc, render_plan_identity__global_batches_equal_in_32_bits__differ);
    tcase_add_test(tc, render_plan_digest__specs_of_before__as_before);
    tcase_add_test(tc, render_plan_new__field_that_does_not_fit__refused_by_name);
    tcase_add_test(tc, render_plan_new__list__sampled_from_it);
    tcase_add_test(tc, render_plan_new__list_unknown_or_not_of_this_dataset__refused);
    tcase_add_test(tc, render_plan_ring_id__only_what_travels__counts);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
