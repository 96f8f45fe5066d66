/* SPDX-License-Identifier: MIT */
/* Clients of one spec: they read one ring while they are near each other, and never wait long for
 * one another. */
#include "e2e/harness.h"

#include <signal.h>
#include <sys/wait.h>

#define EPOCHS      4u
#define BATCHES_MAX 512u

static struct daemon d;
static struct images all;
static struct fmnist_client *client;
static uint64_t solo[BATCHES_MAX]; /* what each event of a run is when nobody else reads */
static uint32_t events;            /* of EPOCHS epochs, their ends included */

static struct fmnist_spec shared_spec(uint32_t transport)
{
    struct fmnist_spec spec = spec_of("tiny");
    spec.dtype = FMNIST_UINT8;
    spec.order = FMNIST_ORDER_SHUFFLE;
    spec.batch_size = 8;
    spec.epochs = EPOCHS;
    spec.transport = transport;
    return spec;
}

static void setup_with(const char *config)
{
    support_setup();
    images_make(&all, 500, 28, 28, 1);
    serve_tiny(&d, config);
    client = connect_to(&d);
    struct fmnist_spec spec = shared_spec(FMNIST_SHM);
    struct fmnist_stream *stream = open_stream(client, &spec);
    events = 0;
    do {
        ck_assert_uint_lt(events, BATCHES_MAX);
        solo[events] = hash_next(stream);
    } while (solo[events++] != FMNIST_END_OF_STREAM);
    fmnist_close(stream);
    wait_for_clients(client, 1);
}

static void setup(void)
{
    setup_with("workers: 2\nring: 128KiB\n");
}

static void setup_tight(void)
{
    setup_with("workers: 2\nring: 128KiB\n"
               "limits: {ring_bytes: 192KiB, ring_bytes_per_user: 192KiB}\n");
}

static void teardown(void)
{
    wait_for_clients(client, 1); /* no reader is left behind */
    fmnist_disconnect(client);
    daemon_stop(&d);
    images_free(&all);
    support_teardown();
}

/* Events [from, to) are those of the solo run. */
static void expect(struct fmnist_stream *stream, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to && i < events; i++) {
        uint64_t hash = hash_next(stream);
        ck_assert_msg(hash == solo[i], "event %u differs from the solo run", i);
    }
}

/* A number of the newest stream in the status. */
static uint64_t stream_fact(const char *name)
{
    char *text;
    must(fmnist_status(client, &text));
    json_t *status = json_loads(text, 0, NULL), *one;
    free(text);
    uint64_t fact = UINT64_MAX;
    size_t i;
    json_array_foreach (json_object_get(status, "clients"), i, one) {
        json_t *stream = json_object_get(one, "stream");
        if (stream && fact == UINT64_MAX)
            fact = (uint64_t)json_integer_value(json_object_get(stream, name));
    }
    json_decref(status);
    return fact;
}

/* ---- one ring ------------------------------------------------------------------------------ */

/* Eight that read side by side: each batch is rendered once. */
START_TEST(equal_specs__side_by_side__rendered_once)
{
    struct fmnist_spec spec = shared_spec(FMNIST_SHM);
    struct fmnist_stream *streams[8];
    for (int k = 0; k < 8; k++)
        streams[k] = open_stream(client, &spec);
    ck_assert_uint_eq(stream_fact("consumers"), 8);
    for (uint32_t i = 0; i < events; i++)
        for (int k = 0; k < 8; k++)
            expect(streams[k], i, i + 1);
    ck_assert_uint_eq(stream_fact("consumers"), 8);
    ck_assert_uint_eq(stream_fact("batches_rendered"), events - EPOCHS - 1);
    for (int k = 0; k < 8; k++)
        fmnist_close(streams[k]);
}
END_TEST

/* ---- one ring, many forms ------------------------------------------------------------------ */

/* What the client library makes of the samples that the ring has. */
struct form {
    uint32_t dtype, layout, channels, label_dtype;
    float mean, std; /* std 0: not normalised */
};

static struct fmnist_spec spec_in_form(const struct form *f)
{
    struct fmnist_spec spec = shared_spec(FMNIST_SHM);
    spec.dtype = f->dtype;
    spec.layout = f->layout;
    spec.channels = f->channels;
    spec.label_dtype = f->label_dtype;
    if (f->std != 0) {
        spec.mean_count = spec.std_count = 1;
        spec.mean[0] = f->mean;
        spec.std[0] = f->std;
    }
    return spec;
}

