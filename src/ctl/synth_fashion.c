/* SPDX-License-Identifier: MIT */
/* ctl/synth_fashion.c — each garment is a short list of strokes: straight parts with a half-width
 * that changes from one end to the other, laid over each other from the first to the last. A stroke
 * of tone 0 cuts away (necklines, the space between straps).
 *
 * Garments are designed in a square from (-1, -1), top left, to (1, 1); a pose (scale, shift, turn)
 * carries the strokes, not the pixels, to the canvas, so each stroke touches only its own pixels.
 *
 * Only + - * / and sqrtf, all of them exact in IEEE arithmetic: the same bytes on every machine.
 */
#include "ctl/synth_fashion.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    TSHIRT,
    TROUSER,
    PULLOVER,
    DRESS,
    COAT,
    SANDAL,
    SHIRT,
    SNEAKER,
    BAG,
    ANKLE_BOOT,
};

#define STROKES_MAX 24

struct stroke {
    float x0, y0, x1, y1; /* the ends */
    float w0, w1;         /* half-widths there */
    float tone;           /* of the colour; 0 cuts away */
    bool round;           /* ends: half circles, or straight */
};

struct garment {
    struct stroke strokes[STROKES_MAX];
    unsigned count;
};

/* ---- chance: SplitMix64, keyed once an image ----------------------------------------------- */

static uint64_t mix(uint64_t v)
{
    v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9u;
    v = (v ^ v >> 27) * 0x94d049bb133111ebu;
    return v ^ v >> 31;
}

static uint64_t draw(uint64_t *chance)
{
    return mix(*chance += 0x9e3779b97f4a7c15u);
}

static uint64_t chance_for(const struct garment_painter *p, uint64_t number, unsigned purpose)
{
    return mix(mix(mix(p->seed + 0x9e3779b97f4a7c15u) ^ (uint64_t)p->split << 8 ^ purpose) ^
               number);
}

/* At most one draw an expression: C leaves the order within one to the compiler, and so the
 * bytes. */
static float between(uint64_t *chance, float low, float high)
{
    return low + (high - low) * ((float)(draw(chance) >> 40) * 0x1p-24f);
}

static bool chance_of(uint64_t *chance, float probability)
{
    return between(chance, 0, 1) < probability;
}

/* ---- the ten designs ----------------------------------------------------------------------- */

static void add(struct garment *g, struct stroke stroke)
{
    g->strokes[g->count++] = stroke;
}

/* The same stroke on both sides. */
static void add_pair(struct garment *g, struct stroke s)
{
    add(g, s);
    s.x0 = -s.x0;
    s.x1 = -s.x1;
    add(g, s);
}

/* What the four kinds of tops have in common, and where they differ only by degrees. */
struct top {
    float shoulder, waist, hem; /* half-widths */
    float bottom;               /* y of the hem */
    float sleeve;               /* length, 0 .. 1: the wrist at the hem's height */
    float sleeve_width;
    float neck; /* depth of the neckline */
};

static void add_top(struct garment *g, const struct top *t, uint64_t *chance)
{
    float reach = between(chance, 0.16f, 0.34f); /* how far sleeves stand off */
    float wrist_x = t->shoulder + reach * (0.5f + 0.5f * t->sleeve);
    float wrist_y = -0.7f + t->sleeve * (t->bottom + 0.55f);

    add_pair(g, (struct stroke){t->shoulder - 0.06f, -0.66f, wrist_x, wrist_y,
                                t->sleeve_width * 1.25f, t->sleeve_width, 0.92f, false});
    add(g, (struct stroke){0, -0.82f, 0, 0, t->shoulder, t->waist, 1, false});
    add(g, (struct stroke){0, -0.02f, 0, t->bottom, t->waist, t->hem, 1, false});
    add(g, (struct stroke){0, -0.9f, 0, -0.86f + t->neck, between(chance, 0.14f, 0.26f), 0.1f, 0,
                           true});
}

