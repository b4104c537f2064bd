/* yaml.h: YAML to and from the same Lua values as JSON (json.h), read as kubectl reads it.
 *
 * Reading (yaml_read.c): YAML 1.1 as Kubernetes understands it (sigs.k8s.io/yaml). Plain scalars: yes, on and y are
 * true, no, off and n are false (also as keys, which become strings: `on:` is "true"), 0x10 is 16, 010 is 8, 1_000 is
 * 1000, 1e3 and 1.0 are the integers 1000 and 1, ~ and nothing are null, and dates stay strings. Quoted scalars are
 * strings.
 * `<<` merges in the order of the text, so keys after it override. The last of duplicate keys wins. An alias is a copy;
 * all copies together are limited. Integers beyond 64 bits keep their digits, where kubectl makes them floats.
 *
 * Writing (yaml_write.c): block style, sorted keys, quotes where any reader could see something else than a string. */
#ifndef MOON_BINDING_YAML_H
#define MOON_BINDING_YAML_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

#define MOON_YAML_MAX_COPIES 1000000 /* values that aliases may add to a text */

/* Reads every document of the text and pushes an array of them; documents without content are left out. With `lines` it
 * pushes a table as well, which says for every object and array in them in which line each member begins: lines[value]
 * is a table of the same keys (those that "<<" merged are missing); and a key that an object has twice is an error.
 * False: it is not YAML; a string is pushed that says why: "line 2, column 3: ...". Never raises. */
bool moon_yaml_read(lua_State *L, const char *text, size_t len, bool lines);
/* Appends the value at `index` as one document. As moon_json_write. */
bool moon_yaml_write(lua_State *L, int index, moon_buffer *out);

/* What a plain scalar is. */
typedef enum moon_yaml_kind {
  MOON_YAML_STRING,
  MOON_YAML_NULL,
  MOON_YAML_BOOLEAN,
  MOON_YAML_INTEGER,
  MOON_YAML_FLOAT,
  MOON_YAML_MERGE
} moon_yaml_kind;
/* Pushes the value of a plain scalar (a merge as the string "<<") and returns its kind. May raise. */
moon_yaml_kind moon_yaml_push_plain(lua_State *L, const char *text, size_t len);
/* True when every YAML reader sees a string in the plain scalar (if it may stand plain at all). */
bool moon_yaml_is_plain_string(const char *text, size_t len);

/* Pushes a table with decode(text) -> value | nil, err; decodeWithLines(text) -> value, lines | nil, err;
 * decodeAll(text) -> array | nil, err; encode(value) -> text | nil, err. May raise. */
int moon_yaml_open(lua_State *L);

#endif
