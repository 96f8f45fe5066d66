/* SPDX-License-Identifier: MIT */
/* base/fault_point.h — named places at which a test ends or stops the process that comes there.
 *
 * Nothing in what is shipped. Built with -DFAULT_POINTS, as tests/faults/test_client_killed.c has
 * the client, each place calls a function of the test's.
 */
#ifndef BASE_FAULT_POINT_H
#define BASE_FAULT_POINT_H

#ifdef FAULT_POINTS
void fault_point(const char *name);
#define FAULT_POINT(name) fault_point(name)
#else
#define FAULT_POINT(name) ((void)0)
#endif

#endif
