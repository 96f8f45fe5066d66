/* server/server.h — the daemon: its parts, and who owns them.
 *
 * Threads: everything here is the loop thread's, but for the pool's own insides.
 * The order of the end is written once, in server_run: stop listening, close sessions, run the
 * loop until it is empty, join the workers, free.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "config/config.h"
#include "feed/pool.h"
#include "host/cpu_load.h"
#include "render/render_plan.h"
#include "server/listener.h"

#include <uv.h>

struct session;
struct reload_job;

struct server {
    /* immutable after start */
    struct render_caches caches;
    uint64_t started_ns;
    const char *config_path;
    bool socket_said; /* on the command line: the config's is not read */
    /* loop thread */
    struct config *config;     /* what is in force; a reload exchanges its contents */
    struct dataset **datasets; /* [config->dataset_count], a use of each */
    uint32_t worker_count;
    struct reload_job *reload; /* under way; NULL: none */
    bool reload_again;         /* another SIGHUP came meanwhile */
    uv_loop_t loop;
    uv_async_t events; /* from the workers */
    uv_signal_t sigterm, sigint, sighup;
    uv_poll_t input;
    bool watches_input;
    struct listener listener;
    struct pool *pool;
    struct session *sessions; /* all that are connected */
    uint32_t session_count;
    bool stopping;
    uint64_t accepted, refused; /* since the start */
    uint64_t next_session_id;
    struct cpu_load load; /* of the CPUs */
    int spare_fd;         /* given up for a moment to turn a client away when descriptors run out */
};

/* What the command line says beside the config. */
struct server_options {
    const char *config_path;
    bool socket_said; /* config->socket is the command line's, and a reload keeps it */
    bool until_eof;   /* the end of standard input, a pipe, is the daemon's */
};

/* Opens the datasets, listens, serves until SIGTERM or SIGINT, and cleans up. Logs what it does.
 * SIGHUP reads the config file again, whose contents `config` has (server/reload.h).
 * Returns 0 after an orderly end. Errors: negative errno values, with text. */
int server_run(struct config *config, const struct server_options *options, struct err *e);

/* Opens one dataset as the config says, and logs how long that took. Thread: any. Blocks. */
int server_open_dataset(const struct config *c, const struct dataset_source *source,
                        struct dataset **out, struct err *e);

/* The workers that a config asks for. */
uint32_t workers_wanted(const struct config *c);

/* The state as JSON text (docs/protocol.md). Returns malloc'd text, NULL when out of memory. */
char *server_status(struct server *s);

/* The dataset of that name, or NULL with a text that says what is served. */
struct dataset *server_dataset(const struct server *s, const char *name, struct err *e);

#endif
