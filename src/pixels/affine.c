/* SPDX-License-Identifier: MIT */
/* Matrices of affine maps and sizes behind them, in the order of the libraries' own double
 * arithmetic: another order gives other last bits, and those decide pixels. Must be compiled
 * without contraction and without value-changing float options. */
#include "pixels/affine.h"

#include <math.h>

static double radians(double degrees)
{
    return degrees * (M_PI / 180.0);
}

void affine_matrix(const struct affine_params *p, double m[6])
{
    double rotation = radians(p->angle), sx = radians(p->shear_x), sy = radians(p->shear_y);
    double from_x = p->center_x + p->x, from_y = p->center_y + p->y;
    double cos_sy = cos(sy), tan_sx = tan(sx);
    double cos_less = cos(rotation - sy), sin_less = sin(rotation - sy);
    double a = cos_less / cos_sy, c = sin_less / cos_sy, b, d;
    if (p->api == 1) {
        b = -cos_less * tan_sx / cos_sy - sin(rotation);
        d = -sin_less * tan_sx / cos_sy + cos(rotation);
    } else {
        b = -(a * tan_sx + sin(rotation));
        d = cos(rotation) - c * tan_sx;
    }
    m[0] = d / p->scale;
    m[1] = -b / p->scale;
    m[3] = -c / p->scale;
    m[4] = a / p->scale;
    if (p->api == 1) {
        m[2] = 0.0 / p->scale + (m[0] * -from_x + m[1] * -from_y) + p->center_x;
        m[5] = 0.0 / p->scale + (m[3] * -from_x + m[4] * -from_y) + p->center_y;
    } else {
        m[2] = p->center_x - m[0] * from_x - m[1] * from_y;
        m[5] = p->center_y - m[3] * from_x - m[4] * from_y;
    }
}

double affine_modulo_360(double angle)
{
    double r = fmod(angle, 360.0);
    return r < 0 ? r + 360.0 : r;
}

int affine_quarter_turns(double angle, uint32_t height, uint32_t width, bool turns_size)
{
    angle = affine_modulo_360(angle);
    bool turns_sides = turns_size || height == width;
    if (angle == 0.0)
        return 0;
    if (angle == 180.0)
        return 2;
    if (angle == 90.0 && turns_sides)
        return 1;
    if (angle == 270.0 && turns_sides)
        return 3;
    return -1;
}

/* Python's round(x, 15) for |x| <= 1: to the nearest decimal number, and to the nearest double from
 * there. The product's own error, which fma tells, decides where it lies on a half. */
static double round_15(double x)
{
    const double unit = 1e15;
    double product = x * unit, error = fma(x, unit, -product);
    double whole = rint(product), rest = product - whole;
    if (rest == 0.5 && error > 0.0)
        whole += 1.0;
    else if (rest == -0.5 && error < 0.0)
        whole -= 1.0;
    return whole / unit;
}

static double map_x(const double m[6], double x, double y)
{
    return m[0] * x + m[1] * y + m[2];
}

static double map_y(const double m[6], double x, double y)
{
    return m[3] * x + m[4] * y + m[5];
}

void affine_pillow_rotation(double angle, double center_x, double center_y, double m[6])
{
    double t = -radians(affine_modulo_360(angle));
    m[0] = m[4] = round_15(cos(t));
    m[1] = round_15(sin(t));
    m[3] = -m[1];
    m[2] = m[5] = 0.0;
    double x = map_x(m, -center_x, -center_y), y = map_y(m, -center_x, -center_y);
    m[2] = x + center_x;
    m[5] = y + center_y;
}

static double least(const double v[4])
{
    return fmin(fmin(v[0], v[1]), fmin(v[2], v[3]));
}

static double largest(const double v[4])
{
    return fmax(fmax(v[0], v[1]), fmax(v[2], v[3]));
}

void affine_pillow_expand(double m[6], uint32_t *height, uint32_t *width)
{
    double w = *width, h = *height;
    double x[4] = {map_x(m, 0, 0), map_x(m, w, 0), map_x(m, w, h), map_x(m, 0, h)};
    double y[4] = {map_y(m, 0, 0), map_y(m, w, 0), map_y(m, w, h), map_y(m, 0, h)};
    double new_w = ceil(largest(x)) - floor(least(x)), new_h = ceil(largest(y)) - floor(least(y));
    double move_x = -(new_w - w) / 2.0, move_y = -(new_h - h) / 2.0;
    double x0 = map_x(m, move_x, move_y), y0 = map_y(m, move_x, move_y);
    m[2] = x0;
    m[5] = y0;
    *width = (uint32_t)new_w;
    *height = (uint32_t)new_h;
}

/* Towards 0 to a multiple of 1e-4, so that a value that is a whole number but for its last bits
 * does not count as the next one. */
static float cut_4(float v, uint32_t api)
{
    return truncf(api == 1 ? v / 1e-4f : v * 10000.0f) * 1e-4f;
}

static uint32_t tensor_side(float m0, float m1, float m2, float half_w, float half_h, float half,
                            uint32_t api)
{
    float least_v = INFINITY, largest_v = -INFINITY;
    for (int corner = 0; corner < 4; corner++) {
        float x = corner & 1 ? half_w : -half_w, y = corner & 2 ? half_h : -half_h;
        float v = m0 * x + m1 * y + m2;
        least_v = fminf(least_v, v);
        largest_v = fmaxf(largest_v, v);
    }
    float side = ceilf(cut_4(largest_v + half, api)) - floorf(cut_4(least_v + half, api));
    return side >= 1.0f ? (uint32_t)side : 1;
}

void affine_tensor_expand(const double m[6], uint32_t api, uint32_t *height, uint32_t *width)
{
    float half_w = 0.5f * (float)*width, half_h = 0.5f * (float)*height;
    float t[6];
    for (int i = 0; i < 6; i++)
        t[i] = (float)m[i];
    *width = tensor_side(t[0], t[1], t[2], half_w, half_h, half_w, api);
    *height = tensor_side(t[3], t[4], t[5], half_w, half_h, half_h, api);
}
