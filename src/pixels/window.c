/* SPDX-License-Identifier: MIT */
/* Windows put together where an axis is a map: a line stays one as long as it can (window.h), and
 * becomes a map where a border shows places again. Nothing here looks at pixels. */
#include "pixels/window.h"

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

void window_map_flip(struct window_axis *axis)
{
    int32_t n = axis->out;
    int16_t *map = next_room(axis);
    for (int32_t i = 0; i < n; i++)
        map[i] = axis->map[n - 1 - i];
    axis->map = map;
}

/* The place 0 .. n - 1 that a border shows at i. */
static int32_t bordered(int32_t i, int32_t n, enum window_border border)
{
    if (border == WINDOW_EDGE || n == 1)
        return window_clamp(i, n - 1);
    int32_t back = border == WINDOW_REFLECT ? n - 1 : n; /* places until it repeats, one way */
    i %= 2 * back;
    if (i < 0)
        i += 2 * back;
    if (i < n)
        return i;
    return border == WINDOW_REFLECT ? 2 * back - i : 2 * back - 1 - i;
}

void window_map_pad(struct window_axis *axis, int32_t before, int32_t behind,
                    enum window_border border)
{
    int32_t n = axis->out, padded = n + before + behind;
    int16_t *map = next_room(axis);
    for (int32_t j = 0; j < padded; j++) {
        int32_t i = j - before;
        bool outside = border == WINDOW_CONSTANT && (i < 0 || i >= n);
        map[j] = outside ? -1 : shown(axis, bordered(i, n, border));
    }
    axis->map = map;
    axis->out = padded;
}

bool window_map_has_outside(const struct window_axis *axis)
{
    for (int32_t i = 0; i < axis->out; i++)
        if (axis->map[i] < 0)
            return true;
    return false;
}
