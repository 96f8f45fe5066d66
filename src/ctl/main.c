/* fmnistctl: the options before the verb, and the verb. */
#include "ctl/verbs.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_usage(void)
{
    puts("usage: fmnistctl [--socket PATH] [--timeout MS] [--json] VERB [OPTION...]\n"
         "Shows, measures, draws and copies what fmnistd serves.\n");
    for (const struct verb *v = verbs; v->name; v++)
        printf("  %-12s %s\n", v->name, v->summary);
    puts("\n"
         "      --socket PATH  the daemon's socket; default: $FMNIST_SOCKET, else\n"
         "                     $XDG_RUNTIME_DIR/fmnistd/fmnistd.sock, else\n"
         "                     /run/fmnistd/fmnistd.sock\n"
         "      --timeout MS   the longest wait for the daemon; default 30000\n"
         "      --json         print for programs\n"
         "  -h, --help         this text; behind a verb, the verb's options\n"
         "  -V, --version      the versions of fmnistctl and of its client library\n"
         "\n"
         "Exit status: 0; 1 after a failure; 2 for wrong usage.");
}

static int parse_timeout(const char *text, uint32_t *out)
{
    char *end;
    unsigned long v = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || v == 0 || v > 86400000)
        return ctl_error("--timeout \"%s\": want milliseconds, 1 to 86400000", text);
    *out = (uint32_t)v;
    return 0;
}

static const struct verb *find_verb(const char *name)
{
    for (const struct verb *v = verbs; v->name; v++)
        if (!strcmp(v->name, name))
            return v;
    return NULL;
}

static int run(int argc, char **argv)
{
    static const struct option options[] = {
        {"socket", required_argument, NULL, 's'}, {"timeout", required_argument, NULL, 't'},
        {"json", no_argument, NULL, 'j'},         {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},      {NULL, 0, NULL, 0},
    };
    struct invocation in = {0};
    int option;
    while ((option = getopt_long(argc, argv, "+hV", options, NULL)) != -1) {
        switch (option) {
        case 's':
            in.socket = optarg;
            break;
        case 't':
            if (parse_timeout(optarg, &in.timeout_ms))
                return EXIT_WRONG_USAGE;
            break;
        case 'j':
            in.json = true;
            break;
        case 'h':
            print_usage();
            return EXIT_FINE;
        case 'V':
            printf("fmnistctl %s, libfmnist %s\n", FMNIST_VERSION, fmnist_version());
            return EXIT_FINE;
        default:
            fputs("fmnistctl: see fmnistctl --help\n", stderr);
            return EXIT_WRONG_USAGE;
        }
    }
    if (optind == argc) {
        fputs("fmnistctl: no verb: see fmnistctl --help\n", stderr);
        return EXIT_WRONG_USAGE;
    }
    const struct verb *verb = find_verb(argv[optind]);
    if (!verb) {
        ctl_error("no verb \"%s\": see fmnistctl --help", argv[optind]);
        return EXIT_WRONG_USAGE;
    }
    int rc = options_parse(&in, verb, argc - optind, argv + optind);
    return rc ? rc - 1 : verb->run(&in);
}

int main(int argc, char **argv)
{
    static char name[] = "fmnistctl"; /* getopt_long's messages begin with it */
    if (argc > 0)
        argv[0] = name;
    /* A reader that left and a file that may not grow are errors of write, told where they happen.
     */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    int status = run(argc, argv);
    if (fflush(stdout) || ferror(stdout))
        status = ctl_error("writing to standard output: %s", strerror(errno));
    return status;
}
