/* fmnistctl: finds the verb and runs it. */
#include "ctl/nearest.h"
#include "ctl/verbs.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERBS_MAX 16

static int refuse_verb(const char *word)
{
    const char *names[VERBS_MAX] = {NULL};
    char all[256] = "";
    for (int i = 0; i < VERBS_MAX - 1 && verbs[i].name; i++) {
        names[i] = verbs[i].name;
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", names[i]);
    }
    const char *near = word ? nearest(word, names) : NULL;
    if (!word)
        ctl_error("no verb: want one of %s; see fmnistctl --help", all);
    else if (near)
        ctl_error("no verb \"%s\": did you mean %s? There are %s", word, near, all);
    else
        ctl_error("no verb \"%s\": there are %s", word, all);
    return EXIT_WRONG_USAGE;
}

static int run(int argc, char **argv)
{
    struct invocation in = {0};
    int at;
    int rc = options_parse_first(&in, argc, argv, &at);
    if (rc)
        return rc - 1;
    const struct verb *verb = verbs;
    while (verb->name && (at >= argc || strcmp(verb->name, argv[at]) != 0))
        verb++;
    if (!verb->name)
        return refuse_verb(at < argc ? argv[at] : NULL);
    rc = options_parse(&in, verb, argc - at, argv + at);
    return rc ? rc - 1 : verb->run(&in);
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
    int status = run(argc, argv);
    if (fflush(stdout) || ferror(stdout))
        status = ctl_error("writing to standard output: %s", strerror(errno));
    return status;
}