static bool label_is(const struct form *f, const void *labels, uint64_t i, int64_t want)
{
    switch (f->label_dtype) {
    case FMNIST_UINT8:
        return ((const uint8_t *)labels)[i] == want;
    case FMNIST_INT32:
        return ((const int32_t *)labels)[i] == want;
    default:
        return ((const int64_t *)labels)[i] == want;
    }
}

/* One value of an image, by the definition. */
static bool value_is(const struct form *f, const void *images, size_t at, uint8_t level)
{
    if (f->dtype == FMNIST_UINT8)
        return ((const uint8_t *)images)[at] == level;
    float want = (float)level / 255.0f;
    if (f->std != 0) {
        volatile float difference = want - f->mean; /* rounded by itself */
        want = difference / f->std;
    }
    return ((const float *)images)[at] == want;
}

/* Every value and label is what the dataset has under the batch's indices. */
static void check_form(const struct form *f, const struct fmnist_batch *b)
{
    enum { PIXELS = 28 * 28 };
    for (uint64_t i = 0; i < b->count; i++) {
        const uint8_t *levels = all.pixels + (size_t)b->indices[i] * PIXELS;
        ck_assert(label_is(f, b->labels, i, all.labels[b->indices[i]]));
        for (size_t p = 0; p < PIXELS; p++)
            for (size_t c = 0; c < f->channels; c++) {
                size_t at = f->layout == FMNIST_NCHW ? c * PIXELS + p : p * f->channels + c;
                if (!value_is(f, b->images, i * PIXELS * f->channels + at, levels[p]))
                    ck_abort_msg("step %llu, sample %llu, channel %zu, pixel %zu",
                                 (unsigned long long)b->step, (unsigned long long)i, c, p);
            }
    }
}

/* Eleven clients that want eleven things made of the same samples: rendered once, and each has its
 * own, with a digest of its own. */
START_TEST(other_forms__side_by_side__rendered_once_and_each_its_own)
{
    static const struct form forms[] = {
        {FMNIST_UINT8, FMNIST_NCHW, 1, FMNIST_INT64, 0, 0},
        {FMNIST_UINT8, FMNIST_NCHW, 1, FMNIST_UINT8, 0, 0},
        {FMNIST_UINT8, FMNIST_NHWC, 3, FMNIST_INT64, 0, 0},
        {FMNIST_FLOAT32, FMNIST_NCHW, 1, FMNIST_INT64, 0, 0},
        {FMNIST_FLOAT32, FMNIST_NCHW, 1, FMNIST_INT32, 0, 0},
        {FMNIST_FLOAT32, FMNIST_NCHW, 3, FMNIST_INT64, 0, 0},
        {FMNIST_FLOAT32, FMNIST_NHWC, 3, FMNIST_INT64, 0, 0},
        {FMNIST_FLOAT32, FMNIST_NCHW, 1, FMNIST_INT64, 0.5f, 0.5f},
        {FMNIST_FLOAT32, FMNIST_NCHW, 1, FMNIST_INT64, 0.2860f, 0.3530f},
        {FMNIST_FLOAT32, FMNIST_NHWC, 3, FMNIST_INT64, 0.2860f, 0.3530f},
        {FMNIST_FLOAT32, FMNIST_NCHW, 1, FMNIST_UINT8, 0.1307f, 0.3081f},
    };
    enum { COUNT = sizeof forms / sizeof *forms };
    struct fmnist_stream *streams[COUNT];
    struct fmnist_stream_info infos[COUNT];
    for (int k = 0; k < COUNT; k++) {
        struct fmnist_spec spec = spec_in_form(&forms[k]);
        streams[k] = open_stream(client, &spec);
        infos[k] = info_of(streams[k]);
        for (int j = 0; j < k; j++)
            ck_assert(memcmp(infos[j].digest, infos[k].digest, sizeof infos[k].digest) != 0);
    }
    ck_assert_uint_eq(stream_fact("consumers"), COUNT);
    for (uint32_t i = 0; i < events; i++)
        for (int k = 0; k < COUNT; k++) {
            struct fmnist_batch b;
            int rc = fmnist_next(streams[k], &b);
            if (rc != FMNIST_OK)
                continue;
            check_form(&forms[k], &b);
            must(fmnist_release(streams[k], &b));
        }
    ck_assert_uint_eq(stream_fact("consumers"), COUNT);
    ck_assert_uint_eq(stream_fact("batches_rendered"), events - EPOCHS - 1);
    for (int k = 0; k < COUNT; k++)
        fmnist_close(streams[k]);
}
END_TEST

