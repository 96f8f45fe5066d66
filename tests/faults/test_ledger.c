/* SPDX-License-Identifier: MIT */
/* Four ranks of a world are killed and begin again where their tokens say, and the daemon is killed
 * meanwhile: the delivery ledger says in the end that every sample came once, and nothing else. */
#include "base/bytes.h"
#include "e2e/harness.h"
#include "e2e/program.h"
#include "faults/faults.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { COUNT = 1009, RANKS = 4, KINDS = 3, NEAR_EPOCHS = 20 }; /* more than a ring has */

/* What a trainer keeps in its checkpoint, and how it is going. */
struct checkpoint {
    struct fmnist_token token;
    bool has_token;
    _Atomic bool finished;
    char wrong[400];
};

static struct daemon d;
static struct images all;
static struct checkpoint *checkpoints; /* shared; [RANKS] */

static void setup(void)
{
    support_setup();
    images_make(&all, COUNT, 6, 6, 1);
    serve_tiny(&d, "workers: 2\nring: 64KiB\nledger: {path: ./ledger}\n");
    checkpoints = mmap(NULL, RANKS * sizeof *checkpoints, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(checkpoints, MAP_FAILED);
}

static void teardown(void)
{
    munmap(checkpoints, RANKS * sizeof *checkpoints);
    images_free(&all);
    support_teardown();
}

/* Shared rings with batches that are copied out or held in place; and the socket. */
static struct fmnist_spec spec_for(unsigned kind, uint32_t rank, uint64_t epochs)
{
    struct fmnist_spec spec = spec_of("tiny");
    spec.order = FMNIST_ORDER_TORCH;
    spec.seed = kind;
    spec.batch_size = 8;
    spec.dtype = kind == 1 ? FMNIST_UINT8 : FMNIST_FLOAT32;
    spec.transport = kind == 2 ? FMNIST_INLINE : FMNIST_SHM;
    spec.rank = rank;
    spec.world_size = RANKS;
    spec.epochs = epochs;
    return spec;
}

/* ---- a trainer ----------------------------------------------------------------------------- */

static struct fmnist_stream *open_at_checkpoint(const struct fmnist_spec *spec,
                                                const struct checkpoint *c)
{
    struct fmnist_connect_options o = {.size = sizeof o, .socket = d.socket};
    struct fmnist_client *client;
    struct fmnist_stream *stream = NULL;
    if (fmnist_connect(&o, &client))
        return NULL;
    if (fmnist_open(client, spec, c->has_token ? &c->token : NULL, &stream))
        stream = NULL;
    fmnist_disconnect(client);
    return stream;
}

/* Its checkpoint is that of the batch it has; it dies with that in its hands. */
static int live(const struct fmnist_spec *spec, struct checkpoint *c, unsigned batches)
{
    struct fmnist_stream *stream;
    struct fmnist_batch b;
    while (!(stream = open_at_checkpoint(spec, c)))
        poll(NULL, 0, 5);
    for (unsigned i = 0;;) {
        int rc = fmnist_next(stream, &b);
        if (rc == FMNIST_END_OF_STREAM)
            break;
        if (rc == FMNIST_END_OF_EPOCH)
            continue;
        if (rc) {
            snprintf(c->wrong, sizeof c->wrong, "%s", fmnist_error());
            return 1;
        }
        fmnist_stream_token(stream, &c->token);
        c->has_token = true;
        if (++i == batches)
            kill(getpid(), SIGKILL);
        fmnist_release(stream, &b);
        if (i % 8 == 0)
            poll(NULL, 0, 1);
    }
    fmnist_close(stream);
    atomic_store(&c->finished, true);
    return 0;
}

static pid_t begin_trainer(const struct fmnist_spec *spec, struct checkpoint *c, uint64_t *random)
{
    unsigned batches = 50 + (unsigned)(next_random(random) % 400);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    _exit(live(spec, c, batches));
}

/* Takes one that ended, if one has. Returns whether it was killed. */
static bool take_trainer(pid_t *pid, const struct checkpoint *c)
{
    int status;
    if (!*pid || waitpid(*pid, &status, WNOHANG) != *pid)
        return false;
    *pid = 0;
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    ck_assert_msg(killed || status == 0, "0x%x: %s", (unsigned)status, c->wrong);
    return killed;
}

/* ---- all of them --------------------------------------------------------------------------- */

struct kills {
    unsigned trainers, daemons;
};

/* What a trainer reads from a ring whose daemon is dead nobody knows of, if it comes to its end
 * there: the daemon lives while one is near it. */
static bool is_near_the_end(uint64_t epochs)
{
    bool near = false;
    for (unsigned r = 0; r < RANKS; r++) {
        const struct checkpoint *c = &checkpoints[r];
        near = near || (c->has_token && get_le64(c->token.bytes + 24) + NEAR_EPOCHS >= epochs);
    }
    return near;
}

static bool are_finished(void)
{
    bool finished = true;
    for (unsigned r = 0; r < RANKS; r++)
        finished = finished && atomic_load(&checkpoints[r].finished);
    return finished;
}

static void run_world(unsigned kind, uint64_t epochs, uint64_t *random, struct kills *kills)
{
    struct fmnist_spec specs[RANKS];
    pid_t pids[RANKS] = {0};
    memset(checkpoints, 0, RANKS * sizeof *checkpoints);
    for (unsigned r = 0; r < RANKS; r++)
        specs[r] = spec_for(kind, r, epochs);
    int64_t next_kill = milliseconds() + 100;
    while (!are_finished()) {
        for (unsigned r = 0; r < RANKS; r++) {
            kills->trainers += take_trainer(&pids[r], &checkpoints[r]);
            if (!pids[r] && !atomic_load(&checkpoints[r].finished))
                pids[r] = begin_trainer(&specs[r], &checkpoints[r], random);
        }
        poll(NULL, 0, 2);
        if (milliseconds() < next_kill || is_near_the_end(epochs))
            continue;
        daemon_kill(&d);
        daemon_restart(&d);
        kills->daemons++;
        next_kill = milliseconds() + 100 + (int64_t)(next_random(random) % 200);
    }
    for (unsigned r = 0; r < RANKS; r++)
        while (pids[r])
            take_trainer(&pids[r], &checkpoints[r]);
}

START_TEST(ledger__trainers_and_daemon_killed__every_sample_once)
{
    uint64_t random = 4711, epochs = fault_times(200, 5000);
    struct kills kills = {0};
    for (unsigned kind = 0; kind < KINDS; kind++)
        run_world(kind, epochs, &random, &kills);
    daemon_stop(&d);
    run_ctl(&said, "verify %s", support_path("ledger"));
    ck_assert_msg(said.status == 0 && strstr(said.text, "complete: 3 runs, each sample once\n"),
                  "%u and %u kills: exit status %d:\n%.2000s", kills.trainers, kills.daemons,
                  said.status, said.text);
    ck_assert_uint_gt(kills.trainers, KINDS);
    fault_held(
        "ranks and the daemon are killed under a delivery ledger", kills.trainers + kills.daemons,
        "%u ranks, %u daemons: fmnistctl verify says of 3 worlds of %d ranks and %llu epochs "
        "that each sample came once",
        kills.trainers, kills.daemons, RANKS, (unsigned long long)epochs);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("faults/ledger");
    TCase *tc = tcase_create("ledger");
    tcase_set_timeout(tc, 3600);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, ledger__trainers_and_daemon_killed__every_sample_once);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
