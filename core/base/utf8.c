/* utf8.c: see utf8.h. */
#include "base/utf8.h"

#include <stddef.h>
#include <string.h>

/* The length of the sequence that starts at text, 0 when it is not one. */
static size_t sequence_length(const unsigned char *text, size_t left) {
  unsigned char lead = text[0];
  if (lead < 0x80) return 1;
  size_t len = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (len == 0 || len > left) return 0;
  for (size_t i = 1; i < len; i++) {
    if ((text[i] & 0xc0) != 0x80) return 0;
  }
  switch (lead) {
  case 0xe0:
    return text[1] >= 0xa0 ? len : 0; /* overlong */
  case 0xed:
    return text[1] < 0xa0 ? len : 0; /* surrogates */
  case 0xf0:
    return text[1] >= 0x90 ? len : 0; /* overlong */
  case 0xf4:
    return text[1] < 0x90 ? len : 0; /* above U+10FFFF */
  default:
    return len;
  }
}

const char *moon_utf8_check(const char *text, const char *end) {
  while (text < end) {
    uint64_t word;
    if (end - text >= (ptrdiff_t)sizeof word) { /* mostly ASCII: eight at a time */
      memcpy(&word, text, sizeof word);
      if ((word & 0x8080808080808080u) == 0) {
        text += sizeof word;
        continue;
      }
    }
    size_t len = sequence_length((const unsigned char *)text, (size_t)(end - text));
    if (len == 0) return text;
    text += len;
  }
  return end;
}

size_t moon_utf8_count(const char *text, const char *end) {
  size_t count = 0;
  for (; text < end; text++) count += ((unsigned char)*text & 0xc0) != 0x80;
  return count;
}

char *moon_utf8_put(char *to, uint32_t code_point) {
  if (code_point < 0x80) {
    *to++ = (char)code_point;
    return to;
  }
  int tail = code_point < 0x800 ? 1 : code_point < 0x10000 ? 2 : 3;
  static const unsigned char lead[] = {0, 0xc0, 0xe0, 0xf0};
  *to++ = (char)(lead[tail] | code_point >> (6 * tail));
  while (tail-- > 0) *to++ = (char)(0x80 | (code_point >> (6 * tail) & 0x3f));
  return to;
}
