/* gen-dataset: writes a drawn clothing set and says what it wrote. */
#include "ctl/synth_dataset.h"
#include "ctl/verbs.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

static int tell(const struct invocation *in)
{
    if (!in->json) {
        printf("%s: %" PRIu64 " training and %" PRIu64 " test images\n", in->output, in->train,
               in->test);
        return EXIT_FINE;
    }
    json_t *summary = json_pack("{s:s, s:I, s:I}", "folder", in->output, "train",
                                (json_int_t)in->train, "test", (json_int_t)in->test);
    if (!summary)
        return ctl_error("gen-dataset: %s: a name that JSON cannot carry", in->output);
    json_dumpf(summary, stdout, JSON_PRESERVE_ORDER);
    putchar('\n');
    json_decref(summary);
    return EXIT_FINE;
}

int verb_gen_dataset(const struct invocation *in)
{
    struct err err = {""};

    int code = synth_dataset_write(in, &err);
    if (code)
        return ctl_file_error(code, "gen-dataset: %s", err.text);
    return tell(in);
}
