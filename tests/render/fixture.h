/* SPDX-License-Identifier: MIT */
/* tests/render/fixture.h — a set of 100 images, caches for it, and a spec that has them resized. */
#ifndef TESTS_RENDER_FIXTURE_H
#define TESTS_RENDER_FIXTURE_H

#include "render/caches.h"

static struct fake_set set;
static struct render_caches caches;

static void setup(void)
{
    support_setup();
    fake_set_init(&set, 100, 8, 8, 1);
    caches_init(&caches, 1 << 20);
}

static void teardown(void)
{
    caches_free(&caches);
    fake_set_free(&set);
    support_teardown();
}

static struct spec base_spec(void)
{
    struct spec s;
    spec_init(&s);
    s.batch_size = 6;
    s.order = FMNIST_ORDER_TORCH;
    s.height = s.width = 12;
    s.channels = 3;
    return s;
}

#endif
