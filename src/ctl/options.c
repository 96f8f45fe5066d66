/* SPDX-License-Identifier: MIT */
/* The command line. A spec's fields are options of the same name, checked by the library. What a
 * verb cannot honour is refused by its name. */
#include "ctl/help.h"
#include "ctl/json.h"
#include "ctl/nearest.h"
#include "ctl/option_table.h"
#include "ctl/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int wrong(const char *format, const char *a, const char *b)
{
    return 1 + ctl_usage(format, a, b);
}

static int number(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
    char *end;
    unsigned long long v = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || v < min || v > max) {
        return 1 + ctl_usage("--%s \"%s\": want a whole number from %llu to %llu", option, text,
                             (unsigned long long)min, (unsigned long long)max);
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

/* "0,1000", after those that were given before. */
static int parse_step_times(struct invocation *in, const char *value)
{
    for (const char *at = value;; at++) {
        char word[24];
        size_t n = strcspn(at, ",");
        snprintf(word, sizeof word, "%.*s", (int)n, at);
        if (in->step_time_count == STEP_TIMES_MAX)
            return 1 +
                   ctl_usage("--step-us \"%s\": want at most %d of them", value, STEP_TIMES_MAX);
        int rc = number("step-us", word, 0, 10000000, &in->step_times[in->step_time_count++]);
        if (rc || !at[n])
            return rc;
        at += n;
    }
}

/* "--batch-size, --batches": those of the table that begin so, where there are several; else "". */
static void begin_so(const struct option *table, const char *word, char *text, size_t size)
{
    size_t n = 0, count = 0;
    text[0] = 0;
    for (; table->name; table++) {
        if (strncmp(table->name, word, strlen(word)) != 0 || n >= size)
            continue;
        n += (size_t)snprintf(text + n, size - n, "%s--%s", count++ ? ", " : "", table->name);
    }
    if (count < 2)
        text[0] = 0;
}

/* argv's word that getopt_long stopped at is no option of the table, or not as it is written. */
static int refuse(const char *verb, const struct option *table, int option, char **argv)
{
    const char *word = argv[optind - 1];
    char who[32] = "", name[64], several[512] = "";
    if (*verb)
        snprintf(who, sizeof who, "%s: ", verb);
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    const char *names[OPTIONS_MAX] = {NULL};
    for (int i = 0; i < OPTIONS_MAX - 1 && table[i].name; i++)
        names[i] = table[i].name;
    const char *near = optopt ? NULL : nearest(name + 2, names);
    if (!optopt && name[0] && name[1])
        begin_so(table, name + 2, several, sizeof several);
    if (option == ':')
        ctl_usage("%s%s wants a value", who, name);
    else if (optopt && strncmp(word, "--", 2) != 0)
        ctl_usage("%sno option -%c", who, optopt);
    else if (optopt)
        ctl_usage("%s%s takes no value", who, name);
    else if (*several)
        ctl_usage("%s%s may be any of %s: write it out", who, name, several);
    else if (near)
        ctl_usage("%sno option %s: did you mean --%s?", who, name, near);
    else
        ctl_usage("%sno option %s", who, name);
    fprintf(stderr, "fmnistctl: see fmnistctl %s%s--help\n", verb, *verb ? " " : "");
    return 1 + EXIT_WRONG_USAGE;
}

/* --NAME of import. */
static void take_import(struct import_words *to, const char *name)
{
    const struct {
        const char *name, **text;
    } texts[] = {
        {"name", &to->name},
        {"split", &to->split},
        {"classes", &to->classes},
        {"set", &to->set},
        {"size", &to->size},
        {"resize", &to->resize},
        {"images", &to->images},
        {"labels", &to->labels},
        {"label-column", &to->label_column},
        {"labels-kind", &to->labels_kind},
        {"add", &to->add},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!strcmp(texts[i].name, name))
            *texts[i].text = optarg;
}

static int take(struct invocation *in, int option, const char *name)
{
    uint64_t columns;
    int rc = 0;
    switch (option) {
    case OPTION_FIELD:
        if (fmnist_spec_set(&in->spec, name, optarg ? optarg : "true"))
            return wrong("--%s%s", fmnist_error(), "");
        return 0;
    case OPTION_INDICES:
        in->indices = optarg;
        return 0;
    case OPTION_EPOCHS:
        return number(name, optarg, 1, UINT32_MAX, &in->epochs);
    case OPTION_BATCHES:
        return number(name, optarg, 1, UINT64_MAX / 2, &in->batches);
    case OPTION_COLUMNS:
        rc = number(name, optarg, 1, 64, &columns);
        in->columns = rc ? 0 : (uint32_t)columns;
        return rc;
    case OPTION_STEP:
        return number(name, optarg, 0, UINT64_MAX, &in->step);
    case OPTION_ROW:
        return number(name, optarg, 0, UINT32_MAX, &in->row);
    case OPTION_ONCE:
        in->once = true;
        return 0;
    case OPTION_PAGES:
        return number(name, optarg, 1, UINT64_MAX / 2, &in->pages);
    case OPTION_SOCKET:
        if (!*optarg)
            return wrong("--socket: want the path of a daemon's %s%s", "socket", "");
        in->socket = optarg;
        return 0;
    case OPTION_TIMEOUT:
        return parse_timeout(in, optarg);
    case OPTION_JSON:
        in->json = true;
        return 0;
    case OPTION_NO_READ:
        in->no_read = true;
        return 0;
    case OPTION_ADVISE:
        in->advise = true;
        return 0;
    case OPTION_STEP_US:
        return parse_step_times(in, optarg);
    case OPTION_SECONDS:
        return number(name, optarg, 1, 3600, &in->seconds);
    case OPTION_CONFIG:
        if (!*optarg)
            return wrong("--config: want the path of a daemon's %s%s", "config", "");
        in->config = optarg;
        return 0;
    case OPTION_TRAIN:
        return number(name, optarg, 1, UINT32_MAX / 20, &in->train);
    case OPTION_TEST:
        return number(name, optarg, 1, UINT32_MAX / 20, &in->test);
    case OPTION_SIZE:
        return number(name, optarg, 8, 256, &in->size);
    case OPTION_SEED:
        return number(name, optarg, 0, UINT64_MAX, &in->seed);
    case OPTION_ALL:
        in->all = true;
        return 0;
    case OPTION_FORMAT:
        in->format = optarg;
        return 0;
    case OPTION_SPLIT:
        in->only_split = optarg;
        return 0;
    case OPTION_RAW:
        in->raw = true;
        return 0;
    case OPTION_CHANNELS:
        in->import.grayscale |= !strcmp(name, "grayscale");
        in->import.rgb |= !strcmp(name, "rgb");
        return 0;
    case OPTION_IMPORT:
        if (!*optarg)
            return wrong("--%s: want a %s", name, "text");
        take_import(&in->import, name);
        return 0;
    case 'o':
        if (!*optarg)
            return wrong("-o: want a %s%s", "path", "");
        in->output = optarg;
        return 0;
    }
    return 0;
}

/* bench, whose two ways have options of their own. */
static int check_bench(struct invocation *in)
{
    if (in->advise && (in->epochs || in->batches))
        return wrong("bench: --advise reads as long as --seconds says: leave --%s out%s",
                     in->epochs ? "epochs" : "batches", "");
    if (!in->advise && (in->step_time_count || in->seconds || in->config))
        return wrong("bench: --%s belongs to --advise%s",
                     in->step_time_count ? "step-us"
                     : in->seconds       ? "seconds"
                                         : "config",
                     "");
    if (!in->step_time_count)
        in->step_times[in->step_time_count++] = 1000;
    if (!in->seconds)
        in->seconds = 30;
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
    if (verb->options == OPTIONS_IMPORT && !in->import.add && (in->socket || in->timeout_ms))
        return wrong("%s asks a daemon with --add only: leave %s out", verb->name,
                     in->socket ? "--socket" : "--timeout");
    if (!verb_asks_daemon(verb) && !in->import.add && (in->socket || in->timeout_ms))
        return wrong("%s asks no daemon: leave %s out", verb->name,
                     in->socket ? "--socket" : "--timeout");
    if (verb->options == OPTIONS_GENERATE && !in->output)
        return wrong("%s: -o FOLDER is missing%s", verb->name, "");
    if (verb->options == OPTIONS_GENERATE && !strcmp(in->output, "-"))
        return wrong("%s: -o -: four files cannot be standard output: want a folder's name%s",
                     verb->name, "");
    if (in->output && output_is_terminal(in->output))
        return wrong("%s: -o %s is a terminal, and what comes is no text: name a file, or send it "
                     "on with > or |",
                     verb->name, in->output);
    if (verb->options == OPTIONS_IMPORT && !in->word_count)
        return wrong("%s: want what to import: a file, a folder or an archive%s", verb->name, "");
    if (verb->options == OPTIONS_IMPORT && in->output && !strcmp(in->output, "-"))
        return wrong("%s: -o -: a folder cannot be standard output: want its name%s", verb->name,
                     "");
    if (verb->options == OPTIONS_BENCH)
        return check_bench(in);
    if (verb->options == OPTIONS_VERIFY && !in->word_count)
        return wrong("%s: want the path of a ledger, as the daemon's config has it%s", verb->name,
                     "");
    return 0;
}

/* Also where --json stands behind it, or behind a verb. */
static int print_version(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], "--json")) {
            ctl_print_json(stdout, json_pack("{s:s, s:s}", "fmnistctl", FMNIST_VERSION, "libfmnist",
                                             fmnist_version()));
            return 1 + EXIT_FINE;
        }
    printf("fmnistctl %s, libfmnist %s\n", FMNIST_VERSION, fmnist_version());
    return 1 + EXIT_FINE;
}