/* The same ring, seen as it is: samples for who finishes them elsewhere; the rest of the stream is
 * as ever, its digest, its tokens, and copies in final form. */
START_TEST(view_wire__of_a_normalised_stream__the_samples_and_all_else_as_before)
{
    static const struct form form = {FMNIST_FLOAT32, FMNIST_NHWC, 3, FMNIST_INT32, 0.25f, 0.5f};
    static const struct form samples = {FMNIST_UINT8, FMNIST_NCHW, 1, FMNIST_INT32, 0, 0};
    struct fmnist_spec spec = spec_in_form(&form);
    for (int k = 0; k < 2; k++) {
        spec.transport = k ? FMNIST_INLINE : FMNIST_SHM;
        struct fmnist_stream *plain = open_stream(client, &spec), *stream;
        struct fmnist_batch b, other;
        struct fmnist_token token;
        must(fmnist_next(plain, &b));
        must_be(fmnist_view_wire(plain), FMNIST_EBUSY, "view_wire", __FILE__, __LINE__);
        must(fmnist_release(plain, &b));
        must(fmnist_stream_token(plain, &token));
        must(fmnist_open(client, &spec, &token, &stream));
        must(fmnist_view_wire(stream));
        struct fmnist_stream_info info = info_of(stream), info_of_plain = info_of(plain);
        ck_assert_mem_eq(info.digest, info_of_plain.digest, sizeof info.digest);
        ck_assert_uint_eq(info.wire_dtype, FMNIST_UINT8);
        ck_assert_uint_eq(info.wire_channels, 1);
        must(fmnist_next(stream, &b));
        check_form(&samples, &b);
        must(fmnist_next(stream, &other)); /* the first one stays */
        check_form(&samples, &other);
        check_form(&samples, &b);
        must(fmnist_release(stream, &b));
        must(fmnist_release(stream, &other));
        float *images = malloc(spec.batch_size * info.image_bytes);
        int32_t labels[8];
        int64_t indices[8];
        struct fmnist_into into = {.size = sizeof into,
                                   .images = images,
                                   .images_bytes = spec.batch_size * info.image_bytes,
                                   .labels = labels,
                                   .labels_bytes = sizeof labels,
                                   .indices = indices,
                                   .indices_bytes = sizeof indices};
        must(fmnist_next_into(stream, &into, &b));
        check_form(&form, &b);
        must(fmnist_stream_token(stream, &token));
        fmnist_close(plain);
        must(fmnist_open(client, &spec, &token, &plain));
        must(fmnist_next(plain, &b));
        ck_assert_uint_eq(b.step, 4);
        check_form(&form, &b);
        free(images);
        fmnist_close(plain);
        fmnist_close(stream);
    }
}
END_TEST

/* What differs only in where it ends is the same ring; the one that ends first holds nobody up. */
START_TEST(equal_specs__one_ends_early__others_go_on_in_the_ring)
{
    struct fmnist_spec spec = shared_spec(FMNIST_SHM), brief = spec;
    brief.epochs = 1;
    struct fmnist_stream *whole = open_stream(client, &spec), *part = open_stream(client, &brief);
    uint32_t epoch = (events - 1) / EPOCHS;
    for (uint32_t i = 0; i < epoch; i++) {
        expect(whole, i, i + 1);
        expect(part, i, i + 1);
    }
    ck_assert_int_eq((int)hash_next(part), FMNIST_END_OF_STREAM);
    expect(whole, epoch, events);
    ck_assert_uint_eq(stream_fact("consumers"), 2);
    fmnist_close(part);
    fmnist_close(whole);
}
END_TEST

START_TEST(other_seed__rings_apart)
{
    struct fmnist_spec spec = shared_spec(FMNIST_SHM), other = spec;
    other.seed = 1;
    struct fmnist_stream *a = open_stream(client, &spec), *b = open_stream(client, &other);
    ck_assert_uint_eq(stream_fact("consumers"), 1);
    ck_assert(hash_next(b) != solo[0]);
    expect(a, 0, events);
    fmnist_close(a);
    fmnist_close(b);
}
END_TEST

