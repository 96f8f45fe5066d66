/* SPDX-License-Identifier: MIT */
/* fmnistd: reads its arguments and its config, and serves. */
#include "base/io.h"
#include "base/log.h"
#include "config/memory.h"
#include "config/print.h"
#include "feed/pool.h"
#include "fmnist.h"
#include "server/limits.h"
#include "server/passed.h"
#include "server/server.h"

#include <cyaml/cyaml.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include <uv.h>
#include <xxhash.h>
#include <zlib.h>

#define DEFAULT_CONFIG SYSCONFDIR "/fmnistd/fmnistd.yaml"

static const char usage[] =
    "usage: fmnistd [-c FILE] [--socket PATH] [--until-eof] [--check-config | --print-config]\n"
    "Serves image datasets of the MNIST family as minibatches to training processes.\n"
    "Runs in the foreground until SIGTERM or SIGINT; SIGHUP reads the config file again. Logs to\n"
    "standard error.\n"
    "\n"
    "  -c, --config FILE    the config file; default " DEFAULT_CONFIG "\n"
    "      --socket PATH    listen there, whatever the config says\n"
    "      --until-eof      end with standard input, a pipe: for a program that starts a daemon "
    "of\n"
    "                       its own, which then ends with the program\n"
    "      --check-config   check the config file, and that the files it names are there;\n"
    "                       then exit\n"
    "      --print-config   print what is in force by the config file, the defaults and this\n"
    "                       machine, as a config file; then exit\n"
    "  -h, --help           this text\n"
    "  -V, --version        versions of fmnistd and of the libraries in use\n"
    "\n"
    "Exit status: 0 after an orderly end; 64 for wrong arguments; 78 for a wrong config\n"
    "file; 69 where another daemon has the socket; 1 for everything else.\n";

static void print_version(void)
{
    printf("fmnistd %s\n", FMNIST_VERSION);
    printf("libuv %s, zlib %s, liburing %s, libcyaml %s, xxhash %u\n", uv_version_string(),
           zlibVersion(), LIBURING_VERSION, cyaml_version_str, XXH_versionNumber());
}

/* Before there is a log: with the program's name, as any program; the journal has that, and is told
 * that it is an error. */
static void complain(const char *text)
{
    if (log_is_journal())
        log_error("%s", text);
    else
        fprintf(stderr, "fmnistd: %s\n", text);
}

static int exit_status(int rc)
{
    return rc == -EADDRINUSE ? EX_UNAVAILABLE : 1;
}

/* Tells what the config is, or a line for each dataset whose files are not there or not of the
 * right kind. Returns the exit status. */
static int check_datasets(const struct config *c, const char *path)
{
    int status = 0;
    for (uint32_t i = 0; i < c->dataset_count; i++) {
        struct err e;
        if (dataset_look(&c->datasets[i], &e) == 0)
            continue;
        fprintf(stderr, "fmnistd: %s:%u: %s\n", path, c->dataset_lines[i], e.text);
        status = EX_CONFIG;
    }
    char text[CONFIG_MEMORY_TEXT_SIZE];
    if (!status)
        printf("%s: %u datasets, socket %s\n%s\n", path, c->dataset_count, c->socket,
               config_memory_text(c, text));
    return status;
}

/* Returns the exit status. */
static int print_config(const struct config *c)
{
    struct err e;
    int rc = config_print(c, pool_workers_for(c->workers), stdout, &e);
    if (rc)
        fprintf(stderr, "fmnistd: %s\n", e.text);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return rc ? EXIT_FAILURE : 0;
    fprintf(stderr, "fmnistd: writing the config: %s\n", strerror(errno));
    return EXIT_FAILURE;
}

/* What is asked of this run. */
struct arguments {
    struct server_options server;
    const char *socket_path; /* NULL: the config's */
    enum { SERVE, CHECK, PRINT } task;
    bool finished; /* a text was asked for, and printed */
};

