/* SPDX-License-Identifier: MIT */
/* fmnistctl: finds the verb and runs it. */
#include "ctl/completion.h"
#include "ctl/verbs.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What words mean that were not reached, because one before them is wrong: whether one of them is
 * that one, or with `value` the two. */
static bool has_word(int argc, char **argv, const char *word, const char *value)
{
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], word) && (!value || (i + 1 < argc && !strcmp(argv[i + 1], value))))
            return true;
    return false;
}

/* Whether a batch's bytes are what standard output is for. */
static bool has_bytes_on_stdout(int argc, char **argv)
{
    return has_word(argc, argv, "-o-", NULL) || has_word(argc, argv, "-o", "-") ||
           has_word(argc, argv, "--output=-", NULL) || has_word(argc, argv, "--output", "-");
}

static int run(int argc, char **argv, struct invocation *in)
{
    if (argc > 1 && !strcmp(argv[1], "__complete"))
        return completion_print((const char *const *)argv + 2, (size_t)argc - 2);
    int rc = options_find_verb(&argc, argv);
    if (rc)
        return rc - 1;
    const struct verb *verb = verb_find(argv[1]);
    if (!verb)
        return verb_refuse(argv[1]);
    rc = options_parse(in, verb, argc - 1, argv + 1);
    return rc ? rc - 1 : verb->run(in);
}

/* jansson, that is, which without memory leaves out parts of a text, and writes behind a buffer
 * where that could not grow. */
static void *need_memory(size_t size)
{
    void *memory = malloc(size);
    if (!memory)
        exit(ctl_error("out of memory"));
    return memory;
}

int main(int argc, char **argv)
{
    json_set_alloc_funcs(need_memory, free);
    /* A reader that left and a file that may not grow are errors of write, told where they happen.
     */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    struct invocation in = {0};
    bool json = has_word(argc, argv, "--json", NULL);
    FILE *to = has_bytes_on_stdout(argc, argv) ? stderr : stdout;
    int status = run(argc, argv, &in);
    if (json || in.json)
        failure_print(to);
    if (fflush(stdout) || ferror(stdout))
        status = ctl_error("writing to standard output: %s", strerror(errno));
    return status;
}