/* Whoever comes while the first batches are still there sits down with the others; whoever comes
 * later, or begins elsewhere, gets a ring of its own. */
START_TEST(newcomer__near_or_far__same_bytes)
{
    struct fmnist_spec spec = shared_spec(FMNIST_SHM);
    struct fmnist_stream *first, *near;
    /* On a machine that does not run this process for a while, neither waits for the other. */
    for (int tries = 0;; tries++) {
        first = open_stream(client, &spec);
        expect(first, 0, 2);
        near = open_stream(client, &spec);
        if (stream_fact("consumers") == 2)
            break;
        ck_assert_int_lt(tries, 20);
        fmnist_close(near);
        fmnist_close(first);
    }
    expect(near, 0, 2);
    for (uint32_t i = 2; i < 60; i++) {
        expect(near, i, i + 1);
        expect(first, i, i + 1);
    }
    struct fmnist_stream *far = open_stream(client, &spec);
    ck_assert_uint_eq(stream_fact("consumers"), 1);
    struct fmnist_token token;
    must(fmnist_stream_token(first, &token));
    struct fmnist_stream *sought;
    must(fmnist_open(client, &spec, &token, &sought));
    expect(sought, 60, events);
    expect(far, 0, events);
    expect(near, 60, events);
    expect(first, 60, events);
    fmnist_close(first);
    fmnist_close(near);
    fmnist_close(far);
    fmnist_close(sought);
}
END_TEST

/* A ring that began a few batches later has none of those before. */
START_TEST(newcomer__before_the_ring_began__same_bytes)
{
    struct fmnist_spec spec = shared_spec(FMNIST_SHM);
    struct fmnist_stream *scout = open_stream(client, &spec), *later, *sooner;
    struct fmnist_token tokens[2];
    uint32_t at[] = {events - 12, events - 7}; /* so near the run's end that no ring gets full */
    expect(scout, 0, at[0]);
    must(fmnist_stream_token(scout, &tokens[0]));
    expect(scout, at[0], at[1]);
    must(fmnist_stream_token(scout, &tokens[1]));
    fmnist_close(scout);
    wait_for_clients(client, 1);
    must(fmnist_open(client, &spec, &tokens[1], &later));
    must(fmnist_open(client, &spec, &tokens[0], &sooner));
    expect(sooner, at[0], events);
    expect(later, at[1], events);
    fmnist_close(sooner);
    fmnist_close(later);
}
END_TEST

/* ---- no coupling --------------------------------------------------------------------------- */

/* A neighbour that never reads: the others end their run all the same, and so does it, later. */
START_TEST(neighbour_sleeps__others_go_on)
{
    struct fmnist_spec spec = shared_spec(FMNIST_SHM);
    struct fmnist_stream *sleeper = open_stream(client, &spec);
    struct fmnist_stream *a = open_stream(client, &spec), *b = open_stream(client, &spec);
    ck_assert_uint_eq(stream_fact("consumers"), 3);
    for (uint32_t i = 0; i < events; i++) {
        expect(a, i, i + 1);
        expect(b, i, i + 1);
    }
    expect(sleeper, 0, events);
    fmnist_close(a);
    fmnist_close(b);
    fmnist_close(sleeper);
}
END_TEST

/* Whoever goes over to a ring of its own asked for what it asked for, and not for what the first at
 * the ring before did. */
START_TEST(neighbour_sleeps__other_forms__each_is_told_as_what_it_asked_for)
{
    static const struct form floats = {FMNIST_FLOAT32, FMNIST_NCHW, 1, FMNIST_INT64, 0, 0};
    static const struct form levels = {FMNIST_UINT8, FMNIST_NCHW, 1, FMNIST_INT64, 0, 0};
    struct fmnist_spec first = spec_in_form(&floats), second = spec_in_form(&levels);
    struct fmnist_stream *sleeper = open_stream(client, &first);
    struct fmnist_stream *moves = open_stream(client, &second);
    ck_assert_uint_eq(stream_fact("consumers"), 2);
    expect(moves, 0, events);
    ck_assert_uint_eq(stream_fact("consumers"), 1);
    char *status;
    must(fmnist_status(client, &status));
    ck_assert_msg(strstr(status, "\"dtype\":\"uint8\"") != NULL, "%s", status);
    ck_assert_msg(strstr(status, "\"dtype\":\"float32\"") != NULL, "%s", status);
    free(status);
    fmnist_close(moves);
    fmnist_close(sleeper);
}
END_TEST

