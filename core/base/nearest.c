/* nearest.c: see nearest.h. */
#include "base/nearest.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static size_t least(size_t a, size_t b) {
  return a < b ? a : b;
}

/* Row by row over the table of distances between the beginnings of both texts; three rows are enough for swaps. */
static size_t distance(const char *a, const char *b) {
  size_t a_len = strlen(a), b_len = strlen(b);
  size_t *rows = moon_alloc(3 * (b_len + 1) * sizeof *rows);
  size_t *before = rows, *last = before + b_len + 1, *row = last + b_len + 1;
  for (size_t j = 0; j <= b_len; j++) last[j] = j;
  for (size_t i = 1; i <= a_len; i++) {
    row[0] = i;
    for (size_t j = 1; j <= b_len; j++) {
      int ca = tolower((unsigned char)a[i - 1]), cb = tolower((unsigned char)b[j - 1]);
      row[j] = least(least(last[j], row[j - 1]) + 1, last[j - 1] + (ca != cb));
      if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) && cb == tolower((unsigned char)a[i - 2]))
        row[j] = least(row[j], before[j - 2] + 1);
    }
    size_t *oldest = before;
    before = last;
    last = row;
    row = oldest;
  }
  size_t result = last[b_len];
  free(rows);
  return result;
}

const char *moon_nearest(const char *wanted, const char *const *names, size_t count) {
  size_t wanted_len = strlen(wanted), limit = wanted_len / 3 > 2 ? wanted_len / 3 : 2;
  const char *best = NULL;
  for (size_t i = 0; i < count; i++) {
    size_t len = strlen(names[i]), apart = len > wanted_len ? len - wanted_len : wanted_len - len;
    if (apart > limit) continue;
    size_t found = distance(wanted, names[i]);
    /* As far away as the text is long means that nothing of it is left. */
    if (found > limit || found >= wanted_len) continue;
    best = names[i];
    if (found == 0) break;
    limit = found - 1;
  }
  return best;
}