static void add_buttons(struct garment *g, float bottom, uint64_t *chance)
{
    float width = between(chance, 0.015f, 0.04f), tone = between(chance, 0.35f, 0.8f);
    float off = between(chance, -0.06f, 0.06f);

    add(g, (struct stroke){off, -0.7f, off, bottom, width, width, tone, false});
}

static void design_tshirt(struct garment *g, uint64_t *chance)
{
    struct top t;

    t.shoulder = between(chance, 0.42f, 0.56f);
    t.waist = between(chance, 0.38f, 0.52f);
    t.hem = between(chance, 0.4f, 0.54f);
    t.bottom = between(chance, 0.7f, 0.95f);
    t.sleeve =
        chance_of(chance, 0.1f) ? between(chance, 0.5f, 0.9f) : between(chance, 0.15f, 0.42f);
    t.sleeve_width = between(chance, 0.13f, 0.2f);
    t.neck = between(chance, 0.06f, 0.24f);

    add_top(g, &t, chance);
    if (chance_of(chance, 0.4f)) { /* a print */
        float size = between(chance, 0.1f, 0.26f), y = between(chance, -0.3f, 0.1f);
        add(g, (struct stroke){-size / 2, y, size / 2, y, size, size, between(chance, 0.3f, 0.8f),
                               true});
    }
}

static void design_pullover(struct garment *g, uint64_t *chance)
{
    struct top t;

    t.shoulder = between(chance, 0.4f, 0.54f);
    t.waist = between(chance, 0.38f, 0.54f);
    t.hem = between(chance, 0.36f, 0.52f);
    t.bottom = between(chance, 0.65f, 0.92f);
    t.sleeve = between(chance, 0.75f, 1.0f);
    t.sleeve_width = between(chance, 0.11f, 0.17f);
    t.neck = between(chance, 0.02f, 0.16f);

    add_top(g, &t, chance);
    if (chance_of(chance, 0.6f)) /* the ribbed hem */
        add(g, (struct stroke){0, t.bottom - 0.12f, 0, t.bottom, t.hem, t.hem * 0.95f,
                               between(chance, 0.6f, 0.85f), false});
}

static void design_coat(struct garment *g, uint64_t *chance)
{
    struct top t;

    t.shoulder = between(chance, 0.4f, 0.54f);
    t.waist = between(chance, 0.36f, 0.52f);
    t.hem = between(chance, 0.42f, 0.62f);
    t.bottom = between(chance, 0.82f, 1.0f);
    t.sleeve = between(chance, 0.72f, 0.95f);
    t.sleeve_width = between(chance, 0.12f, 0.18f);
    t.neck = between(chance, 0.04f, 0.3f);

    add_top(g, &t, chance);
    add_buttons(g, t.bottom, chance);
    if (chance_of(chance, 0.6f)) { /* lapels */
        float end = between(chance, -0.35f, 0), tone = between(chance, 0.55f, 0.85f);

        add_pair(g, (struct stroke){0.2f, -0.8f, 0.03f, end, 0.07f, 0.02f, tone, true});
    }
}

static void design_shirt(struct garment *g, uint64_t *chance)
{
    struct top t;

    t.shoulder = between(chance, 0.4f, 0.54f);
    t.waist = between(chance, 0.36f, 0.52f);
    t.hem = between(chance, 0.38f, 0.56f);
    t.bottom = between(chance, 0.7f, 0.97f);
    t.sleeve = chance_of(chance, 0.3f) ? between(chance, 0.2f, 0.5f) : between(chance, 0.7f, 0.95f);
    t.sleeve_width = between(chance, 0.1f, 0.18f);
    t.neck = between(chance, 0.04f, 0.26f);

    add_top(g, &t, chance);
    if (chance_of(chance, 0.65f))
        add_buttons(g, t.bottom, chance);
    if (chance_of(chance, 0.6f)) /* the collar */
        add_pair(g, (struct stroke){0.08f, -0.72f, 0.2f, -0.84f, 0.05f, 0.07f,
                                    between(chance, 0.7f, 1.2f), true});
}

