/* SPDX-License-Identifier: MIT */
/* The table of state and frame. A piece of a list, which is read straight to its place, is the
 * session's. */
#include "requests/table.h"

#include "fmnist.h"
#include "requests/admin.h"
#include "requests/inquiries.h"
#include "requests/migrate.h"
#include "requests/open.h"

#include <assert.h>

#define ANY_SIZE SIZE_MAX /* the handler looks at it */

/* How a frame is answered. Returns false where it has no place. */
struct rule {
    bool (*answer)(struct session *s, const uint8_t *body, size_t size);
    size_t size; /* of the body */
};

static const struct rule rules[SESSION_STATES][WIRE_RELOAD + 1] = {
    [SESSION_HELLO] =
        {
            [WIRE_HELLO] = {admin_hello, ANY_SIZE},
        },
    [SESSION_IDLE] =
        {
            [WIRE_DATASETS] = {inquiries_datasets, 0},
            [WIRE_STATUS] = {inquiries_status, 0},
            [WIRE_RELOAD] = {admin_reload, 0},
            [WIRE_OPEN] = {open_request, ANY_SIZE},
        },
    [SESSION_STREAMING] =
        {
            [WIRE_KICK] = {migrate_kick, 0},
            [WIRE_LEAVE] = {migrate_leave, 4},
        },
};

static const char *const state_names[SESSION_STATES] = {
    [SESSION_HELLO] = "before hello",
    [SESSION_IDLE] = "without a stream",
    [SESSION_OPENING] = "while opening a stream",
    [SESSION_UPLOADING] = "in a list's place",
    [SESSION_RELOADING] = "while reloading",
    [SESSION_ASKING] = "behind a question",
    [SESSION_STREAMING] = "with a stream",
};

void table_handle(struct session *s, uint16_t type, const uint8_t *body, size_t size)
{
    assert(s->state < SESSION_CLOSING);
    const struct rule *rule = type <= WIRE_RELOAD ? &rules[s->state][type] : NULL;
    bool fits = rule && rule->answer && (rule->size == ANY_SIZE || rule->size == size);
    if (fits && rule->answer(s, body, size))
        return;
    struct err e;
    err_set(&e, 0, "frame of type %u with %zu bytes is not expected %s", type, size,
            state_names[s->state]);
    session_close(s, FMNIST_EPROTO, e.text);
}
