/* alloc.h: memory that is there or the process ends.
 *
 * moonpool does not try to go on without memory: a half-updated pool is worse than a clean end. These functions print
 * "moonpool: out of memory" and abort, so no caller checks for NULL. */
#ifndef MOON_BASE_ALLOC_H
#define MOON_BASE_ALLOC_H

#include <stddef.h>

void *moon_alloc(size_t size);              /* uninitialised */
void *moon_zalloc(size_t size);             /* zeroed */
void *moon_realloc(void *ptr, size_t size); /* as realloc; size > 0 */
char *moon_strdup(const char *text);        /* NULL gives NULL */
char *moon_strndup(const char *text, size_t len);
__attribute__((format(printf, 1, 2))) char *moon_sprintf(const char *format, ...);

/* Overwrites and frees memory that held a secret. NULL is fine. */
void moon_free_secret(void *ptr, size_t len);
/* The same for a NUL-terminated text. */
void moon_free_secret_text(char *text);

#endif
