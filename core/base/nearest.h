/* nearest.h: "did you mean": the known name that is most like a mistyped one.
 *
 * Likeness is edit distance: letters left out, added or replaced, or two neighbours swapped, each count one; a change
 * of case alone counts nothing. */
#ifndef MOON_BASE_NEAREST_H
#define MOON_BASE_NEAREST_H

#include <stddef.h>

/* The name nearest to `wanted`, the first of equals; NULL when none is near enough to be what was meant. */
const char *moon_nearest(const char *wanted, const char *const *names, size_t count);

#endif
