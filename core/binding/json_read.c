/* json_read.c: the reader: JSON in pieces to Lua values.
 *
 * A state machine over bytes with a stack of its own for open arrays and objects. It makes no tree: finished values
 * wait on the stack of a private Lua thread until their array or object closes, and then move into a table of exactly
 * the right size. That thread is a coroutine which is resumed with each piece and yields for the next: values keep
 * their places, and an error of Lua's (no memory) ends the coroutine, not the caller.
 *
 * Places on that stack: NULL_PLACE, ARRAY_PLACE, then per open level one place for its table (nil until it is needed)
 * and the values, or keys and values, that wait. Levels with many values move them into the table early (see
 * make_room).
 *
 * A token that a piece cuts in two is gathered in `carry` and read from there, so that the functions that read tokens
 * always see them whole; `origin` says which bytes are being read, for the place in error messages. */
#include "binding/json.h"

#include <lauxlib.h>
#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "binding/collector.h"

#define READER_META "moonpool.json.reader"

enum {
  NULL_PLACE = 1,
  ARRAY_PLACE = 2,
  ROOT_PLACE = 3,
  STACK_STEP = 512,       /* Lua stack is asked for in steps */
  EARLY_TOP = 65536,      /* from this height on, levels move values into their table early ... */
  EARLY_COUNT = 256,      /* ... when they have at least so many: 1,000 levels of less stay below Lua's 1,000,000 */
  CARRY_KEPT = 64 * 1024, /* memory kept between texts */
};

/* From SPARE_FROM bytes of a text on, the collector is spared (see collector.h), until SPARE_MAX KiB were made of it.
 */
enum {
  SLICE = 256 * 1024,
  SPARE_FROM = 512 * 1024,
  SPARE_MAX = 256 * 1024,
  CREDIT_FACTOR = 4
}; /* KiB of values per KiB of text, at most, as a rule */

typedef enum expecting { VALUE, FIRST_ITEM, FIRST_KEY, KEY, COLON, NEXT, END } expecting;
typedef enum token { NO_TOKEN, STRING, NUMBER, WORD } token;
typedef enum order { READ, GIVE, FORGET } order;

enum { HAS_ESCAPE = 1, HAS_HIGH = 2, ENDS_IN_ESCAPE = 4 };

typedef struct level {
  int place; /* of the table; values wait above it */
  bool array;
  bool made; /* the table exists */
  lua_Integer items;
} level;

struct moon_json_reader {
  lua_State *values; /* the private thread; kept alive by the userdata's user value */
  bool running;      /* its coroutine has been started */
  order order;       /* what it shall do when resumed */
  int top, room;     /* its height, and up to where Lua has promised space */
  level *levels;     /* the open ones */
  int depth, level_capacity;

  expecting state;
  token token; /* cut in two by the end of the piece */
  int string_flags;
  moon_buffer carry, unescaped;

  const char *piece, *piece_end;
  const char *origin;                         /* what is being read: the piece or the carry ... */
  uint64_t origin_offset, read, token_offset; /* ... and where it, the piece, the cut token begin in the text */
  uint64_t line, line_offset;
  bool finishing; /* the piece is not of the text, but a space to end its last token */
  char *error;
  int spared; /* KiB that were made of this text while the collector did not hear of it */
};

/* --- errors --- */

static void fail_at_offset(moon_json_reader *r, uint64_t offset, const char *what) {
  r->error = moon_sprintf("line %llu, column %llu: %s", (unsigned long long)r->line,
                          (unsigned long long)(offset - r->line_offset + 1), what);
}

/* `at` points at the byte that should not be there, in the bytes that origin describes. Returns NULL. */
static const char *fail(moon_json_reader *r, const char *at, const char *expected) {
  unsigned char c = (unsigned char)*at;
  char got[32], text[160];
  if (r->finishing && at >= r->origin && (r->origin == r->piece || at == r->origin + r->carry.len - 1)) {
    snprintf(got, sizeof got, "the end of the text");
  } else if (c > ' ' && c < 0x7f) {
    snprintf(got, sizeof got, "'%c'", c);
  } else {
    snprintf(got, sizeof got, c == ' ' ? "a space" : "byte 0x%02x", c);
  }
  snprintf(text, sizeof text, "expected %s, got %s", expected, got);
  fail_at_offset(r, r->origin_offset + (uint64_t)(at - r->origin), text);
  return NULL;
}

