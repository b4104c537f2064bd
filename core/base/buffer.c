/* buffer.c: see buffer.h. */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

void moon_buffer_reserve(moon_buffer *buffer, size_t extra) {
  size_t need = buffer->len + extra + 1;
  if (need <= buffer->capacity) return;
  size_t capacity = buffer->capacity ? buffer->capacity : 64;
  while (capacity < need) capacity += capacity / 2;
  buffer->data = moon_realloc(buffer->data, capacity);
  buffer->capacity = capacity;
}

void moon_buffer_add(moon_buffer *buffer, const void *bytes, size_t len) {
  moon_buffer_reserve(buffer, len);
  if (len) memcpy(buffer->data + buffer->len, bytes, len);
  buffer->len += len;
  buffer->data[buffer->len] = '\0';
}

void moon_buffer_add_text(moon_buffer *buffer, const char *text) {
  moon_buffer_add(buffer, text, strlen(text));
}

void moon_buffer_add_char(moon_buffer *buffer, char c) {
  moon_buffer_add(buffer, &c, 1);
}

void moon_buffer_addf(moon_buffer *buffer, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int len = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (len > 0) {
    moon_buffer_reserve(buffer, (size_t)len);
    vsnprintf(buffer->data + buffer->len, (size_t)len + 1, format, again);
    buffer->len += (size_t)len;
  }
  va_end(again);
}

void moon_buffer_clear(moon_buffer *buffer) {
  buffer->len = 0;
  if (buffer->data) buffer->data[0] = '\0';
}

void moon_buffer_free(moon_buffer *buffer) {
  free(buffer->data);
  *buffer = (moon_buffer){0};
}

char *moon_buffer_take(moon_buffer *buffer) {
  char *text = buffer->data ? buffer->data : moon_strdup("");
  *buffer = (moon_buffer){0};
  return text;
}
