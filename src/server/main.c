/* fmnistd: reads its arguments and its config, and serves. */
#include "base/log.h"
#include "fmnist.h"
#include "server/server.h"

#include <cyaml/cyaml.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <uv.h>
#include <xxhash.h>
#include <zlib.h>

#define DEFAULT_CONFIG "/etc/fmnistd/fmnistd.yaml"

static const char usage[] =
    "usage: fmnistd [-c FILE] [--socket PATH] [--until-eof] [--check-config]\n"
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
    "  -h, --help           this text\n"
    "  -V, --version        versions of fmnistd and of the libraries in use\n"
    "\n"
    "Exit status: 0 after an orderly end; 64 for wrong arguments; 78 for a wrong config\n"
    "file; 69 where another daemon has the socket; 1 for everything else.\n";

static void print_version(void)
{
    printf("fmnistd %s\n", FMNIST_VERSION);
    printf("libuv %s, zlib %s, liburing %s, libcyaml %s, xxhash %u, systemd notify: %s\n",
           uv_version_string(), zlibVersion(), LIBURING_VERSION, cyaml_version_str,
           XXH_versionNumber(),
#ifdef HAVE_SYSTEMD
           "yes"
#else
           "no"
#endif
    );
}

/* Clients cost descriptors; the soft limit is a low one by custom, for programs that use select. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
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
    if (!status)
        printf("%s: %u datasets, socket %s\n", path, c->dataset_count, c->socket);
    return status;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"check-config", no_argument, NULL, 'C'},
        {"socket", required_argument, NULL, 's'},
        {"until-eof", no_argument, NULL, 'e'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    struct server_options run = {.config_path = DEFAULT_CONFIG};
    const char *socket_path = NULL;
    bool check_only = false;
    int option;
    while ((option = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            run.config_path = optarg;
            break;
        case 's':
            socket_path = optarg;
            run.socket_said = true;
            break;
        case 'e':
            run.until_eof = true;
            break;
        case 'C':
            check_only = true;
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        case 'V':
            print_version();
            return 0;
        default:
            fputs("fmnistd: see fmnistd --help\n", stderr);
            return EX_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "fmnistd: unexpected argument \"%s\": see fmnistd --help\n", argv[optind]);
        return EX_USAGE;
    }

    struct config config;
    struct err e;
    int rc = config_load(&config, run.config_path, &e);
    if (!rc && socket_path && (rc = config_set_socket(&config, socket_path, &e)))
        config_free(&config);
    if (rc) {
        fprintf(stderr, "fmnistd: %s\n", e.text);
        return EX_CONFIG;
    }
    log_set_level(config.log_level);
    int status;
    if (check_only) {
        status = check_datasets(&config, run.config_path);
    } else {
        /* A peer that went away, and a file that may not grow, are errors of the calls. */
        signal(SIGPIPE, SIG_IGN);
        signal(SIGXFSZ, SIG_IGN);
        /* Until there is something to reload (server.c). */
        signal(SIGHUP, SIG_IGN);
        raise_descriptor_limit();
        rc = server_run(&config, &run, &e);
        if (rc)
            log_error("%s", e.text);
        status = rc ? exit_status(rc) : 0;
    }
    config_free(&config);
    return status;
}