static const char *expectation(const moon_json_reader *r) {
  switch (r->state) {
  case VALUE:
    return "a value";
  case FIRST_ITEM:
    return "a value or ']'";
  case FIRST_KEY:
    return "a key in quotes or '}'";
  case KEY:
    return "a key in quotes";
  case COLON:
    return "':'";
  case NEXT:
    return r->levels[r->depth - 1].array ? "',' or ']'" : "',' or '}'";
  case END:
    break;
  }
  return "nothing after the value";
}

/* --- tokens --- */

static bool has_byte_below(uint64_t word, unsigned limit) { /* limit <= 0x80; exact when no byte is >= 0x80 */
  return ((word - 0x0101010101010101u * limit) & ~word & 0x8080808080808080u) != 0;
}

/* Jumps over bytes that mean themselves in a string: returns the first that is a quote, a backslash, a control
 * character, or not ASCII, or end. May stop earlier, never later. */
static const char *skip_plain(const char *p, const char *end) {
  while (end - p >= 8) {
    uint64_t word;
    memcpy(&word, p, sizeof word);
    if ((word & 0x8080808080808080u) || has_byte_below(word, 0x20) || has_byte_below(word ^ 0x2222222222222222u, 1) ||
        has_byte_below(word ^ 0x5c5c5c5c5c5c5c5cu, 1))
      break;
    p += 8;
  }
  while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80) p++;
  return p;
}

