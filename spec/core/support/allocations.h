/* allocations.h: counts what this thread allocates. Defines malloc for the whole program: include it in one file.
 *
 * Everything that allocates is seen, libraries and libc's own functions included. Under sanitizers, which have a malloc
 * of their own, theirs tells; valgrind's does not. */
#ifndef SUPPORT_ALLOCATIONS_H
#define SUPPORT_ALLOCATIONS_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local size_t allocations;

static inline bool allocations_are_counted(void) {
  const char *preloaded = getenv("LD_PRELOAD");
  return !preloaded || !strstr(preloaded, "vgpreload");
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *));

static void count_malloc(const volatile void *ptr, size_t size) {
  allocations++;
}

static void ignore_free(const volatile void *ptr) {}

__attribute__((constructor)) static void count_allocations(void) {
  if (!__sanitizer_install_malloc_and_free_hooks(count_malloc, ignore_free)) abort();
}

#else

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *ptr, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *ptr);

void *malloc(size_t size) {
  allocations++;
  return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
  allocations++;
  return __libc_calloc(count, size);
}

void *realloc(void *ptr, size_t size) {
  allocations++;
  return __libc_realloc(ptr, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  allocations++;
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
  allocations++;
  *out = __libc_memalign(alignment, size);
  return *out ? 0 : ENOMEM;
}

void free(void *ptr) {
  __libc_free(ptr);
}

#endif
#endif