/* Two rings of the same batches whose readers sleep at the same place: whoever passes them by gets
 * a third, and is not sent from one sleeper to the other. */
START_TEST(neighbours_sleep_in_two_rings__the_third_goes_on)
{
    struct fmnist_spec spec = shared_spec(FMNIST_SHM);
    struct fmnist_client *hasty = connect_within(&d, 3000);
    struct fmnist_stream *sleepers[2], *third;
    struct fmnist_token token;
    for (int k = 0; k < 2; k++) { /* the second comes when the first is far away */
        sleepers[k] = open_stream(client, &spec);
        ck_assert_uint_eq(stream_fact("consumers"), 1);
        expect(sleepers[k], 0, 60);
        must(fmnist_stream_token(sleepers[k], &token));
        must(fmnist_open(client, &spec, &token, &third)); /* reads until the ring is full */
        ck_assert_uint_eq(stream_fact("consumers"), 2);
        expect(third, 60, 60 + info_of(third).slot_count);
        fmnist_close(third);
    }
    must(fmnist_open(hasty, &spec, &token, &third));
    ck_assert_uint_eq(stream_fact("consumers"), 2);
    expect(third, 60, events);
    for (int k = 0; k < 2; k++) {
        expect(sleepers[k], 60, events);
        fmnist_close(sleepers[k]);
    }
    fmnist_close(third);
    fmnist_disconnect(hasty);
}
END_TEST

/* A view that was handed out in the ring before stays as it was while its holder reads on in the
 * next one and the ring before goes on with others. */
START_TEST(neighbour_sleeps__held_views_do_not_change)
{
    struct fmnist_spec spec = shared_spec(FMNIST_SHM);
    struct fmnist_stream *slow = open_stream(client, &spec), *fast = open_stream(client, &spec);
    struct fmnist_batch held[3];
    uint8_t *copy = malloc(3 * 8 * 784);
    uint32_t slots = info_of(fast).slot_count;
    expect(fast, 0, 10);
    for (uint32_t i = 0; i < 3; i++) {
        must(fmnist_next(fast, &held[i]));
        memcpy(copy + i * 8 * 784, held[i].images, 8 * 784);
    }
    expect(fast, 13, slots + 9); /* past the ring's end: in a ring of its own */
    expect(slow, 0, slots + 9);  /* all but what the held views keep */
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_msg(!memcmp(copy + i * 8 * 784, held[i].images, 8 * 784), "view %u changed", i);
        check_bytes(&all, &held[i]);
    }
    for (uint32_t i = 0; i < 3; i++)
        must(fmnist_release(fast, &held[2 - i]));
    expect(slow, slots + 9, events);
    expect(fast, slots + 9, events);
    free(copy);
    fmnist_close(slow);
    fmnist_close(fast);
}
END_TEST

/* No memory for another ring: then it waits, as long as it takes and no longer. */
START_TEST(neighbour_sleeps__no_memory_for_a_ring__waits_for_it)
{
    struct fmnist_spec spec = shared_spec(FMNIST_SHM);
    struct fmnist_client *hasty = connect_within(&d, 200);
    struct fmnist_stream *slow = open_stream(client, &spec), *fast = open_stream(hasty, &spec);
    uint32_t i = 0;
    struct fmnist_batch b;
    int rc;
    while ((rc = fmnist_next(fast, &b)) == FMNIST_OK) {
        i++;
        must(fmnist_release(fast, &b));
    }
    must_be(rc, FMNIST_ETIMEDOUT, "next", __FILE__, __LINE__);
    for (uint32_t k = 0; k < i; k++)
        expect(slow, k, k + 1);
    for (; i < events; i++) {
        expect(fast, i, i + 1);
        expect(slow, i, i + 1);
    }
    fmnist_close(slow);
    fmnist_close(fast);
    fmnist_disconnect(hasty);
}
END_TEST

/* ---- many, at random ----------------------------------------------------------------------- */

static void nap(uint64_t us)
{
    struct timespec t = {.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};
    nanosleep(&t, NULL);
}

/* Reads the whole run with random naps, pauses, batches held, and reopening from a token. Returns
 * 0, or the number of what went wrong. */
