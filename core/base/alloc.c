/* alloc.c: see alloc.h. */
#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

static void *or_abort(void *ptr) {
  if (!ptr) {
    fputs("moonpool: out of memory\n", stderr);
    abort();
  }
  return ptr;
}

void *moon_alloc(size_t size) {
  return or_abort(malloc(size ? size : 1));
}

void *moon_zalloc(size_t size) {
  return or_abort(calloc(1, size ? size : 1));
}

void *moon_realloc(void *ptr, size_t size) {
  return or_abort(realloc(ptr, size));
}

char *moon_strdup(const char *text) {
  return text ? or_abort(strdup(text)) : NULL;
}

char *moon_strndup(const char *text, size_t len) {
  return or_abort(strndup(text, len));
}

char *moon_sprintf(const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int len =
      vsnprintf(NULL, 0, format, args); /* not vasprintf, which leaves behind the smaller pieces that it began with */
  if (len < 0) or_abort(NULL);
  char *text = moon_alloc((size_t)len + 1);
  vsnprintf(text, (size_t)len + 1, format, again);
  va_end(again);
  va_end(args);
  return text;
}

void moon_free_secret(void *ptr, size_t len) {
  if (!ptr) return;
  OPENSSL_cleanse(ptr, len);
  free(ptr);
}

void moon_free_secret_text(char *text) {
  if (text) moon_free_secret(text, strlen(text));
}
