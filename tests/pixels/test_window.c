/* SPDX-License-Identifier: MIT */
/* Crops, borders and flips: axes put together against the same done step by step on a list of
 * places, and pictures through them against one pixel after the other. */
#include "pixels/guarded.h"
#include "pixels/window.h"
#include "support/support.h"

#include <stdlib.h>
#include <string.h>

#define SIDE_MAX 400

struct rooms {
    int16_t row[2][SIDE_MAX], column[2][SIDE_MAX];
};

/* ---- axes ---------------------------------------------------------------------------------- */

/* What each place shows, kept the slow way. */
struct places {
    int32_t at[SIDE_MAX], count;
};

/* A border, pixel by pixel from the inside out, as its definition says. */
static void pad_places(struct places *p, int32_t before, int32_t behind, enum window_border border)
{
    int32_t n = p->count, out[SIDE_MAX], period = 2 * (border == WINDOW_REFLECT ? n - 1 : n);
    for (int32_t i = -before; i < n + behind; i++) {
        int32_t v = -1, k = i;
        if (i >= 0 && i < n) {
            v = p->at[i];
        } else if (border == WINDOW_EDGE || (border != WINDOW_CONSTANT && n == 1)) {
            v = p->at[i < 0 ? 0 : n - 1];
        } else if (border != WINDOW_CONSTANT) {
            while (k < 0 || k >= n) {
                int32_t mirror = border == WINDOW_REFLECT ? 0 : 1;
                k = k < 0 ? -k - mirror : period - k - mirror;
            }
            v = p->at[k];
        }
        out[i + before] = v;
    }
    p->count = before + n + behind;
    memcpy(p->at, out, (size_t)p->count * sizeof *out);
}

static void flip_places(struct places *p)
{
    for (int32_t i = 0; i < p->count / 2; i++) {
        int32_t v = p->at[i];
        p->at[i] = p->at[p->count - 1 - i];
        p->at[p->count - 1 - i] = v;
    }
}

static void crop_places(struct places *p, int32_t first, int32_t side)
{
    memmove(p->at, p->at + first, (size_t)side * sizeof *p->at);
    p->count = side;
}

/* The same step to both. */
static void random_step(uint64_t *rng, struct window_axis *axis, struct places *p, int32_t most)
{
    uint32_t n = (uint32_t)p->count;
    switch (random_u32(rng) % 3) {
    case 0: {
        uint32_t side = 1 + random_u32(rng) % n, first = random_u32(rng) % (n - side + 1);
        window_axis_crop(axis, first, side);
        crop_places(p, (int32_t)first, (int32_t)side);
        break;
    }
    case 1:
        window_axis_flip(axis);
        flip_places(p);
        break;
    default: {
        uint32_t room = (uint32_t)most - n, before = random_u32(rng) % (room / 2 + 1);
        uint32_t behind = random_u32(rng) % (room / 2 + 1);
        enum window_border border = random_u32(rng) % 4;
        window_axis_pad(axis, before, behind, border);
        pad_places(p, (int32_t)before, (int32_t)behind, border);
    }
    }
}

/* A random axis of at most `most` places, and what they show. */
static void random_axis(uint64_t *rng, struct window_axis *axis, struct places *p, int32_t most,
                        int16_t *const rooms[2])
{
    uint32_t side = 1 + random_u32(rng) % (uint32_t)most;
    window_axis_init(axis, side, rooms);
    p->count = (int32_t)side;
    for (int32_t i = 0; i < p->count; i++)
        p->at[i] = i;
    for (uint32_t steps = random_u32(rng) % 6; steps > 0; steps--)
        random_step(rng, axis, p, most);
}

static int32_t shown(const struct window_axis *axis, int32_t i)
{
    if (axis->map)
        return axis->map[i];
    return i >= axis->lo && i < axis->hi ? axis->first + axis->step * i : -1;
}

