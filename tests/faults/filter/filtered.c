/* SPDX-License-Identifier: MIT */
/* Runs a program under what conf/fmnistd.service lets the daemon do, without systemd:
 *
 *     systemd-analyze syscall-filter | filtered UNIT PROGRAM [ARGUMENT...]
 *
 * From the unit come SystemCallFilter= (groups are looked up in the text on standard input),
 * SystemCallErrorNumber=EPERM, MemoryDenyWriteExecute=, RestrictAddressFamilies=AF_UNIX,
 * RestrictNamespaces= and RestrictRealtime=, as systemd's seccomp-util.c has them. A setting of
 * another value ends it with status 125, so that the unit cannot drift away from what is tested.
 */
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TEXT_MAX    (256u << 10)
#define GROUP_DEPTH 8

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("filtered: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(125);
}

static void check(int rc, const char *what)
{
    if (rc < 0)
        die("%s: %s", what, strerror(-rc));
}

static char *read_all(FILE *f, const char *what)
{
    char *text = calloc(1, TEXT_MAX);
    if (!f || !text || fread(text, 1, TEXT_MAX - 1, f) == 0)
        die("cannot read %s", what);
    return text;
}

/* ---- SystemCallFilter= ---------------------------------------------------------------------- */

/* The lines of a group: "@name", then what it has, indented. NULL: there is no such group. */
static const char *group_lines(const char *groups, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = strstr(groups, name); at; at = strstr(at + n, name))
        if ((at == groups || at[-1] == '\n') && at[n] == '\n')
            return at + n + 1;
    return NULL;
}

static void allow(scmp_filter_ctx filter, const char *groups, const char *name, int depth)
{
    if (*name != '@') {
        int number = seccomp_syscall_resolve_name(name);
        if (number == __NR_SCMP_ERROR)
            return; /* of another machine, or newer than libseccomp */
        int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
        if (rc != -EDOM) /* not this machine's */
            check(rc, name);
        return;
    }
    const char *line = group_lines(groups, name);
    if (!line || depth == GROUP_DEPTH)
        die("systemd-analyze knows no group %s", name);
    while (*line == ' ' || *line == '\t') {
        char word[64];
        const char *end = strchr(line, '\n');
        if (sscanf(line, " %63s", word) == 1 && *word != '#')
            allow(filter, groups, word, depth + 1);
        if (!end)
            return;
        line = end + 1;
    }
}

/* ---- the unit ------------------------------------------------------------------------------ */

/* The value of a setting, which the unit has once; a static copy. */
static const char *setting(const char *unit, const char *name)
{
    static char value[256];
    size_t n = strlen(name);
    for (const char *line = unit; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, n) == 0 && line[n] == '=') {
            snprintf(value, sizeof value, "%.*s", (int)strcspn(line + n + 1, "\n"), line + n + 1);
            return value;
        }
    }
    die("the unit has no %s=", name);
}

static void want(const char *unit, const char *name, const char *value)
{
    const char *is = setting(unit, name);
    if (strcmp(is, value) != 0)
        die("%s=%s: this tries %s", name, is, value);
}

/* One more filter: its rules refuse with EPERM what the one of system calls allows. */
static void load_refusing(const char *unit)
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
    const uint32_t no = SCMP_ACT_ERRNO(EPERM);
    const unsigned write_exec = PROT_WRITE | PROT_EXEC;
    want(unit, "MemoryDenyWriteExecute", "yes");
    check(seccomp_rule_add(f, no, SCMP_SYS(mmap), 1,
                           SCMP_A2(SCMP_CMP_MASKED_EQ, write_exec, write_exec)),
          "mmap");
    check(seccomp_rule_add(f, no, SCMP_SYS(mprotect), 1,
                           SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC)),
          "mprotect");
    want(unit, "RestrictAddressFamilies", "AF_UNIX");
    check(seccomp_rule_add(f, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                           SCMP_A0(SCMP_CMP_NE, AF_UNIX, 0)),
          "socket");
    want(unit, "RestrictNamespaces", "yes");
    check(seccomp_rule_add(f, no, SCMP_SYS(unshare), 0), "unshare");
    check(seccomp_rule_add(f, no, SCMP_SYS(setns), 0), "setns");
    want(unit, "RestrictRealtime", "yes");
    check(seccomp_rule_add(f, no, SCMP_SYS(sched_setscheduler), 1,
                           SCMP_A1(SCMP_CMP_NE, SCHED_OTHER, 0)),
          "sched_setscheduler");
    check(seccomp_load(f), "loading");
    seccomp_release(f);
}

static void load_allowing(const char *unit, const char *groups)
{
    want(unit, "SystemCallErrorNumber", "EPERM");
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    char names[256];
    char *rest = NULL;
    snprintf(names, sizeof names, "%s", setting(unit, "SystemCallFilter"));
    for (char *name = strtok_r(names, " ", &rest); name; name = strtok_r(NULL, " ", &rest))
        allow(f, groups, name, 0);
    check(seccomp_load(f), "loading");
    seccomp_release(f);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        die("usage: systemd-analyze syscall-filter | filtered UNIT PROGRAM [ARGUMENT...]");
    FILE *file = fopen(argv[1], "re");
    const char *unit = read_all(file, argv[1]);
    const char *groups = read_all(stdin, "the groups of system calls");
    check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0, "no new privileges");
    load_refusing(unit); /* while seccomp(2) is allowed still */
    load_allowing(unit, groups);
    execvp(argv[2], argv + 2);
    die("%s: %s", argv[2], strerror(errno));
}
