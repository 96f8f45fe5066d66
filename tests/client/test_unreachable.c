/* SPDX-License-Identifier: MIT */
/* What is said to a user who joined the socket's group after logging in. Users and groups are this
 * file's: a test cannot add any to the system. */
#include "client/unreachable.h"

#include "fmnist.h"
#include "support/support.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { GROUP = 4711, USER = 4712 };

static char *members[2];

int getgrgid_r(gid_t gid, struct group *entry, char *memory, size_t size, struct group **found)
{
    *entry = (struct group){.gr_name = (char *)"imaging", .gr_gid = gid, .gr_mem = members};
    *found = entry;
    return 0;
}

int getpwuid_r(uid_t uid, struct passwd *entry, char *memory, size_t size, struct passwd **found)
{
    *entry = (struct passwd){.pw_name = (char *)(uid == geteuid() ? "alice" : "fmnistd")};
    *found = entry;
    return 0;
}

/* A socket whose owner may not write, so that its group is what counts. */
static const char *say(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", support_path("s"));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(chmod(address.sun_path, 0060), 0);
    bool is_root = !geteuid();
    if (is_root) /* who may do everything */
        ck_assert(!chown(address.sun_path, 1, GROUP) && !chmod(support_dir(), 0711) &&
                  !seteuid(USER));
    ck_assert_int_eq(unreachable(address.sun_path, EACCES), FMNIST_ECONNECT);
    ck_assert(!is_root || !seteuid(0));
    close(fd);
    unlink(address.sun_path);
    return fmnist_error();
}

START_TEST(unreachable__not_in_the_group__how_to_join_it)
{
    members[0] = (char *)"bob";
    const char *text = say();
    ck_assert_msg(strstr(text, "it has mode 0060") && strstr(text, "group imaging") &&
                      strstr(text, "join the group with `sudo usermod -aG imaging alice`"),
                  "%s", text);
}
END_TEST

/* The command that was run already does not help again. */
START_TEST(unreachable__in_the_group_since_the_login__log_in_again)
{
    members[0] = (char *)"alice";
    const char *text = say();
    ck_assert_msg(strstr(text, "alice is in that group, but this session began before that: log in "
                               "again, or run `newgrp imaging`"),
                  "%s", text);
    ck_assert_msg(!strstr(text, "usermod"), "%s", text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client/unreachable");
    TCase *tc = tcase_create("unreachable");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, unreachable__not_in_the_group__how_to_join_it);
    tcase_add_test(tc, unreachable__in_the_group_since_the_login__log_in_again);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
