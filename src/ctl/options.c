/* The command line. A spec's fields are options of the same name, checked by the library. What a
 * verb cannot honour is refused by its name. */
#include "ctl/help.h"
#include "ctl/nearest.h"
#include "ctl/verbs.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Values of getopt_long for options that are no field of a spec. */
enum {
    FIELD = 256,
    INDICES,
    EPOCHS,
    BATCHES,
    COLUMNS,
    STEP,
    ROW,
    NO_READ,
    TRAIN,
    TEST,
    SIZE,
    SEED,
    RAW,
    ONCE,
    PAGES,
    SOCKET,
    TIMEOUT,
    JSON
};

#define NAMES_MAX 48 /* options of a verb */

#define SPEC_OPTIONS                                                                               \
    {"dataset", required_argument, NULL, FIELD}, {"split", required_argument, NULL, FIELD},        \
        {"batch-size", required_argument, NULL, FIELD},                                            \
        {"drop-last", optional_argument, NULL, FIELD}, {"resize", required_argument, NULL, FIELD}, \
        {"height", required_argument, NULL, FIELD}, {"width", required_argument, NULL, FIELD},     \
        {"dtype", required_argument, NULL, FIELD}, {"layout", required_argument, NULL, FIELD},     \
        {"channels", required_argument, NULL, FIELD}, {"mean", required_argument, NULL, FIELD},    \
        {"std", required_argument, NULL, FIELD}, {"label-dtype", required_argument, NULL, FIELD},  \
        {"order", required_argument, NULL, FIELD}, {"seed", required_argument, NULL, FIELD},       \
        {"epoch", required_argument, NULL, FIELD}, {"rank", required_argument, NULL, FIELD},       \
        {"world-size", required_argument, NULL, FIELD}, {"pad", required_argument, NULL, FIELD},   \
        {"transport", required_argument, NULL, FIELD},                                             \
        {"augment", required_argument, NULL, FIELD}, {"draws", required_argument, NULL, FIELD},    \
        {"views", required_argument, NULL, FIELD},                                                 \
    {                                                                                              \
        "indices", required_argument, NULL, INDICES                                                \
    }

#define AMOUNT_OPTIONS                              \
    {"epochs", required_argument, NULL, EPOCHS},    \
    {                                               \
        "batches", required_argument, NULL, BATCHES \
    }

/* Of every verb, and of none. */
#define COMMON_OPTIONS                                                                          \
    {"socket", required_argument, NULL, SOCKET}, {"timeout", required_argument, NULL, TIMEOUT}, \
        {"json", no_argument, NULL, JSON}, {"help", no_argument, NULL, 'h'},                    \
    {                                                                                           \
        NULL, 0, NULL, 0                                                                        \
    }

static const struct option first[] = {{"version", no_argument, NULL, 'V'}, COMMON_OPTIONS};
static const struct option none[] = {COMMON_OPTIONS};
static const struct option top[] = {
    {"once", no_argument, NULL, ONCE}, {"pages", required_argument, NULL, PAGES}, COMMON_OPTIONS};
static const struct option bench[] = {
    SPEC_OPTIONS, AMOUNT_OPTIONS, {"no-read", no_argument, NULL, NO_READ}, COMMON_OPTIONS};
static const struct option verify[] = {{"indices", required_argument, NULL, INDICES},
                                       COMMON_OPTIONS};
static const struct option dump[] = {
    SPEC_OPTIONS, AMOUNT_OPTIONS, {"output", required_argument, NULL, 'o'}, COMMON_OPTIONS};
static const struct option show[] = {SPEC_OPTIONS,
                                     AMOUNT_OPTIONS,
                                     {"output", required_argument, NULL, 'o'},
                                     {"columns", required_argument, NULL, COLUMNS},
                                     COMMON_OPTIONS};
static const struct option explain[] = {SPEC_OPTIONS,
                                        {"step", required_argument, NULL, STEP},
                                        {"row", required_argument, NULL, ROW},
                                        {"output", required_argument, NULL, 'o'},
                                        COMMON_OPTIONS};