/* The word at `at` comes to the front, behind the program's name; that before it is left out. */
static void bring_forward(int *argc, char **argv, int at, bool leave_out)
{
    char *word = argv[at];
    int before = at - leave_out;
    memmove(argv + 2, argv + 1, (size_t)(before - 1) * sizeof *argv);
    argv[1] = word;
    memmove(argv + before + 1, argv + at + 1, (size_t)(*argc - at) * sizeof *argv);
    *argc -= leave_out;
}

int options_find_verb(int *argc, char **argv)
{
    struct option all[OPTIONS_MAX];
    bool help = false;
    int at = 1, option;
    option_table_all(all);
    optind = 0;
    while ((option = getopt_long(*argc, argv, "+:hVo:", all, NULL)) != -1) {
        if (option == '?' || option == ':')
            return refuse("", all, option, argv);
        if (option == 'V')
            return print_version(*argc, argv);
        help |= option == 'h';
        at = optind;
    }
    if (optind < *argc) {
        bring_forward(argc, argv, optind, optind > at); /* what getopt passed over is "--" */
        return 0;
    }
    if (!help)
        return 1 + verb_refuse(NULL);
    help_print_usage();
    return 1 + EXIT_FINE;
}

/* What stands behind the options. */
static int take_words(struct invocation *in, const struct verb *verb, int argc, char **argv)
{
    in->words = (const char *const *)argv + optind;
    in->word_count = (size_t)(argc - optind);
    if (in->word_count > verb->words_max)
        return wrong("%s: unexpected argument \"%s\"", verb->name, in->words[verb->words_max]);
    return 0;
}

int options_parse(struct invocation *in, const struct verb *verb, int argc, char **argv)
{
    const struct option *table = option_table(verb->options);
    fmnist_spec_init(&in->spec);
    in->spec.label_count = FMNIST_LABELS_ANY;
    in->columns = 8;
    in->train = 60000;
    in->test = 10000;
    in->size = 28;
    /* A verb that has words has them on either side of its options. */
    const char *letters = option_by_val(table, 'o') ? "+:hVo:" : "+:hV";
    letters += verb->words_max > 0;
    int option, index = -1;
    optind = 0; /* again, for another vector */
    while ((option = getopt_long(argc, argv, letters, table, &index)) != -1) {
        if (option == 'h') {
            help_print(verb);
            return 1 + EXIT_FINE;
        }
        if (option == 'V')
            return print_version(argc, argv);
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
    int rc = take_words(in, verb, argc, argv);
    if (!rc)
        rc = check(in, verb);
    if (rc)
        return rc;
    if (!in->epochs && !in->batches) {
        in->epochs = verb->options != OPTIONS_SHOW;
        in->batches = verb->options == OPTIONS_SHOW;
    }
    in->pages = in->once ? 1 : in->pages;
    return 0;
}
