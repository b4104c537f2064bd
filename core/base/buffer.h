/* buffer.h: bytes that grow at the end.
 *
 * `data` is NUL-terminated after every call (the NUL is not counted in `len`), so a buffer that holds text can be read
 * as a C string. A zeroed moon_buffer is an empty one. Not thread safe. */
#ifndef MOON_BASE_BUFFER_H
#define MOON_BASE_BUFFER_H

#include <stddef.h>

typedef struct moon_buffer {
  char *data; /* NULL until something is added */
  size_t len, capacity;
} moon_buffer;

void moon_buffer_reserve(moon_buffer *buffer, size_t extra);
void moon_buffer_add(moon_buffer *buffer, const void *bytes, size_t len);
void moon_buffer_add_text(moon_buffer *buffer, const char *text);
void moon_buffer_add_char(moon_buffer *buffer, char c);
__attribute__((format(printf, 2, 3))) void moon_buffer_addf(moon_buffer *buffer, const char *format, ...);
void moon_buffer_clear(moon_buffer *buffer); /* keeps the memory */
void moon_buffer_free(moon_buffer *buffer);  /* frees, leaves an empty buffer */
char *moon_buffer_take(moon_buffer *buffer); /* the text, now the caller's to free; "" when empty */

#endif