static void design_trouser(struct garment *g, uint64_t *chance)
{
    float waist = between(chance, 0.24f, 0.36f), bottom = between(chance, 0.82f, 1.0f);
    float leg = waist * between(chance, 0.44f, 0.54f), foot = leg * between(chance, 0.55f, 1.1f);
    float spread = between(chance, 0, 0.14f);

    add_pair(g, (struct stroke){waist - leg, -0.6f, waist - leg + spread, bottom, leg * 1.05f, foot,
                                1, false});
    add(g, (struct stroke){0, -0.95f, 0, between(chance, -0.4f, -0.15f), waist * 0.9f,
                           waist * 1.05f, 1, false});
    if (chance_of(chance, 0.7f)) /* the belt */
        add(g, (struct stroke){-waist, -0.9f, waist, -0.9f, 0.05f, 0.05f,
                               between(chance, 0.4f, 0.8f), false});
}

static void design_dress(struct garment *g, uint64_t *chance)
{
    float bust = between(chance, 0.2f, 0.34f), waist = bust * between(chance, 0.65f, 1.0f);
    float hem = between(chance, 0.26f, 0.56f), bottom = between(chance, 0.8f, 1.0f);
    float middle = between(chance, -0.3f, 0.05f);

    if (chance_of(chance, 0.35f)) { /* sleeves */
        float reach = between(chance, 0.1f, 0.24f), end = between(chance, -0.4f, 0.35f);

        add_pair(g, (struct stroke){bust, -0.68f, bust + reach, end, 0.11f, 0.08f, 0.9f, false});
    } else { /* straps */
        add_pair(g, (struct stroke){bust * 0.6f, -0.97f, bust * 0.75f, -0.6f, 0.06f, 0.08f, 0.9f,
                                    false});
    }
    add(g, (struct stroke){0, -0.78f, 0, middle, bust, waist, 1, false});
    add(g, (struct stroke){0, middle - 0.02f, 0, bottom, waist, hem, 1, false});
    add(g, (struct stroke){0, -0.9f, 0, -0.75f, bust * 0.5f, bust * 0.3f, 0, true});
}

/* The three kinds of shoes point left and stand on y = 0.5; the sole is theirs in common. */
static void add_sole(struct garment *g, float thickness, float heel, float tone)
{
    add(g, (struct stroke){-0.88f, 0.5f - thickness, 0.86f, 0.5f - thickness, thickness, thickness,
                           tone, true});
    if (heel > 0)
        add(g, (struct stroke){0.68f, 0.45f, 0.7f, 0.5f + heel, 0.17f, 0.11f, tone, false});
}

static void design_sandal(struct garment *g, uint64_t *chance)
{
    float lift = chance_of(chance, 0.4f) ? between(chance, 0.2f, 0.5f) : 0;
    unsigned straps = 2 + (unsigned)(draw(chance) % 4);
    float height = between(chance, 0.2f, 0.55f);
    float toe = between(chance, 0.05f, 0.09f), heel = between(chance, 0.05f, 0.12f);

    add(g, (struct stroke){-0.85f, 0.5f, 0.75f, 0.46f - lift, toe, heel, 0.9f, true});
    if (lift > 0)
        add(g, (struct stroke){0.72f, 0.42f - lift, 0.74f, 0.58f, 0.12f, 0.06f, 0.8f, false});
    for (unsigned i = 0; i < straps; i++) {
        float x = between(chance, -0.7f, 0.6f), lean = between(chance, -0.25f, 0.35f);
        float along = (x + 0.85f) / 1.6f;
        float foot = 0.48f - lift * along, width = between(chance, 0.04f, 0.09f);

        add(g, (struct stroke){x, foot, x + lean, foot - height * (0.6f + along), width, width,
                               between(chance, 0.6f, 1.1f), true});
    }
    if (chance_of(chance, 0.5f)) /* around the ankle */
        add(g, (struct stroke){0.15f, 0.1f - lift, 0.8f, 0.05f - lift, 0.05f, 0.05f, 0.9f, true});
}