/* Finds the quote that ends a string: returns it, or the control character that is in the way, or end. */
static const char *find_string_end(const char *p, const char *end, int *flags) {
  if (*flags & ENDS_IN_ESCAPE && p < end) {
    *flags &= ~ENDS_IN_ESCAPE;
    p++;
  }
  for (;;) {
    p = skip_plain(p, end);
    if (p == end || *p == '"') return p;
    if (*p == '\\') {
      *flags |= HAS_ESCAPE;
      if (end - p == 1) {
        *flags |= ENDS_IN_ESCAPE;
        return end;
      }
      p += 2;
    } else if ((unsigned char)*p < 0x20) {
      return p;
    } else {
      *flags |= HAS_HIGH;
      while (p < end && (unsigned char)*p >= 0x80) p++;
    }
  }
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four hex digits at p; -1 when they are not (or not all before end). */
static int32_t hex4(const char *p, const char *end) {
  if (end - p < 4) return -1;
  int32_t value = 0;
  for (int i = 0; i < 4; i++) {
    int digit = hex_digit(p[i]);
    if (digit < 0) return -1;
    value = value << 4 | digit;
  }
  return value;
}

/* Reads "\uXXXX" (p is after the 'u'), with its second half if it is a pair. */
static const char *read_unicode_escape(moon_json_reader *r, const char *p, const char *end, char **to) {
  int32_t code = hex4(p, end);
  if (code < 0) {
    while (hex_digit(*p) >= 0) p++; /* stops at the closing quote at the latest */
    return fail(r, p, "four hexadecimal digits after \\u");
  }
  p += 4;
  if (code >= 0xd800 && code < 0xe000) {
    int32_t low = code < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u' ? hex4(p + 2, end) : -1;
    if (low >= 0xdc00 && low < 0xe000) {
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      p += 6;
    } else {
      code = 0xfffd;
    }
  }
  *to = moon_utf8_put(*to, (uint32_t)code);
  return p;
}

/* Pushes the string between p and end (its closing quote), which has escapes. The text never gets longer. */
static bool push_unescaped(moon_json_reader *r, const char *p, const char *end) {
  moon_buffer_clear(&r->unescaped);
  moon_buffer_reserve(&r->unescaped, (size_t)(end - p));
  char *to = r->unescaped.data;
  while (p < end) {
    const char *escape = memchr(p, '\\', (size_t)(end - p));
    size_t plain = (size_t)((escape ? escape : end) - p);
    memcpy(to, p, plain);
    to += plain;
    if (!escape) break;
    p = escape + 2;
    switch (escape[1]) {
    case '"':
    case '\\':
    case '/':
      *to++ = escape[1];
      break;
    case 'b':
      *to++ = '\b';
      break;
    case 'f':
      *to++ = '\f';
      break;
    case 'n':
      *to++ = '\n';
      break;
    case 'r':
      *to++ = '\r';
      break;
    case 't':
      *to++ = '\t';
      break;
    case 'u':
      p = read_unicode_escape(r, p, end, &to);
      if (!p) return false;
      break;
    default:
      fail(r, escape + 1, "one of \" \\ / b f n r t u after a backslash");
      return false;
    }
  }
  lua_pushlstring(r->values, r->unescaped.data, (size_t)(to - r->unescaped.data));
  return true;
}

/* Pushes the string between p and end, its closing quote. */
static bool push_string(moon_json_reader *r, const char *p, const char *end, int flags) {
  if (flags & HAS_HIGH) {
    const char *bad = moon_utf8_check(p, end);
    if (bad != end) {
      fail(r, bad, "UTF-8");
      return false;
    }
  }
  if (flags & HAS_ESCAPE) return push_unescaped(r, p, end);
  lua_pushlstring(r->values, p, (size_t)(end - p));
  return true;
}

static const char *skip_digits(const char *p, const char *end) {
  while (p < end && *p >= '0' && *p <= '9') p++;
  return p;
}

/* Pushes a number that is no int64: a float, or a number object when that would lose it. */
static void push_other_number(lua_State *values, const char *text, size_t len, bool integer) {
  char small[64];
  char *copy = len < sizeof small ? small : moon_alloc(len + 1); /* strtod wants an end */
  memcpy(copy, text, len);
  copy[len] = '\0';
  double value = strtod_l(copy, NULL, newlocale(LC_ALL_MASK, "C", NULL)); /* that locale is static */
  if (copy != small) free(copy);
  if ((integer && value != 0) || value - value != 0) {
    moon_json_push_number(values, text, len);
  } else {
    lua_pushnumber(values, value);
  }
}

/* Reads the number at p and pushes it. Returns the place after it, NULL when it is wrong, or NULL with *cut when it may
 * go on after end. `whole`: it does not, and *end can be read. */
static const char *read_number(moon_json_reader *r, const char *p, const char *end, bool whole, bool *cut) {
  const char *start = p, *digits;
  bool integer = true;
  if (*p == '-') p++;
  digits = p;
  p = skip_digits(p, end);
  if (p == end && !whole) goto cut;
  if (p == digits) return fail(r, p, "a digit");
  if (*digits == '0' && p - digits > 1) return fail(r, digits + 1, "no digit after a leading 0");
  if (p < end && *p == '.') {
    integer = false;
    const char *fraction = ++p;
    p = skip_digits(p, end);
    if (p == end && !whole) goto cut;
    if (p == fraction) return fail(r, p, "a digit");
  }
  if (p < end && (*p | 0x20) == 'e') {
    integer = false;
    p++;
    if (p < end && (*p == '+' || *p == '-')) p++;
    const char *exponent = p;
    p = skip_digits(p, end);
    if (p == end && !whole) goto cut;
    if (p == exponent) return fail(r, p, "a digit");
  }
  bool negative = *start == '-';
  if (integer && p - digits <= 19 && !(negative && *digits == '0')) {
    uint64_t value = 0;
    for (const char *d = digits; d < p; d++) value = value * 10 + (uint64_t)(*d - '0');
    if (value <= (uint64_t)INT64_MAX + negative) {
      lua_pushinteger(r->values, (lua_Integer)(negative ? 0 - value : value));
      return p;
    }
  }
  push_other_number(r->values, start, (size_t)(p - start), integer);
  return p;
cut:
  *cut = true;
  return NULL;
}

/* The same for true, false and null. */
static const char *read_word(moon_json_reader *r, const char *p, const char *end, bool whole, bool *cut) {
  static const char *const words[] = {"true", "false", "null"};
  const char *word = words[*p == 't' ? 0 : *p == 'f' ? 1 : 2];
  for (const char *c = word; *c; c++, p++) {
    if (p == end && !whole) {
      *cut = true;
      return NULL;
    }
    if (p == end || *p != *c) {
      char expected[16];
      snprintf(expected, sizeof expected, "'%s'", word);
      return fail(r, p, expected);
    }
  }
  if (*word == 'n') {
    lua_pushvalue(r->values, NULL_PLACE);
  } else {
    lua_pushboolean(r->values, *word == 't');
  }
  return p;
}

static void keep_cut_token(moon_json_reader *r, token kind, const char *start) {
  r->token = kind;
  r->token_offset = r->origin_offset + (uint64_t)(start - r->origin);
  moon_buffer_clear(&r->carry);
  moon_buffer_add(&r->carry, start, (size_t)(r->piece_end - start));
}

/* Reads the string whose opening quote is at p and pushes it. Returns the place after it, or NULL: wrong, or cut. */
static const char *read_string(moon_json_reader *r, const char *p) {
  int flags = 0;
  const char *end = find_string_end(p + 1, r->piece_end, &flags);
  if (end == r->piece_end) {
    keep_cut_token(r, STRING, p);
    r->string_flags = flags;
    return NULL;
  }
  if (*end != '"') return fail(r, end, "no control character in a string");
  return push_string(r, p + 1, end, flags) ? end + 1 : NULL;
}

/* Reads the number or word at p and pushes it. */
static const char *read_bare(moon_json_reader *r, const char *p, token kind) {
  bool cut = false;
  const char *after =
      kind == NUMBER ? read_number(r, p, r->piece_end, false, &cut) : read_word(r, p, r->piece_end, false, &cut);
  if (cut) keep_cut_token(r, kind, p);
  return after;
}

static bool goes_on(token kind, char c) {
  if (kind == WORD) return c >= 'a' && c <= 'z';
  return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* Goes on with the token that the last piece cut. Returns the place after it, with its value pushed, or NULL: wrong, or
 * still not whole. */
static const char *read_cut_token(moon_json_reader *r) {
  const char *end = r->piece;
  if (r->token == STRING) {
    end = find_string_end(end, r->piece_end, &r->string_flags);
  } else {
    while (end < r->piece_end && goes_on(r->token, *end)) end++;
  }
  bool whole = end < r->piece_end;
  moon_buffer_add(&r->carry, r->piece, (size_t)(end - r->piece) + whole); /* with the byte that ended it */
  if (!whole) return NULL;

  token kind = r->token;
  const char *start = r->carry.data, *last = start + r->carry.len - 1, *after;
  bool cut = false;
  r->token = NO_TOKEN;
  r->origin = start;
  r->origin_offset = r->token_offset;
  if (kind == STRING) {
    if (*last != '"') return fail(r, last, "no control character in a string");
    after = push_string(r, start + 1, last, r->string_flags) ? last : NULL;
    end++;
  } else {
    after = kind == NUMBER ? read_number(r, start, last, true, &cut) : read_word(r, start, last, true, &cut);
  }
  if (!after) return NULL;
  if (after < last) {
    r->state = r->depth ? NEXT : END;
    return fail(r, after, expectation(r));
  }
  r->origin = r->piece;
  r->origin_offset = r->read;
  return end;
}

/* --- levels --- */

static void need_room(moon_json_reader *r, int count) {
  if (r->top + count <= r->room) return;
  luaL_checkstack(r->values, STACK_STEP, "JSON");
  r->room = r->top + STACK_STEP;
}

static bool open_level(moon_json_reader *r, const char *at, bool array) {
  if (r->depth == MOON_JSON_MAX_DEPTH) {
    char text[64];
    snprintf(text, sizeof text, "nested deeper than %d levels", MOON_JSON_MAX_DEPTH);
    fail_at_offset(r, r->origin_offset + (uint64_t)(at - r->origin), text);
    return false;
  }
  if (r->depth == r->level_capacity) {
    r->level_capacity = r->level_capacity ? 2 * r->level_capacity : 16;
    r->levels = moon_realloc(r->levels, (size_t)r->level_capacity * sizeof *r->levels);
  }
  need_room(r, 4);
  lua_pushnil(r->values);
  r->levels[r->depth++] = (level){.place = ++r->top, .array = array};
  return true;
}

/* Moves what waits into the level's table. */
static void fill_table(moon_json_reader *r, level *in) {
  lua_State *V = r->values;
  int place = in->place, waiting = r->top - place;
  if (!in->made) {
    lua_createtable(V, in->array ? waiting : 0, in->array ? 0 : waiting / 2);
    lua_replace(V, place);
    in->made = true;
  }
  if (in->array) {
    in->items += waiting;
    for (int i = 0; i < waiting; i++) lua_rawseti(V, place, in->items - i); /* takes the last one off the stack */
  } else {
    for (int i = place + 1; i < r->top; i += 2) { /* from the first on: the last of equal keys wins */
      lua_pushvalue(V, i);
      lua_pushvalue(V, i + 1);
      lua_rawset(V, place);
    }
    lua_settop(V, place);
  }
  r->top = place;
}

static void close_level(moon_json_reader *r) {
  level *in = &r->levels[r->depth - 1];
  fill_table(r, in);
  if (in->array) {
    lua_pushvalue(r->values, ARRAY_PLACE);
    lua_setmetatable(r->values, in->place);
  }
  r->depth--;
  r->state = r->depth ? NEXT : END;
}

/* A value is to follow in the innermost level: gives it a place. */
static void make_room(moon_json_reader *r) {
  if (r->top >= EARLY_TOP) {
    level *in = &r->levels[r->depth - 1];
    if (r->top - in->place >= EARLY_COUNT) fill_table(r, in);
  }
  need_room(r, 4);
}

/* --- the state machine --- */

static const char *skip_space(moon_json_reader *r, const char *p) {
  for (; p < r->piece_end; p++) {
    if (*p == '\n') {
      r->line++;
      r->line_offset = r->origin_offset + (uint64_t)(p - r->origin) + 1;
    } else if (*p != ' ' && *p != '\t' && *p != '\r') {
      break;
    }
  }
  return p;
}

/* Reads as much of the piece as there is. Each state is a place in this function; at the end of the piece `state` says
 * where to go on. */
static void read_piece(moon_json_reader *r) {
  const char *p = r->piece;
  if (r->token != NO_TOKEN) {
    p = read_cut_token(r);
    if (!p) return;
    r->top++;
    if (r->state == KEY) goto colon;
    goto next;
  }
  switch (r->state) {
  case VALUE:
    goto value;
  case FIRST_ITEM:
    goto first_item;
  case FIRST_KEY:
    goto first_key;
  case KEY:
    goto key;
  case COLON:
    goto colon;
  case NEXT:
  case END:
    goto next;
  }

first_item:
  r->state = FIRST_ITEM;
  p = skip_space(r, p);
  if (p == r->piece_end) return;
  if (*p == ']') goto close;

value:
  if (r->state != FIRST_ITEM) {
    r->state = VALUE;
    p = skip_space(r, p);
    if (p == r->piece_end) return;
  }
  switch (*p) {
  case '"':
    p = read_string(r, p);
    break;
  case '{':
    if (!open_level(r, p++, false)) return;
    goto first_key;
  case '[':
    if (!open_level(r, p++, true)) return;
    goto first_item;
  case '-':
  case '0':
  case '1':
  case '2':
  case '3':
  case '4':
  case '5':
  case '6':
  case '7':
  case '8':
  case '9':
    p = read_bare(r, p, NUMBER);
    break;
  case 't':
  case 'f':
  case 'n':
    p = read_bare(r, p, WORD);
    break;
  default:
    fail(r, p, expectation(r));
    return;
  }
  if (!p) return;
  r->top++;

next:
  r->state = r->depth ? NEXT : END;
  p = skip_space(r, p);
  if (p == r->piece_end) return;
  if (r->state == NEXT) {
    bool array = r->levels[r->depth - 1].array;
    if (*p == ',') {
      p++;
      make_room(r);
      r->state = VALUE;
      if (array) goto value;
      goto key;
    }
    if (*p == (array ? ']' : '}')) goto close;
  }
  fail(r, p, expectation(r));
  return;

close:
  close_level(r);
  p++;
  goto next;

first_key:
  r->state = FIRST_KEY;
  p = skip_space(r, p);
  if (p == r->piece_end) return;
  if (*p == '}') goto close;

key:
  if (r->state != FIRST_KEY) {
    r->state = KEY;
    p = skip_space(r, p);
    if (p == r->piece_end) return;
  }
  if (*p != '"') {
    fail(r, p, expectation(r));
    return;
  }
  r->state = KEY;
  p = read_string(r, p);
  if (!p) return;
  r->top++;

colon:
  r->state = COLON;
  p = skip_space(r, p);
  if (p == r->piece_end) return;
  if (*p != ':') {
    fail(r, p, expectation(r));
    return;
  }
  p++;
  r->state = VALUE;
  goto value;
}

/* --- the coroutine --- */

static int go_on(lua_State *V, int status, lua_KContext context) {
  moon_json_reader *r = (moon_json_reader *)context;
  switch (r->order) {
  case READ:
    read_piece(r);
    break;
  case GIVE:
    return lua_yieldk(V, 1, context, go_on); /* the value is on top */
  case FORGET:
    lua_settop(V, ROOT_PLACE - 1);
    break;
  }
  return lua_yieldk(V, 0, context, go_on);
}

static int begin(lua_State *V) {
  void *r = lua_touserdata(V, 1);
  lua_settop(V, 0);
  moon_json_push_null(V);
  moon_json_push_array_meta(V);
  return go_on(V, LUA_OK, (lua_KContext)r);
}

/* Lets the coroutine do `what`. Raises what it raises. */
static void resume(lua_State *L, moon_json_reader *r, order what) {
  int results, arguments = 0;
  r->order = what;
  if (!r->running) {
    r->running = true;
    lua_pushcfunction(r->values, begin);
    lua_pushlightuserdata(r->values, r);
    arguments = 1;
  }
  if (lua_resume(r->values, L, arguments, &results) == LUA_YIELD) return;
  lua_xmove(r->values, L, 1);
  lua_resetthread(r->values);
  r->running = false;
  r->room = LUA_MINSTACK;
  if (!r->error) r->error = moon_strdup("not enough memory");
  lua_error(L);
}

static void read_bytes(lua_State *L, moon_json_reader *r, const char *bytes, size_t len) {
  r->piece = r->origin = bytes;
  r->piece_end = bytes + len;
  r->origin_offset = r->read;
  resume(L, r, READ);
  if (!r->finishing) r->read += len;
}

/* --- the reader as others see it --- */

static void forget(moon_json_reader *r) {
  r->top = ROOT_PLACE - 1;
  r->depth = 0;
  r->state = VALUE;
  r->token = NO_TOKEN;
  r->read = r->line_offset = 0;
  r->line = 1;
  r->finishing = false;
  r->spared = 0;
  free(r->error);
  r->error = NULL;
  if (r->carry.capacity > CARRY_KEPT) moon_buffer_free(&r->carry);
  if (r->unescaped.capacity > CARRY_KEPT) moon_buffer_free(&r->unescaped);
}

void moon_json_reader_close(moon_json_reader *r) {
  free(r->levels);
  free(r->error);
  moon_buffer_free(&r->carry);
  moon_buffer_free(&r->unescaped);
  r->levels = NULL;
  r->level_capacity = 0;
  r->error = NULL;
}

static int collect(lua_State *L) {
  moon_json_reader_close(lua_touserdata(L, 1));
  return 0;
}

moon_json_reader *moon_json_reader_push(lua_State *L) {
  luaL_checkstack(L, 4, "JSON");
  moon_json_reader *r = lua_newuserdatauv(L, sizeof *r, 1);
  *r = (moon_json_reader){.room = LUA_MINSTACK};
  forget(r);
  r->values = lua_newthread(L);
  lua_setiuservalue(L, -2, 1);
  if (luaL_newmetatable(L, READER_META)) {
    lua_pushcfunction(L, collect);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  return r;
}

bool moon_json_reader_feed(lua_State *L, moon_json_reader *r, const char *bytes, size_t len) {
  luaL_checkstack(L, 6, "JSON");
  while (len > 0 && !r->error) {
    size_t slice = len < SLICE ? len : SLICE;
    int kib = (int)(slice / 1024 + 1) * CREDIT_FACTOR;
    moon_collector_loan loan;
    bool spare = r->read >= SPARE_FROM && r->spared < SPARE_MAX && moon_collector_borrow(L, &loan, kib, r->spared == 0);
    read_bytes(L, r, bytes, slice);
    if (spare) r->spared += moon_collector_settle(L, &loan);
    bytes += slice;
    len -= slice;
  }
  return !r->error;
}

bool moon_json_reader_finish(lua_State *L, moon_json_reader *r) {
  if (!r->error && (r->token == NUMBER || r->token == WORD)) {
    r->finishing = true;
    read_bytes(L, r, " ", 1);
  }
  if (!r->error && r->token == STRING) {
    fail_at_offset(r, r->token_offset, "the string that begins here does not end");
  } else if (!r->error && r->state != END) {
    char text[64];
    snprintf(text, sizeof text, "expected %s, got the end of the text", expectation(r));
    fail_at_offset(r, r->read, text);
  }
  if (r->error) return false;
  resume(L, r, GIVE);
  lua_xmove(r->values, L, 1);
  return true;
}

const char *moon_json_reader_error(const moon_json_reader *r) {
  return r->error;
}

void moon_json_reader_reset(lua_State *L, moon_json_reader *r) {
  forget(r);
  if (r->running) resume(L, r, FORGET);
}