static const struct option generate[] = {{"train", required_argument, NULL, TRAIN},
                                         {"test", required_argument, NULL, TEST},
                                         {"size", required_argument, NULL, SIZE},
                                         {"seed", required_argument, NULL, SEED},
                                         {"raw", no_argument, NULL, RAW},
                                         {"output", required_argument, NULL, 'o'},
                                         COMMON_OPTIONS};

static const struct option *const tables[] = {
    [OPTIONS_NONE] = none,         [OPTIONS_TOP] = top,       [OPTIONS_BENCH] = bench,
    [OPTIONS_DUMP] = dump,         [OPTIONS_SHOW] = show,     [OPTIONS_EXPLAIN] = explain,
    [OPTIONS_GENERATE] = generate, [OPTIONS_VERIFY] = verify,
};

static int wrong(const char *format, const char *a, const char *b)
{
    ctl_error(format, a, b);
    return 1 + EXIT_WRONG_USAGE;
}

static int number(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
    char *end;
    unsigned long long v = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || v < min || v > max) {
        ctl_error("--%s \"%s\": want a whole number from %llu to %llu", option, text,
                  (unsigned long long)min, (unsigned long long)max);
        return 1 + EXIT_WRONG_USAGE;
    }
    *out = v;
    return 0;
}

static int parse_timeout(struct invocation *in, const char *value)
{
    char *end;
    unsigned long v = strtoul(value, &end, 10);
    if (*value < '0' || *value > '9' || *end || v == 0 || v > 86400000)
        return wrong("--timeout \"%s\": want milliseconds, 1 to 86400000%s", value, "");
    in->timeout_ms = (uint32_t)v;
    return 0;
}

/* argv's word that getopt_long stopped at is no option of the table, or not as it is written. */
static int refuse(const char *verb, const struct option *table, int option, char **argv)
{
    const char *word = argv[optind - 1];
    char who[32] = "", name[64];
    if (*verb)
        snprintf(who, sizeof who, "%s: ", verb);
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    const char *names[NAMES_MAX] = {NULL};
    for (int i = 0; i < NAMES_MAX - 1 && table[i].name; i++)
        names[i] = table[i].name;
    const char *near = optopt ? NULL : nearest(name + 2, names);
    if (option == ':')
        ctl_error("%s%s wants a value", who, name);
    else if (optopt && strncmp(word, "--", 2) != 0)
        ctl_error("%sno option -%c", who, optopt);
    else if (optopt)
        ctl_error("%s%s takes no value", who, name);
    else if (near)
        ctl_error("%sno option %s: did you mean --%s?", who, name, near);
    else
        ctl_error("%sno option %s", who, name);
    fprintf(stderr, "fmnistctl: see fmnistctl %s%s--help\n", verb, *verb ? " " : "");
    return 1 + EXIT_WRONG_USAGE;
}

static int take(struct invocation *in, int option, const char *name)
{
    uint64_t columns;
    int rc = 0;
    switch (option) {
    case FIELD:
        if (fmnist_spec_set(&in->spec, name, optarg ? optarg : "true"))
            return wrong("--%s%s", fmnist_error(), "");
        return 0;
    case INDICES:
        in->indices = optarg;
        return 0;
    case EPOCHS:
        return number(name, optarg, 1, UINT32_MAX, &in->epochs);
    case BATCHES:
        return number(name, optarg, 1, UINT64_MAX / 2, &in->batches);
    case COLUMNS:
        rc = number(name, optarg, 1, 64, &columns);
        in->columns = rc ? 0 : (uint32_t)columns;
        return rc;
    case STEP:
        return number(name, optarg, 0, UINT64_MAX, &in->step);
    case ROW:
        return number(name, optarg, 0, UINT32_MAX, &in->row);
    case ONCE:
        in->once = true;
        return 0;
    case PAGES:
        return number(name, optarg, 1, UINT64_MAX / 2, &in->pages);
    case SOCKET:
        if (!*optarg)
            return wrong("--socket: want the path of a daemon's %s%s", "socket", "");
        in->socket = optarg;
        return 0;
    case TIMEOUT:
        return parse_timeout(in, optarg);
    case JSON:
        in->json = true;
        return 0;
    case NO_READ:
        in->no_read = true;
        return 0;
    case TRAIN:
        return number(name, optarg, 1, UINT32_MAX / 20, &in->train);
    case TEST:
        return number(name, optarg, 1, UINT32_MAX / 20, &in->test);
    case SIZE:
        return number(name, optarg, 8, 256, &in->size);
    case SEED:
        return number(name, optarg, 0, UINT64_MAX, &in->seed);
    case RAW:
        in->raw = true;
        return 0;
    case 'o':
        if (!*optarg)
            return wrong("-o: want a %s%s", "path", "");
        in->output = optarg;
        return 0;
    }
    return 0;
}

