/* SPDX-License-Identifier: MIT */
/* Reads /proc. A process may end, and its number be another's, at any time: its user is compared.
 */
#include "ctl/process.h"

#include "base/err.h"
#include "base/io.h"
#include "ctl/json.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COMMAND_SIZE 1024

/* The file's text as one line, what ends it and what it is in bytes cut off; "": not to be had. */
static void read_line(json_int_t pid, const char *file, char text[COMMAND_SIZE])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%lld/%s", (long long)pid, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, COMMAND_SIZE - 1);
    fd_close(&fd);
    n = n < 0 ? 0 : n;
    while (n && (text[n - 1] == '\n' || !text[n - 1]))
        n--;
    for (ssize_t i = 0; i < n; i++) /* words end in 0 */
        if (!text[i])
            text[i] = ' ';
    text[n] = 0;
    err_make_line(text);
}

static bool belongs_to(json_int_t pid, json_int_t uid)
{
    char path[64];
    struct stat st;
    snprintf(path, sizeof path, "/proc/%lld", (long long)pid);
    return pid > 0 && stat(path, &st) == 0 && st.st_uid == (uid_t)uid;
}

static void set_text(json_t *object, const char *key, const char *text)
{
    json_object_set_new(object, key, ctl_json_text(*text ? text : NULL));
}

void processes_name(json_t *status)
{
    char text[COMMAND_SIZE];
    size_t i;
    json_t *client;
    read_line(json_integer_value(json_object_get(status, "pid")), "comm", text);
    bool same_proc = !strcmp(text, "fmnistd");
    json_array_foreach (json_object_get(status, "clients"), i, client) {
        json_int_t pid = json_integer_value(json_object_get(client, "pid"));
        json_int_t uid = json_integer_value(json_object_get(client, "uid"));
        bool known = same_proc && belongs_to(pid, uid);
        text[0] = 0;
        if (known)
            read_line(pid, "comm", text);
        set_text(client, "program", text);
        text[0] = 0;
        if (known && (uid_t)uid == geteuid())
            read_line(pid, "cmdline", text);
        set_text(client, "command", text);
    }
}
