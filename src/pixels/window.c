/* Windows put together, one axis at a time. An axis stays a straight line as long as it can; where
 * a border shows places again, it becomes a map. Nothing here looks at pixels. */
#include "pixels/window.h"

#include <assert.h>
#include <string.h>

void window_axis_init(struct window_axis *axis, uint32_t side, int16_t *const rooms[2])
{
    assert(side > 0 && side <= WINDOW_SIDE_MAX);
    int32_t n = (int32_t)side;
    *axis =
        (struct window_axis){.in = n, .out = n, .step = 1, .hi = n, .rooms = {rooms[0], rooms[1]}};
}

static int32_t clamp(int32_t v, int32_t most)
{
    return v < 0 ? 0 : v > most ? most : v;
}

void window_axis_crop(struct window_axis *axis, uint32_t first, uint32_t side)
{
    assert(side > 0 && (uint64_t)first + side <= (uint32_t)axis->out);
    int32_t from = (int32_t)first;
    axis->out = (int32_t)side;
    axis->first += axis->step * from;
    axis->lo = clamp(axis->lo - from, axis->out);
    axis->hi = clamp(axis->hi - from, axis->out);
    if (axis->map)
        axis->map += from;
}

static int16_t shown(const struct window_axis *axis, int32_t i)
{
    if (axis->map)
        return axis->map[i];
    return i >= axis->lo && i < axis->hi ? (int16_t)(axis->first + axis->step * i) : -1;
}

/* The next map is made in the room that the present one does not lie in. */
static int16_t *next_room(struct window_axis *axis)
{
    axis->room = axis->map ? 1 - axis->room : 0;
    return axis->rooms[axis->room];
}

void window_axis_flip(struct window_axis *axis)
{
    int32_t n = axis->out, lo = axis->lo;
    if (axis->map) {
        int16_t *map = next_room(axis);
        for (int32_t i = 0; i < n; i++)
            map[i] = axis->map[n - 1 - i];
        axis->map = map;
        return;
    }
    axis->first += axis->step * (n - 1);
    axis->step = -axis->step;
    axis->lo = n - axis->hi;
    axis->hi = n - lo;
}

/* The place 0 .. n - 1 that a border shows at i. */
static int32_t bordered(int32_t i, int32_t n, enum window_border border)
{
    if (border == WINDOW_EDGE || n == 1)
        return clamp(i, n - 1);
    int32_t back = border == WINDOW_REFLECT ? n - 1 : n; /* places until it repeats, one way */
    i %= 2 * back;
    if (i < 0)
        i += 2 * back;
    if (i < n)
        return i;
    return border == WINDOW_REFLECT ? 2 * back - i : 2 * back - 1 - i;
}

void window_axis_pad(struct window_axis *axis, uint32_t before, uint32_t behind,
                     enum window_border border)
{
    assert((uint64_t)axis->out + before + behind <= WINDOW_SIDE_MAX);
    int32_t n = axis->out, start = (int32_t)before;
    int32_t padded = n + start + (int32_t)behind;
    if (before == 0 && behind == 0)
        return;
    if (border == WINDOW_CONSTANT && !axis->map) {
        axis->first -= axis->step * start;
        axis->lo += start;
        axis->hi += start;
        axis->out = padded;
        return;
    }
    int16_t *map = next_room(axis);
    for (int32_t j = 0; j < padded; j++) {
        int32_t i = j - start;
        bool outside = border == WINDOW_CONSTANT && (i < 0 || i >= n);
        map[j] = outside ? -1 : shown(axis, bordered(i, n, border));
    }
    axis->map = map;
    axis->out = padded;
}

bool window_axis_has_outside(const struct window_axis *axis)
{
    if (!axis->map)
        return axis->lo > 0 || axis->hi < axis->out;
    for (int32_t i = 0; i < axis->out; i++)
        if (axis->map[i] < 0)
            return true;
    return false;
}

bool window_axis_is_identity(const struct window_axis *axis)
{
    return !axis->map && axis->in == axis->out && axis->first == 0 && axis->step == 1 &&
           axis->lo == 0 && axis->hi == axis->out;
}