static int check(struct invocation *in, const struct verb *verb)
{
    if (in->epochs && in->batches)
        return wrong("%s: --epochs and --batches exclude each other%s", verb->name, "");
    if (in->once && in->pages)
        return wrong("%s: --once and --pages exclude each other%s", verb->name, "");
    if (in->spec.order == FMNIST_ORDER_LIST && !in->indices)
        return wrong("%s: --order list wants its list: --indices FILE is missing%s", verb->name,
                     "");
    if (in->spec.draws > FMNIST_DRAWS_COUNTER)
        return wrong("%s: --draws: want counter; other draws are handed over by a program%s",
                     verb->name, "");
    if (!verb_asks_daemon(verb) && (in->socket || in->timeout_ms))
        return wrong("%s asks no daemon: leave %s out", verb->name,
                     in->socket ? "--socket" : "--timeout");
    if (verb->options == OPTIONS_GENERATE && !in->output)
        return wrong("%s: -o FOLDER is missing%s", verb->name, "");
    if (verb->options == OPTIONS_VERIFY && !in->file_count)
        return wrong("%s: want the path of a ledger, as the daemon's config has it%s", verb->name,
                     "");
    return 0;
}

int options_parse_first(struct invocation *in, int argc, char **argv, int *verb_at)
{
    int option, index = -1;
    optind = 0;
    while ((option = getopt_long(argc, argv, "+:hV", first, &index)) != -1) {
        if (option == 'h') {
            help_print_usage();
            return 1 + EXIT_FINE;
        }
        if (option == 'V') {
            printf("fmnistctl %s, libfmnist %s\n", FMNIST_VERSION, fmnist_version());
            return 1 + EXIT_FINE;
        }
        int rc = option == '?' || option == ':' ? refuse("", first, option, argv)
                                                : take(in, option, first[index].name);
        if (rc)
            return rc;
    }
    *verb_at = optind;
    return 0;
}

int options_parse(struct invocation *in, const struct verb *verb, int argc, char **argv)
{
    const struct option *table = tables[verb->options];
    fmnist_spec_init(&in->spec);
    in->columns = 8;
    in->train = 60000;
    in->test = 10000;
    in->size = 28;
    /* Only verify has words that are no options, and those on either side of them. */
    const char *letters = verb->options == OPTIONS_VERIFY ? ":h"
                          : verb->options >= OPTIONS_DUMP ? "+:ho:"
                                                          : "+:h";
    int option, index = -1;
    optind = 0; /* again, for another vector */
    while ((option = getopt_long(argc, argv, letters, table, &index)) != -1) {
        if (option == 'h') {
            help_print(verb);
            return 1 + EXIT_FINE;
        }
        int rc = option == '?' || option == ':'
                     ? refuse(verb->name, table, option, argv)
                     : take(in, option, index < 0 ? "" : table[index].name);
        if (rc)
            return rc;
        index = -1;
    }
    if (optind < argc && !strcmp(argv[optind - 1], "--drop-last"))
        return wrong("%s: \"%s\" behind --drop-last: write --drop-last=true or =false", verb->name,
                     argv[optind]);
    if (verb->options == OPTIONS_VERIFY) {
        in->files = (const char *const *)argv + optind;
        in->file_count = (size_t)(argc - optind);
    } else if (optind < argc)
        return wrong("%s: unexpected argument \"%s\"", verb->name, argv[optind]);
    int rc = check(in, verb);
    if (rc)
        return rc;
    if (!in->epochs && !in->batches) {
        in->epochs = verb->options != OPTIONS_SHOW;
        in->batches = verb->options == OPTIONS_SHOW;
    }
    in->pages = in->once ? 1 : in->pages;
    return 0;
}
