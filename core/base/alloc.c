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
  char *text = NULL;
  va_list args;
  va_start(args, format);
  if (vasprintf(&text, format, args) < 0) text = NULL;
  va_end(args);
  return or_abort(text);
}

void moon_free_secret(void *ptr, size_t len) {
  if (!ptr) return;
  OPENSSL_cleanse(ptr, len);
  free(ptr);
}

void moon_free_secret_text(char *text) {
  if (text) moon_free_secret(text, strlen(text));
}