static void design_sneaker(struct garment *g, uint64_t *chance)
{
    float top = between(chance, -0.15f, 0.12f), toe = between(chance, 0.1f, 0.2f);
    float sole = between(chance, 0.05f, 0.1f), tone = between(chance, 0.5f, 1.25f);

    add(g, (struct stroke){-0.75f, 0.38f, 0.25f, 0.22f, toe, 0.26f, 1, true});
    add(g, (struct stroke){0.05f, 0.24f, 0.68f, 0.2f, 0.2f, 0.25f, 1, true});
    add(g, (struct stroke){0.62f, top, 0.66f, 0.4f, 0.2f, 0.22f, 0.9f, false});
    add_sole(g, sole, 0, tone);
    for (unsigned i = 0; i < 3; i++) /* laces, or the maker's stripes */
        add(g, (struct stroke){-0.3f + 0.17f * (float)i, 0.08f, -0.18f + 0.17f * (float)i, 0.3f,
                               0.03f, 0.03f, between(chance, 0.3f, 1.2f), false});
}

static void design_ankle_boot(struct garment *g, uint64_t *chance)
{
    float shaft = between(chance, 0.24f, 0.36f), x = between(chance, 0.36f, 0.5f);
    float sole = between(chance, 0.04f, 0.09f), tone = between(chance, 0.5f, 1);
    float heel = chance_of(chance, 0.6f) ? between(chance, 0.1f, 0.4f) : 0;
    float top =
        chance_of(chance, 0.15f) ? between(chance, -0.4f, -0.1f) : between(chance, -0.95f, -0.45f);

    add(g,
        (struct stroke){-0.75f, 0.36f, 0.3f, 0.15f, between(chance, 0.12f, 0.2f), 0.3f, 1, true});
    add(g, (struct stroke){x, top, x, 0.42f, shaft, shaft * 1.1f, 1, false});
    add_sole(g, sole, heel, tone);
    if (chance_of(chance, 0.4f)) /* the zip, or elastic */
        add(g, (struct stroke){x, top + 0.1f, x - 0.05f, 0.2f, 0.05f, 0.05f,
                               between(chance, 0.3f, 0.7f), false});
}

static void design_bag(struct garment *g, uint64_t *chance)
{
    float half = between(chance, 0.5f, 0.85f), height = between(chance, 0.3f, 0.55f);
    float handle = between(chance, 0.15f, 0.6f), grip = half * between(chance, 0.3f, 0.7f);
    float middle = between(chance, 0.15f, 0.4f), top = middle - height;
    float thin = between(chance, 0.03f, 0.07f);

    if (chance_of(chance, 0.85f)) {
        add_pair(g, (struct stroke){grip, top, grip * 0.8f, top - handle, thin, thin, 0.8f, true});
        add(g, (struct stroke){-grip * 0.8f, top - handle, grip * 0.8f, top - handle, thin, thin,
                               0.8f, true});
    }
    add(g, (struct stroke){0, top, 0, middle + height, half * between(chance, 0.75f, 1.05f), half,
                           1, false});
    if (chance_of(chance, 0.6f)) { /* the flap */
        float end = top + height * between(chance, 0.3f, 1), tone = between(chance, 0.6f, 0.9f);

        add(g, (struct stroke){0, top, 0, end, half * 0.95f, half * 0.8f, tone, false});
    }
    if (chance_of(chance, 0.6f)) /* the clasp */
        add(g, (struct stroke){0, middle - 0.05f, 0, middle + 0.05f, 0.07f, 0.07f,
                               between(chance, 0.2f, 1.4f), true});
}

static void (*const designs[GARMENT_CLASSES])(struct garment *g, uint64_t *chance) = {
    [TSHIRT] = design_tshirt,         [TROUSER] = design_trouser, [PULLOVER] = design_pullover,
    [DRESS] = design_dress,           [COAT] = design_coat,       [SANDAL] = design_sandal,
    [SHIRT] = design_shirt,           [SNEAKER] = design_sneaker, [BAG] = design_bag,
    [ANKLE_BOOT] = design_ankle_boot,
};

