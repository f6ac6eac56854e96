/* SPDX-License-Identifier: MIT */
/* tricolor/version.h: the version, in one place; CMake reads it here. */
#ifndef TRICOLOR_VERSION_H
#define TRICOLOR_VERSION_H

#define TRI_VERSION_MAJOR 0
#define TRI_VERSION_MINOR 1
#define TRI_VERSION_PATCH 0
#define TRI_VERSION       "0.1.0"

#endif /* TRICOLOR_VERSION_H */
