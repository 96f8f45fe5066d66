/* SPDX-License-Identifier: MIT */
/* import/set_folder.h — the folder that a set is made in, ".fmnistctl-import.BOOT-PID-N.tmp" beside
 * its place.
 *
 * Who makes it holds a lock on it (flock(2)) until its process ends, however it does: one that
 * nobody holds is of a process that was killed, and the next to make one there removes it. Locks
 * count on one machine, and BOOT is that machine since it was started, so that on a disk of several
 * machines none takes another's for dead. Threads: one.
 */
#ifndef IMPORT_SET_FOLDER_H
#define IMPORT_SET_FOLDER_H

/* Makes one in the folder, with its lock. Returns its descriptor, which holds the lock, or a
 * negative errno value: those of mkdir(2) and open(2). */
int set_folder_make(int parent, char name[64]);

/* Removes those of this user that nobody holds. `others`: of this user, but of before this machine
 * was started, or of another one: left as they are. */
struct set_folder_swept {
    unsigned removed, others;
};
struct set_folder_swept set_folder_sweep(int parent);

#endif
