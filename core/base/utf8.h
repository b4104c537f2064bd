/* utf8.h: is it UTF-8? The one place that knows: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef MOON_BASE_UTF8_H
#define MOON_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The first byte of what is not UTF-8 in [text, end), or end. */
const char *moon_utf8_check(const char *text, const char *end);
/* How many characters begin in [text, end), which is UTF-8. */
size_t moon_utf8_count(const char *text, const char *end);
/* Writes the code point (at most U+10FFFF) and returns the place after it; `to` has room for 4 bytes. */
char *moon_utf8_put(char *to, uint32_t code_point);

#endif
