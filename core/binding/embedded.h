/* embedded.h: the Lua modules that are built into the program and the library. The table is made by
 * scripts/dev/embed.lua at build time and ends with a NULL name. */
#ifndef MOON_BINDING_EMBEDDED_H
#define MOON_BINDING_EMBEDDED_H

#include <stddef.h>

typedef struct moon_embedded_module {
  const char *name;          /* as `require` takes it */
  const unsigned char *code; /* compiled by the Lua that is linked with it */
  size_t size;
} moon_embedded_module;

extern const moon_embedded_module moon_embedded_modules[];

#endif
