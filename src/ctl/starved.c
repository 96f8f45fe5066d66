/* SPDX-License-Identifier: MIT */
/* Asks for the status, and looks for it. */
#include "ctl/starved.h"

#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

double starved_seconds(struct fmnist_client *client)
{
    char *text;
    if (fmnist_status(client, &text))
        return -1;
    json_t *all = json_loads(text, 0, NULL), *one;
    double seconds = -1;
    json_int_t last = -1; /* one that was closed may still be there */
    size_t i;
    json_array_foreach (json_object_get(all, "clients"), i, one) {
        const json_t *stream = json_object_get(one, "stream");
        json_int_t id = json_integer_value(json_object_get(one, "id"));
        if (!stream || id < last || json_integer_value(json_object_get(one, "pid")) != getpid())
            continue;
        last = id;
        seconds = json_number_value(json_object_get(stream, "waited_seconds"));
    }
    json_decref(all);
    free(text);
    return seconds;
}
