/* redact.c: see redact.h. Hides too much rather than too little: the reader can run the program by hand and see all. */
#include "net/redact.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/buffer.h"

enum {
  MAX_LINES = 3,
  MAX_SHOWN = 400,
  KEY_LENGTH = 20, /* from here on a word of letters and digits is taken for a key */
  LEAST_SECRET = 4,
};

static const char hidden[] = "[hidden]";

static bool is_word(unsigned char c) {
  return isalnum(c) || c == '_' || c == '-' || c == '+' || c == '=' || c == '.' || c == '/' || c == '~';
}

static bool looks_like_key(const char *word, size_t len) {
  size_t letters = 0, digits = 0, slashes = 0;
  for (size_t i = 0; i < len; i++) {
    letters += isalpha((unsigned char)word[i]) != 0;
    digits += isdigit((unsigned char)word[i]) != 0;
    slashes += word[i] == '/';
  }
  bool path = *word == '/' || (*word == '.' && slashes) || *word == '~';
  return len >= KEY_LENGTH && letters && digits && !path;
}

/* A word after which a secret is to be expected. */
static bool announces_secret(const char *word, size_t len) {
  static const char *const names[] = {"token", "password", "passwd", "secret", "bearer", "authorization", "apikey"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    size_t name_len = strlen(names[i]);
    if (len >= name_len && !strncasecmp(word + len - name_len, names[i], name_len)) return true;
  }
  return false;
}

static size_t secret_at(const char *text, size_t left, const char *const *secrets) {
  size_t longest = 0;
  for (; secrets && *secrets; secrets++) {
    size_t len = strlen(*secrets);
    if (len >= LEAST_SECRET && len <= left && len > longest && !memcmp(text, *secrets, len)) longest = len;
  }
  return longest;
}

/* "token: abc", "token=abc", "Bearer abc", with quotes perhaps: how much there is between the word and the secret. */
static size_t separator_length(const char *text, size_t left, bool is_bearer) {
  size_t at = 0;
  bool assigns = is_bearer;
  while (at < left && strchr(" \t\"':=", text[at])) assigns |= text[at] == ':' || text[at] == '=', at++;
  return assigns ? at : 0;
}

static void add_line(moon_buffer *out, const char *text, size_t len, const char *const *secrets) {
  for (size_t at = 0; at < len;) {
    size_t known = secret_at(text + at, len - at, secrets), word = 0;
    if (known) {
      moon_buffer_add_text(out, hidden);
      at += known;
      continue;
    }
    while (at + word < len && is_word((unsigned char)text[at + word]) &&
           !secret_at(text + at + word, len - at - word, secrets))
      word++;
    if (!word) {
      unsigned char c = (unsigned char)text[at++];
      moon_buffer_add_char(out, c < 0x20 || c == 0x7f ? ' ' : (char)c);
      continue;
    }
    size_t name = 0; /* "token=abc" is one word so far */
    while (name < word && text[at + name] != '=') name++;
    bool announced = announces_secret(text + at, name);
    if (!announced) {
      if (looks_like_key(text + at, word))
        moon_buffer_add_text(out, hidden);
      else
        moon_buffer_add(out, text + at, word);
      at += word;
      continue;
    }
    moon_buffer_add(out, text + at, name);
    at += name;
    bool bearer = name >= 6 && !strncasecmp(text + at - 6, "bearer", 6);
    size_t separator = separator_length(text + at, len - at, bearer);
    if (!separator) continue;
    moon_buffer_add(out, text + at, separator);
    at += separator;
    size_t value = 0;
    while (at + value < len && !strchr(" \t\"',;", text[at + value])) value++;
    /* "Authorization: Bearer abc": the word announces the next one */
    if (announces_secret(text + at, value)) continue;
    if (value) moon_buffer_add_text(out, hidden);
    at += value;
  }
}

char *moon_redact_last_lines(const char *text, size_t len, const char *const *secrets) {
  const char *lines[MAX_LINES];
  size_t lengths[MAX_LINES], count = 0;
  for (size_t end = len; end && count < MAX_LINES;) {
    size_t start = end;
    while (start && text[start - 1] != '\n' && text[start - 1] != '\r') start--;
    size_t first = start, last = end;
    while (first < last && isspace((unsigned char)text[first])) first++;
    while (last > first && isspace((unsigned char)text[last - 1])) last--;
    if (last > first) {
      lines[count] = text + first;
      lengths[count++] = last - first;
    }
    end = start ? start - 1 : 0;
  }
  if (!count) return NULL;
  moon_buffer out = {0};
  while (count--) {
    if (out.len) moon_buffer_add_text(&out, "; ");
    add_line(&out, lines[count], lengths[count], secrets);
  }
  if (out.len > MAX_SHOWN) {
    size_t cut = out.len - MAX_SHOWN;
    while (cut < out.len && ((unsigned char)out.data[cut] & 0xc0) == 0x80) cut++;
    char *shown = moon_sprintf("...%s", out.data + cut);
    moon_buffer_free(&out);
    return shown;
  }
  return moon_buffer_take(&out);
}
