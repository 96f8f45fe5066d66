/* SPDX-License-Identifier: MIT */
/* ctl/nearest.h — the word that somebody meant. Pure.
 *
 * Threads: any.
 */
#ifndef CTL_NEAREST_H
#define CTL_NEAREST_H

/* The one of `words` (ended by NULL) that `word` is most likely to be: one that it begins, else the
 * one with the fewest letters wrong, missing, too many or swapped, where that is at most a third of
 * the word. Upper case is lower case, and '_' is '-'. Returns NULL where none is near. */
const char *nearest(const char *word, const char *const *words);

#endif