/* ---- from the design to pixels ------------------------------------------------------------- */

struct pose {
    float scale_x, scale_y; /* pixels a design unit */
    float x, y;             /* where (0, 0) lies, pixels */
    float cosine, sine;
};

static struct pose pose_draw(uint32_t size, uint64_t *chance)
{
    /* (1 - t^2, 2t) / (1 + t^2) is a turn by 2 atan t: no libm, whose last bit may differ. */
    float t = between(chance, -0.08f, 0.08f);
    float unit = (float)size / 2;

    struct pose pose;

    pose.scale_x = unit * between(chance, 0.76f, 1.0f);
    pose.scale_y = unit * between(chance, 0.76f, 1.0f);
    pose.x = unit * between(chance, 0.88f, 1.12f);
    pose.y = unit * between(chance, 0.88f, 1.12f);
    pose.cosine = (1 - t * t) / (1 + t * t);
    pose.sine = 2 * t / (1 + t * t);
    return pose;
}

static struct stroke posed(const struct stroke *s, const struct pose *p)
{
    float x0 = s->x0 * p->scale_x, y0 = s->y0 * p->scale_y;
    float x1 = s->x1 * p->scale_x, y1 = s->y1 * p->scale_y;
    float width_scale = (p->scale_x + p->scale_y) / 2;
    struct stroke out = *s;

    out.x0 = p->x + x0 * p->cosine - y0 * p->sine;
    out.y0 = p->y + x0 * p->sine + y0 * p->cosine;
    out.x1 = p->x + x1 * p->cosine - y1 * p->sine;
    out.y1 = p->y + x1 * p->sine + y1 * p->cosine;
    out.w0 = s->w0 * width_scale;
    out.w1 = s->w1 * width_scale;
    return out;
}

static float clamp(float v, float low, float high)
{
    return v < low ? low : v > high ? high : v;
}

/* How much of the pixel around (x, y) the stroke covers, 0 .. 1, from the distance to its edge. */
static float coverage(const struct stroke *s, float length, float x, float y)
{
    float along_x = (s->x1 - s->x0) / length, along_y = (s->y1 - s->y0) / length;
    float dx = x - s->x0, dy = y - s->y0;
    float along = dx * along_x + dy * along_y, across = fabsf(dx * along_y - dy * along_x);
    float nearest = clamp(along, 0, length);
    float width = s->w0 + (s->w1 - s->w0) * nearest / length;
    float beyond = fabsf(along - nearest);

    if (s->round)
        return clamp(width - sqrtf(across * across + beyond * beyond) + 0.5f, 0, 1);
    return clamp(width - across + 0.5f, 0, 1) *
           clamp(0.5f + (along < length - along ? along : length - along), 0, 1);
}

static void lay(struct garment_painter *p, const struct stroke *s, float colour)
{
    float dx = s->x1 - s->x0, dy = s->y1 - s->y0;
    float length = sqrtf(dx * dx + dy * dy) + 1e-3f;
    float margin = (s->w0 > s->w1 ? s->w0 : s->w1) + 1, edge = (float)p->size;
    uint32_t left = (uint32_t)clamp((s->x0 < s->x1 ? s->x0 : s->x1) - margin, 0, edge);
    uint32_t right = (uint32_t)clamp((s->x0 > s->x1 ? s->x0 : s->x1) + margin + 1, 0, edge);
    uint32_t top = (uint32_t)clamp((s->y0 < s->y1 ? s->y0 : s->y1) - margin, 0, edge);
    uint32_t bottom = (uint32_t)clamp((s->y0 > s->y1 ? s->y0 : s->y1) + margin + 1, 0, edge);
    float level = clamp(colour * s->tone, 0, 1);

    for (uint32_t y = top; y < bottom; y++)
        for (uint32_t x = left; x < right; x++) {
            float *pixel = p->canvas + (size_t)y * p->size + x;
            float covered = coverage(s, length, (float)x + 0.5f, (float)y + 0.5f);

            *pixel += (level - *pixel) * covered;
        }
}