static int live(uint64_t random, uint32_t transport, bool dies)
{
    struct fmnist_connect_options o = {.size = sizeof o, .socket = d.socket};
    struct fmnist_client *own;
    struct fmnist_stream *stream;
    struct fmnist_spec spec = shared_spec(transport);
    if (fmnist_connect(&o, &own) || fmnist_open(own, &spec, NULL, &stream))
        return 1;
    struct fmnist_batch held[2];
    uint8_t copies[2][8 * 784];
    uint32_t holds = 0;
    uint64_t death = dies ? next_random(&random) % events : UINT64_MAX;
    for (uint32_t i = 0; i < events; i++) {
        if (i == death)
            raise(SIGKILL);
        uint64_t what = next_random(&random) % 100;
        if (what < 20)
            nap(next_random(&random) % 1500);
        else if (what < 22)
            nap(15000);
        if (what == 99 && !holds) {
            struct fmnist_token token;
            if (fmnist_stream_token(stream, &token))
                return 2;
            fmnist_close(stream);
            if (fmnist_open(own, &spec, &token, &stream))
                return 3;
        }
        /* A held batch is the next event too: it is looked at before it is given back. */
        if (holds && what % 2) {
            holds--;
            if (memcmp(copies[holds], held[holds].images, held[holds].count * 784) ||
                fmnist_release(stream, &held[holds]))
                return 4;
        }
        if (transport == FMNIST_SHM && what >= 60 && what < 70 && holds < 2 &&
            solo[i] > FMNIST_END_OF_STREAM) {
            if (fmnist_next(stream, &held[holds]))
                return 5;
            memcpy(copies[holds], held[holds].images, held[holds].count * 784);
            holds++;
        } else if (hash_next(stream) != solo[i]) {
            return 6;
        }
    }
    fmnist_close(stream);
    fmnist_disconnect(own);
    return 0;
}

START_TEST(many_clients__naps_pauses_deaths_and_seeks__every_byte_as_alone)
{
    static const int counts[] = {2, 5, 16};
    for (int round = 0; round < 3; round++) {
        pid_t pids[16];
        for (int k = 0; k < counts[round]; k++) {
            bool dies = k % 4 == 3;
            uint32_t transport = _i == 2 ? (k % 2 ? FMNIST_INLINE : FMNIST_SHM)
                                 : _i    ? FMNIST_INLINE
                                         : FMNIST_SHM;
            pids[k] = fork();
            ck_assert_int_ge(pids[k], 0);
            if (pids[k] == 0)
                _exit(live((uint64_t)(round * 100 + k * 7 + 1) * 0x9e3779b97f4a7c15u, transport,
                           dies));
        }
        for (int k = 0; k < counts[round]; k++) {
            int status;
            ck_assert_int_eq(waitpid(pids[k], &status, 0), pids[k]);
            if (k % 4 == 3)
                ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
            else
                ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
                              "client %d of %d ended with status 0x%x", k, counts[round], status);
        }
        wait_for_clients(client, 1);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("sharing");
    TCase *t = tcase_create("one ring");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, equal_specs__side_by_side__rendered_once);
    tcase_add_test(t, other_forms__side_by_side__rendered_once_and_each_its_own);
    tcase_add_test(t, view_wire__of_a_normalised_stream__the_samples_and_all_else_as_before);
    tcase_add_test(t, equal_specs__one_ends_early__others_go_on_in_the_ring);
    tcase_add_test(t, other_seed__rings_apart);
    tcase_add_test(t, newcomer__near_or_far__same_bytes);
    tcase_add_test(t, newcomer__before_the_ring_began__same_bytes);
    tcase_add_test(t, neighbour_sleeps__others_go_on);
    tcase_add_test(t, neighbour_sleeps__other_forms__each_is_told_as_what_it_asked_for);
    tcase_add_test(t, neighbours_sleep_in_two_rings__the_third_goes_on);
    tcase_add_test(t, neighbour_sleeps__held_views_do_not_change);
    tcase_add_loop_test(t, many_clients__naps_pauses_deaths_and_seeks__every_byte_as_alone, 0, 3);
    suite_add_tcase(s, t);
    t = tcase_create("tight");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup_tight, teardown);
    tcase_add_test(t, neighbour_sleeps__no_memory_for_a_ring__waits_for_it);
    suite_add_tcase(s, t);
    return support_run(s);
}
