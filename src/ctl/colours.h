/* SPDX-License-Identifier: MIT */
/* ctl/colours.h — which colours a terminal can show, by what its user says. Threads: one. */
#ifndef CTL_COLOURS_H
#define CTL_COLOURS_H

#include "ctl/picture.h"

/* PICTURE_GREY where the descriptor is no terminal that can, where NO_COLOR is set, or where
 * neither TERM nor COLORTERM says that it has colours enough. */
struct picture_style colours_of(int fd);

#endif
