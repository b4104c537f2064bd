/* value_walk.h: visits a Lua value in the order in which it is written as JSON or YAML.
 *
 * The walk decides what a table is (array or object), sorts keys, and refuses what neither format can say: functions,
 * mixed or numeric keys, holes, cycles, NaN and infinities, bytes that are not UTF-8, more than MOON_JSON_MAX_DEPTH
 * levels. The writer hears what comes next and makes text of it; what it is told is valid until it returns, and it may
 * not raise. Tables are read without metamethods. */
#ifndef MOON_BINDING_VALUE_WALK_H
#define MOON_BINDING_VALUE_WALK_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct moon_value_writer {
  void (*open)(void *ctx, bool array, size_t count); /* an array or object of so many items or members */
  void (*close)(void *ctx, bool array, size_t count);
  void (*key)(void *ctx, const char *text, size_t len);
  void (*string)(void *ctx, const char *text, size_t len);
  void (*word)(void *ctx, const char *text, size_t len); /* a number, true, false or null, as JSON writes it */
} moon_value_writer;

/* Visits the value at `index`. False: it cannot be written, and one string is pushed that says why, after "cannot be
 * written as <format>: ". Never raises. */
bool moon_value_walk(lua_State *L, int index, const char *format, const moon_value_writer *writer, void *ctx);

#endif
