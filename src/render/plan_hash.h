/* SPDX-License-Identifier: MIT */
/* render/plan_hash.h — what tells streams apart. Private to render/. Pure. */
#ifndef RENDER_PLAN_HASH_H
#define RENDER_PLAN_HASH_H

#include "render/render_plan.h"

/* Writes digest, identity and ring_id, from the canonical spec, the split and the chain. */
void render_plan_hash(struct render_plan *r);

#endif