/* Stripes, or checks where both directions have some; and how rough the cloth is. */
struct cloth {
    float depth;            /* of stripes; 0: plain */
    float stripes, columns; /* over the image's height and width */
    float phase;
    float shade; /* brighter at one side */
    float noise;
};

static struct cloth cloth_draw(uint64_t *chance)
{
    struct cloth c = {0};

    c.shade = between(chance, -0.35f, 0.35f);
    c.noise = between(chance, 0.02f, 0.22f);
    c.phase = between(chance, 0, 1);

    if (chance_of(chance, 0.35f)) {
        c.depth = between(chance, 0.1f, 0.7f);
        c.stripes = between(chance, 0, 12);
        c.columns = chance_of(chance, 0.5f) ? between(chance, 0, 12) : 0;
    }
    return c;
}

/* 0 .. 1 .. 0 once a period. */
static float wave(float v)
{
    float part = v - (float)(int)v;
    return part < 0.5f ? part * 2 : 2 - part * 2;
}

static void finish(const struct garment_painter *p, const struct cloth *c, uint64_t *chance,
                   uint8_t *pixels)
{
    float unit = 1 / (float)p->size;

    for (uint32_t y = 0; y < p->size; y++)
        for (uint32_t x = 0; x < p->size; x++) {
            size_t at = (size_t)y * p->size + x;
            float level = p->canvas[at], across = (float)x * unit, down = (float)y * unit;

            if (level <= 0) {
                pixels[at] = 0;
                continue;
            }
            level *=
                1 -
                c->depth *
                    (wave(down * c->stripes + c->phase) + wave(across * c->columns + c->phase)) / 2;
            level *= 1 + c->shade * (across - 0.5f);
            level *= 1 + between(chance, -c->noise, c->noise);
            pixels[at] = (uint8_t)(clamp(level, 0, 1) * 255 + 0.5f);
        }
}

/* ---- the painter --------------------------------------------------------------------------- */

enum { CHANCE_LABELS = 1, CHANCE_IMAGE };

int painter_init(struct garment_painter *p, uint64_t seed, uint32_t split, uint32_t size,
                 struct err *err)
{
    *p = (struct garment_painter){.seed = seed, .split = split, .size = size};
    p->canvas = malloc((size_t)size * size * sizeof *p->canvas);
    return p->canvas ? 0 : err_set(err, -ENOMEM, "no memory for an image of %ux%u", size, size);
}

void painter_close(struct garment_painter *p)
{
    free(p->canvas);
    *p = (struct garment_painter){0};
}

uint8_t painter_label(const struct garment_painter *p, uint64_t index)
{
    uint64_t chance = chance_for(p, index / GARMENT_CLASSES, CHANCE_LABELS);
    uint8_t order[GARMENT_CLASSES] = {0};

    for (unsigned i = 0; i < GARMENT_CLASSES; i++) { /* Fisher-Yates, from the inside out */
        unsigned j = (unsigned)(draw(&chance) % (i + 1));

        if (j != i)
            order[i] = order[j];
        order[j] = (uint8_t)i;
    }
    return order[index % GARMENT_CLASSES];
}

void painter_draw(struct garment_painter *p, uint64_t index, uint8_t *pixels)
{
    uint64_t chance = chance_for(p, index, CHANCE_IMAGE);
    struct garment g = {.count = 0};

    designs[painter_label(p, index)](&g, &chance);
    struct pose pose = pose_draw(p->size, &chance);
    struct cloth cloth = cloth_draw(&chance);
    float colour = between(&chance, 0.25f, 1.0f);

    memset(p->canvas, 0, (size_t)p->size * p->size * sizeof *p->canvas);
    for (unsigned i = 0; i < g.count; i++) {
        struct stroke s = posed(&g.strokes[i], &pose);

        lay(p, &s, colour);
    }
    finish(p, &cloth, &chance, pixels);
}
