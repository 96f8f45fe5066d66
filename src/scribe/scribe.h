/* SPDX-License-Identifier: MIT */
/* scribe/scribe.h — writes the delivery ledger (ledger/record.h): its files and its thread.
 *
 *     loop ─ scribe_put ─► pending ─ exchanged ─► writing ─► PATH        grows to max_bytes / files
 *                          256 KiB                256 KiB    PATH.1      the one before
 *                                                            PATH.N - 1  the oldest; then it goes
 *
 * Whoever puts a record never waits: there is room, or there is none and he may try again later.
 * What cannot be written, because the disk is full, is tried again each second; a partial record
 * is finished first. A file that is begun has again what a reader needs of sessions that go on.
 *
 * Every file is mode 0600, of the daemon's user, and locked (flock) while it is written: one daemon
 * a ledger. Nothing is flushed to the disk: what is written outlives the daemon, not the machine.
 *
 * Threads: any puts; the writer's own does the rest. Memory: 512 KiB, and the OPEN of each session
 * that goes on.
 */
#ifndef SCRIBE_SCRIBE_H
#define SCRIBE_SCRIBE_H

#include "scribe/files.h"

struct scribe;

/* Opens the ledger, or goes on in the one that is there: behind its last whole record. Errors: with
 * text; -EEXIST for a file that is no ledger, -EBUSY where another daemon writes it, and errno
 * values. Owns: the caller; end with scribe_stop. */
int scribe_start(struct scribe **out, const struct scribe_options *o, struct err *e);

/* Writes what there is and ends. A disk that does not answer is waited for a second, and what was
 * not written is lost then. Accepts NULL. */
void scribe_stop(struct scribe *s);

/* Returns false where there is no room now. */
bool scribe_put(struct scribe *s, const struct ledger_record *r);

/* What was put off too often can be put no more: a GAP is written as soon as anything is. */
void scribe_lost(struct scribe *s, uint64_t batches);

#endif
