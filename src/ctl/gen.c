/* SPDX-License-Identifier: MIT */
/* gen-dataset: writes a drawn clothing set and says what it wrote. */
#include "ctl/json.h"
#include "ctl/synth_dataset.h"
#include "ctl/verbs.h"

#include <inttypes.h>
#include <stdio.h>

static void tell(const struct invocation *in)
{
    if (in->json)
        ctl_print_json(stdout,
                       json_pack("{s:o, s:I, s:I}", "folder", ctl_json_text(in->output), "train",
                                 (json_int_t)in->train, "test", (json_int_t)in->test));
    else
        printf("%s: %" PRIu64 " training and %" PRIu64 " test images\n", in->output, in->train,
               in->test);
}

int verb_gen_dataset(const struct invocation *in)
{
    struct err err = {""};

    int code = synth_dataset_write(in, &err);
    if (code)
        return ctl_file_error(code, "gen-dataset: %s", err.text);
    tell(in);
    return EXIT_FINE;
}
