/* base64.c: see base64.h. */
#include "kube/base64.h"

#include "base/alloc.h"

static int digit(unsigned char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool moon_base64_decode(const char *text, size_t len, moon_bytes *out, size_t *error_at) {
  size_t capacity = len / 4 * 3 + 4, made = 0, at = 0;
  char *data = moon_alloc(capacity);
  unsigned group = 0, digits = 0, padding = 0;
  for (; at < len; at++) {
    if (text[at] == '\n' || text[at] == '\r') continue;
    if (text[at] == '=') {
      if (digits + ++padding > 4 || digits < 2) break;
      continue;
    }
    int value = digit((unsigned char)text[at]);
    if (value < 0 || padding) break;
    group = group << 6 | (unsigned)value;
    if (++digits < 4) continue;
    data[made++] = (char)(group >> 16);
    data[made++] = (char)(group >> 8);
    data[made++] = (char)group;
    group = digits = 0;
  }
  bool complete = digits ? digits + padding == 4 : !padding;
  if (at < len || !complete) {
    moon_free_secret(data, capacity);
    *error_at = at;
    return false;
  }
  if (digits >= 2) data[made++] = (char)(group >> (6 * digits - 8));
  if (digits == 3) data[made++] = (char)(group >> 2);
  data[made] = '\0';
  *out = (moon_bytes){data, made};
  return true;
}
