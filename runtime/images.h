/* SPDX-License-Identifier: MIT */
/*
 * runtime/images.h: the static data of the program and its libraries (images, as
 * the loader calls what it maps), cut into pieces.
 */
#ifndef TRI_RUNTIME_IMAGES_H
#define TRI_RUNTIME_IMAGES_H

#include <stddef.h>
#include <stdint.h>

void tri_images_init(void);
/* A new list.  World running, in no critical section, nobody scans. */
void tri_images_list(void);
size_t tri_images_piece_count(void);
/* Calls scan for the words of piece i, or for copies of them; how many bytes
 * that were: none if its library is gone. */
size_t tri_images_scan(size_t i,
                       void (*scan)(uintptr_t lo, uintptr_t hi, void *arg),
                       void *arg);
/* The same for any memory that may go while it is read. */
size_t tri_scan_copies(uintptr_t lo, uintptr_t hi,
                       void (*scan)(uintptr_t lo, uintptr_t hi, void *arg),
                       void *arg);

#endif /* TRI_RUNTIME_IMAGES_H */