/* Returns 0, or the exit status for arguments that are wrong. */
static int parse_arguments(struct arguments *a, int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"check-config", no_argument, NULL, 'C'},
        {"print-config", no_argument, NULL, 'P'}, {"socket", required_argument, NULL, 's'},
        {"until-eof", no_argument, NULL, 'e'},    {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},      {NULL, 0, NULL, 0},
    };
    int option;
    *a = (struct arguments){.server = {.config_path = DEFAULT_CONFIG, .passed_fd = -1}};
    while (!a->finished && (option = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            a->server.config_path = optarg;
            break;
        case 's':
            a->socket_path = optarg;
            a->server.socket_said = true;
            break;
        case 'e':
            a->server.until_eof = true;
            break;
        case 'C':
            a->task = CHECK;
            break;
        case 'P':
            a->task = PRINT;
            break;
        case 'h':
            fputs(usage, stdout);
            a->finished = true;
            break;
        case 'V':
            print_version();
            a->finished = true;
            break;
        default:
            fputs("fmnistd: see fmnistd --help\n", stderr);
            return EX_USAGE;
        }
    }
    if (a->finished || optind == argc)
        return 0;
    fprintf(stderr, "fmnistd: unexpected argument \"%s\": see fmnistd --help\n", argv[optind]);
    return EX_USAGE;
}

static int load(struct config *c, const struct arguments *a, struct err *e)
{
    int rc = config_load(c, a->server.config_path, e);
    if (rc || !a->socket_path)
        return rc;
    rc = config_set_socket(c, a->socket_path, e);
    if (rc)
        goto free_config;
    return 0;

free_config:
    config_free(c);
    return rc;
}

/* What another start may not meet: the unit tries again, but for EX_CONFIG, which somebody has to
 * mend. */
static bool passes(int rc)
{
    return rc == -ENOMEM || rc == -EMFILE || rc == -ENFILE || rc == -EIO || rc == -EINTR;
}

static void end_early(int number)
{
    _exit(EXIT_SUCCESS);
}

static void end_by_cpu_limit(int number)
{
    static const char text[] = "fmnistd: all CPU time is used up that RLIMIT_CPU allows\n";
    ssize_t n = write(STDERR_FILENO, text, sizeof text - 1);
    _exit(n < 0 ? EX_OSERR : EXIT_FAILURE);
}

/* Until the loop watches them (server.c): there is nothing yet to put in order, and a reload waits.
 * The first process of a container gets no signal without a handler; what is blocked or ignored is
 * inherited. */
static void take_signals(void)
{
    sigset_t hangup;
    signal(SIGTERM, end_early);
    signal(SIGINT, end_early);
    signal(SIGXCPU, end_by_cpu_limit);
    signal(SIGHUP, SIG_DFL);
    /* A peer that went away, and a file that may not grow, are errors of the calls. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    sigemptyset(&hangup);
    sigaddset(&hangup, SIGHUP);
    sigprocmask(SIG_SETMASK, &hangup, NULL);
}

/* Returns the exit status. */
static int serve(struct config *c, struct server_options *options)
{
    struct err e;
    limits_reserve_descriptors(server_descriptors(c));
    int rc = log_start(&e);
    if (!rc)
        rc = passed_take(c, &options->passed_fd, &e);
    options->socket_said = options->socket_said || options->passed_fd >= 0;
    if (!rc) {
        limits_watch_cpu();
        rc = server_run(c, options, &e);
    }
    if (rc)
        log_error("%s", e.text);
    log_end(LOG_END_MS);
    return rc ? exit_status(rc) : 0;
}

int main(int argc, char **argv)
{
    struct arguments a;
    struct config config;
    struct err e;
    fd_open_standard();
    if (limits_raise(&e)) {
        complain(e.text);
        return EXIT_FAILURE;
    }
    int status = parse_arguments(&a, argc, argv);
    if (status || a.finished)
        return status;
    if (a.task == SERVE)
        take_signals();
    int rc = load(&config, &a, &e);
    if (rc) {
        complain(e.text);
        return passes(rc) ? EXIT_FAILURE : EX_CONFIG;
    }
    log_set_level(config.log_level);
    status = a.task == CHECK   ? check_datasets(&config, a.server.config_path)
             : a.task == PRINT ? print_config(&config)
                               : serve(&config, &a.server);
    config_free(&config);
    return status;
}
