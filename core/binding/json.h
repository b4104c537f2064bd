/* json.h: JSON to and from Lua values, without losing anything that Kubernetes can tell apart.
 *
 * Reading: objects and arrays become tables; integers that fit 64 bits become Lua integers, other numbers floats (an
 * integer beyond 64 bits, and a float whose shortest text differs from what was read, must still be written back
 * unchanged: see json.c for how); strings keep every byte, "\u0000" included; the last of duplicate keys wins; `[]` and
 * `{}` stay apart: an empty array (and only an empty one) carries the array metatable; null inside an array, and null
 * as a member of an object, is moonpool.null. Nesting is limited to 1,000 levels (MOON_JSON_MAX_DEPTH). Errors say
 * line, column, and what was expected.
 *
 * The reader takes its text in pieces of any size, so that a big list is decoded while it arrives. All functions run on
 * the Lua thread. They may raise only where it says so. */
#ifndef MOON_BINDING_JSON_H
#define MOON_BINDING_JSON_H

#include <lua.h>
#include <stddef.h>

#include "base/buffer.h"

#define MOON_JSON_MAX_DEPTH 1000

typedef struct moon_json_reader moon_json_reader;

/* Pushes a reader as a full userdata (collected like any other) and returns it. Values under construction live on a
 * private Lua thread that the userdata keeps alive. May raise for lack of memory. */
moon_json_reader *moon_json_reader_push(lua_State *L);
/* Takes the next piece. False: the text is wrong (see moon_json_reader_error); further pieces are ignored. May raise
 * for lack of memory. */
int moon_json_reader_feed(lua_State *L, moon_json_reader *reader, const char *bytes, size_t len);
/* The text is over: pushes the value and returns 1, or pushes nothing and returns 0 when it is wrong or incomplete. */
int moon_json_reader_finish(lua_State *L, moon_json_reader *reader);
/* What is wrong: "line 1, column 7: expected ',' or '}', got 'x'". Valid as long as the reader. */
const char *moon_json_reader_error(const moon_json_reader *reader);
/* Forgets everything, ready for a new text. */
void moon_json_reader_reset(lua_State *L, moon_json_reader *reader);

/* Appends the value at `index` as compact JSON. Returns NULL, or a static or reader-independent description of why it
 * cannot be written ("a function at .spec.template", mixed keys, a cycle, NaN), pushed on the stack as a string.
 * `indent` > 0: pretty, with that many spaces a level. Object keys are written in sorted order, so that the same value
 * gives the same text. */
const char *moon_json_write(lua_State *L, int index, int indent, moon_buffer *out);

/* Pushes moonpool.null / sets the array metatable on the table at `index`. */
void moon_json_push_null(lua_State *L);
void moon_json_mark_array(lua_State *L, int index);

/* Opens the module: pushes a table with decode(text) -> value | nil, err; encode(value [, {indent=n}]) -> text | nil,
 * err; null; array(t). */
int moon_json_open(lua_State *L);

#endif