/* Any run of steps must show what the steps one by one show, as a line or as a map. */
START_TEST(window_axis__random_steps__shows_what_they_show)
{
    uint64_t rng = 0x1234567;
    unsigned maps = 0, outside = 0;
    for (int n = 0; n < 20000; n++) {
        struct rooms rooms;
        int16_t *const of_rows[2] = {rooms.row[0], rooms.row[1]};
        struct window_axis axis;
        struct places p;
        random_axis(&rng, &axis, &p, 40, of_rows);
        ck_assert_int_eq(axis.out, p.count);
        bool some_outside = false, same = axis.in == axis.out;
        for (int32_t i = 0; i < p.count; i++) {
            ck_assert_msg(shown(&axis, i) == p.at[i], "case %d, place %d of %d: %d, want %d", n, i,
                          p.count, shown(&axis, i), p.at[i]);
            some_outside |= p.at[i] < 0;
            same &= p.at[i] == i;
        }
        ck_assert_int_eq(window_axis_has_outside(&axis), some_outside);
        ck_assert(!window_axis_is_identity(&axis) || same);
        ck_assert(window_axis_is_identity(&axis) || !same || axis.map || p.count == 1);
        maps += axis.map != NULL;
        outside += some_outside;
    }
    ck_assert_uint_gt(maps, 2000);
    ck_assert_uint_gt(outside, 2000);
}
END_TEST

/* ---- pictures ------------------------------------------------------------------------------ */

static void check_picture(uint64_t *rng, int32_t most, enum guard_side side)
{
    struct rooms rooms;
    int16_t *const of_rows[2] = {rooms.row[0], rooms.row[1]};
    int16_t *const of_columns[2] = {rooms.column[0], rooms.column[1]};
    struct places rows, columns;
    struct window w = {.planes = 1 + random_u32(rng) % 4};
    random_axis(rng, &w.rows, &rows, most, of_rows);
    random_axis(rng, &w.columns, &columns, most, of_columns);
    size_t in_plane = (size_t)w.rows.in * (size_t)w.columns.in;
    size_t out_plane = (size_t)rows.count * (size_t)columns.count;
    struct guarded in = guarded_new(in_plane * w.planes, side);
    struct guarded out = guarded_new(out_plane * w.planes, side);
    struct guarded in_floats = guarded_new(in_plane * w.planes * sizeof(float), side);
    struct guarded out_floats = guarded_new(out_plane * w.planes * sizeof(float), side);
    const uint8_t fill[4] = {9, 80, 200, 255};
    const float fill_floats[4] = {-1.5f, 0.25f, 1e9f, 0.0f};
    random_bytes(rng, in.data, in_plane * w.planes);
    for (size_t i = 0; i < in_plane * w.planes; i++)
        ((float *)(void *)in_floats.data)[i] = (float)in.data[i] - 100.5f;
    ISA_PICK(window_levels)(&w, in.data, fill, out.data);
    ISA_PICK(window_floats)
    (&w, (const float *)(const void *)in_floats.data, fill_floats,
     (float *)(void *)out_floats.data);
    for (uint32_t p = 0; p < w.planes; p++)
        for (int32_t y = 0; y < rows.count; y++)
            for (int32_t x = 0; x < columns.count; x++) {
                int32_t row = rows.at[y], column = columns.at[x];
                bool nothing = row < 0 || column < 0;
                size_t from = p * in_plane + (size_t)(row * w.columns.in + column);
                size_t to = p * out_plane + (size_t)(y * columns.count + x);
                float want = nothing ? fill_floats[p] : (float)in.data[from] - 100.5f;
                /* An assertion that holds is not free, and these are five million. */
                if (out.data[to] != (nothing ? fill[p] : in.data[from]) ||
                    ((const float *)(const void *)out_floats.data)[to] != want)
                    ck_abort_msg("%s: plane %u, row %d, column %d", isa_names[isa_level()], p, y,
                                 x);
            }
    guarded_free(&in);
    guarded_free(&out);
    guarded_free(&in_floats);
    guarded_free(&out_floats);
}

/* Small rows go by shuffles, larger ones by runs: each level must show every pixel, and touch
 * nothing outside its buffers on either side. */
START_TEST(window__random_pictures__every_pixel_from_its_place)
{
    enum isa level = (enum isa)_i / 2;
    enum guard_side side = _i % 2 ? GUARD_BEHIND : GUARD_BEFORE;
    if (!isa_available(level))
        return;
    isa_force(level);
    uint64_t rng = 99 + (uint64_t)_i;
    for (int n = 0; n < 400; n++)
        check_picture(&rng, n % 4 == 3 ? 70 : n % 4 == 2 ? 9 : 32, side);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pixels/window");
    TCase *tc = tcase_create("window");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, window_axis__random_steps__shows_what_they_show);
    tcase_add_loop_test(tc, window__random_pictures__every_pixel_from_its_place, 0, 2 * ISA_COUNT);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
