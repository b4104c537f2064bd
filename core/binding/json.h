/* json.h: JSON to and from Lua values, without losing anything that Kubernetes can tell apart.
 *
 * What becomes what:
 *   object     table; its null members are moonpool.null, so that writing it back says the same
 *   array      table with the array metatable: emptied by a script it is still written as []
 *   string     string, every byte kept ("\u0000" too). A lone surrogate ("\ud800") becomes U+FFFD, as the API server
 *              itself would read it; bytes that are not UTF-8 are an error
 *   integer    Lua integer when it fits 64 bits
 *   float      Lua float ("1.0" and "-0" too), written back as the shortest text that gives the same float
 *   further    numbers beyond both (18446744073709551615, 1e400): a number object, a userdata that keeps the digits,
 *              counts as a float in arithmetic and comparison, and is written back digit for digit
 *   null       moonpool.null, a userdata of which there is one
 * The last of duplicate keys wins. Nesting is limited to MOON_JSON_MAX_DEPTH. How long a text may be is the business of
 * whoever feeds it: values take space in proportion to the text.
 *
 * The reader takes its text in pieces of any size, so that a big list is decoded while it arrives. All functions run on
 * the Lua thread. "May raise" means for lack of memory, and nothing here leaks when that happens. */
#ifndef MOON_BINDING_JSON_H
#define MOON_BINDING_JSON_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

#define MOON_JSON_MAX_DEPTH 1000

/* --- reading (json_read.c) -----------------------------------------------------------------------------------------
 */

typedef struct moon_json_reader moon_json_reader;

/* Pushes a reader as a full userdata (collected like any other) and returns it. Values under construction live on a
 * private Lua thread that the userdata keeps alive. May raise. */
moon_json_reader *moon_json_reader_push(lua_State *L);
/* Takes the next piece. False: the text is wrong (see moon_json_reader_error); further pieces are ignored. May raise;
 * the reader then counts as wrong until it is reset. */
bool moon_json_reader_feed(lua_State *L, moon_json_reader *reader, const char *bytes, size_t len);
/* The text is over: pushes the value and returns true, or pushes nothing and returns false when it is wrong or
 * incomplete. May raise. Before the next text: moon_json_reader_reset. */
bool moon_json_reader_finish(lua_State *L, moon_json_reader *reader);
/* What is wrong: "line 1, column 7: expected ',' or '}', got 'x'" (columns count bytes); NULL when nothing is. Valid
 * until the reader is reset or collected. Shows at most one character of the text. */
const char *moon_json_reader_error(const moon_json_reader *reader);
/* Forgets everything, ready for a new text. May raise. */
void moon_json_reader_reset(lua_State *L, moon_json_reader *reader);
/* Frees the reader's memory outside Lua, the error text too, when no text follows. The collector does that as well, but
 * later, and not for a reader that was made while the Lua universe was being closed. */
void moon_json_reader_close(moon_json_reader *reader);

/* --- writing (json_write.c) ----------------------------------------------------------------------------------------
 */

/* Appends the value at `index` as JSON, object keys in sorted order, so that the same value gives the same text.
 * `indent` > 0: pretty, with that many spaces a level. True: written. False: it cannot be written, `out` is as it was,
 * and one string is pushed that says why: "cannot be written as JSON: .spec.template is a function". Never raises, so
 * `out` may live on the C stack. Tables are read without metamethods: keys 1..n (or none, with the array metatable)
 * make an array, strings an object, anything else is refused. */
bool moon_json_write(lua_State *L, int index, int indent, moon_buffer *out);

/* --- the values that Lua lacks (json.c) -----------------------------------------------------------------------------
 */

void moon_json_push_null(lua_State *L);
bool moon_json_is_null(lua_State *L, int index);
/* Sets (pushes) the array metatable: on the table at `index`. */
void moon_json_mark_array(lua_State *L, int index);
void moon_json_push_array_meta(lua_State *L);
bool moon_json_is_array(lua_State *L, int index);
/* Pushes a number object; `text` is a valid JSON number. May raise. */
void moon_json_push_number(lua_State *L, const char *text, size_t len);
/* The digits of the number object at `index`; NULL when it is something else. */
const char *moon_json_number_text(lua_State *L, int index, size_t *len);

/* Pushes an empty buffer as a userdata, for text that is to become a Lua string: nothing leaks when that raises. */
moon_buffer *moon_json_push_buffer(lua_State *L);

/* Pushes a table with decode(text) -> value | nil, err; encode(value [, {indent = n}]) -> text | nil, err;
 * null; array(t) -> t. May raise. */
int moon_json_open(lua_State *L);

#endif
