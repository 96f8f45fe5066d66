/* SPDX-License-Identifier: MIT */
/* Goes by lines, as the config is written by hand: what YAML allows beyond that is refused. */
#include "ctl/config_entry.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a value ------------------------------------------------------------------------------- */

static bool is_plain(const char *text)
{
    static const char *const taken[] = {"true", "false", "null", "yes", "no", "on", "off", "none"};
    if (!isalpha((unsigned char)text[0]) && text[0] != '/')
        return false;
    for (const char *p = text; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("/._-+", *p))
            return false;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (!strcasecmp(text, taken[i]))
            return false;
    return true;
}

void config_entry_value(const char *text, char *out, size_t size)
{
    size_t n = 0;
    if (is_plain(text)) {
        snprintf(out, size, "%s", text);
        return;
    }
    out[n++] = '"';
    for (; *text && n + 6 < size; text++) {
        if (*text == '"' || *text == '\\')
            out[n++] = '\\';
        if ((unsigned char)*text >= 0x20 && *text != 0x7f)
            out[n++] = *text;
        else
            n += (size_t)snprintf(out + n, size - n, "\\x%02x", (unsigned char)*text);
    }
    out[n++] = '"';
    out[n] = 0;
}

/* ---- where it goes ------------------------------------------------------------------------- */

static const char *next_line(const char *line)
{
    const char *end = strchr(line, '\n');
    return end ? end + 1 : line + strlen(line);
}

/* What stands on a line behind its indentation: nothing, or a comment. */
static bool is_empty(const char *line)
{
    line += strspn(line, " \t\r");
    return !*line || *line == '\n' || *line == '#';
}

/* Where it goes, and how. */
struct place {
    const char *at;   /* behind the block's last line */
    size_t indent;    /* of "- " */
    const char *flow; /* "[]" behind `datasets:`, which has to go; NULL: none */
    bool found;       /* `datasets:` is there */
};

/* What stands behind `datasets:`, quoted or not, where the line begins with it; else NULL. */
static const char *behind_key(const char *line)
{
    static const char key[] = "datasets";
    size_t quoted = *line == '"' || *line == '\'', n = strlen(key);
    const char *end = line + quoted + n;
    if (strncmp(line + quoted, key, n) != 0 || (quoted && *end != *line))
        return NULL;
    end += quoted;
    end += strspn(end, " ");
    return *end == ':' && strchr(" \t\r\n", end[1]) ? end + 1 : NULL;
}

/* Behind the key, in its line; NULL: there is none. */
static const char *find_key(const char *config)
{
    static const char mark[] = "\xef\xbb\xbf"; /* UTF-8's byte order mark */
    const char *value = NULL;
    config += strncmp(config, mark, strlen(mark)) ? 0 : strlen(mark);
    for (const char *line = config; *line && !value; line = next_line(line))
        value = behind_key(line);
    return value;
}

static int leave_to_people(struct err *e)
{
    return err_set(e, -EINVAL,
                   "what stands behind datasets: is for you to change: want a line each, "
                   "with a dash");
}

static int take_key(const char *value, struct place *p, struct err *e)
{
    value += strspn(value, " \t\r");
    p->found = true;
    p->at = next_line(value);
    if (!*value || *value == '\n' || *value == '#')
        return 0;
    if (value[0] == '[' && value[1 + strspn(value + 1, " ")] == ']') {
        p->flow = value;
        return 0;
    }
    return leave_to_people(e);
}

/* Passes over the entries: lines that are indented, or begin with the dash of a list. */
static int pass_entries(struct place *p, struct err *e)
{
    bool first = true;
    for (const char *line = p->at; *line; line = next_line(line)) {
        size_t indent = strspn(line, " ");
        if (is_empty(line))
            continue;
        if (first && line[indent] == '[')
            return leave_to_people(e);
        if (!indent && strncmp(line, "- ", 2) != 0)
            break;
        if (first)
            p->indent = indent;
        first = false;
        p->at = next_line(line);
    }
    return 0;
}

int config_entry_insert(const char *config, const char *name, const char *folder, char **out,
                        struct err *e)
{
    struct place p = {.at = config + strlen(config), .indent = 2};
    char quoted[256], path[8192];
    const char *key = find_key(config);
    const char *end = strstr(config, "\r\n") ? "\r\n" : "\n";
    int rc = key ? take_key(key, &p, e) : 0;
    if (!rc && key && !p.flow)
        rc = pass_entries(&p, e);
    if (rc)
        return rc;
    config_entry_value(name, quoted, sizeof quoted);
    config_entry_value(folder, path, sizeof path);

    const char *from = p.flow ? p.flow : p.at;                  /* the first part ends here */
    const char *rest = p.flow ? strchr(p.flow, ']') + 1 : p.at; /* and the last begins here */
    int behind = p.flow ? (int)(p.at - rest) : 0; /* a comment behind "[]" stays there */
    bool open = p.at > config && p.at[-1] != '\n' && !p.flow;
    if (asprintf(out, "%.*s%.*s%s%s%s%*s- name: %s%s%*s  path: %s%s%s", (int)(from - config),
                 config, behind, rest, open || (p.flow && p.at[-1] != '\n') ? end : "",
                 p.found ? "" : "datasets:", p.found ? "" : end, (int)p.indent, "", quoted, end,
                 (int)p.indent, "", path, end, rest + behind) < 0) {
        *out = NULL;
        return err_set(e, -ENOMEM, "out of memory");
    }
    return 0;
}
