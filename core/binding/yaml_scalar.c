/* yaml_scalar.c: the Lua value of a plain scalar, by the rules of kube/scalar.h.
 *
 * The first character decides what is tried: a letter can only begin one of the known words, a digit or a sign a
 * number. Underscores in numbers do not count. An integer may be written in bases 2, 8 (010 or 0o10), 10 and 16. */
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "binding/json.h"
#include "binding/yaml.h"
#include "kube/scalar.h"

enum { NUMBER_MAX = 400 }; /* longer scalars are strings */

static moon_yaml_kind push_word(lua_State *L, const char *text) {
  moon_word word = moon_scalar_word(text);
  switch (word) {
  case MOON_WORD_NULL:
    moon_json_push_null(L);
    return MOON_YAML_NULL;
  case MOON_WORD_TRUE:
  case MOON_WORD_FALSE:
    lua_pushboolean(L, word == MOON_WORD_TRUE);
    return MOON_YAML_BOOLEAN;
  case MOON_WORD_NAN:
    lua_pushnumber(L, NAN);
    return MOON_YAML_FLOAT;
  case MOON_WORD_INFINITY:
    lua_pushnumber(L, *text == '-' ? -INFINITY : INFINITY);
    return MOON_YAML_FLOAT;
  case MOON_WORD_MERGE:
    lua_pushliteral(L, "<<");
    return MOON_YAML_MERGE;
  default:
    return MOON_YAML_STRING;
  }
}

/* An integer of any base that fits 64 bits, signed or not; a decimal one of any size. Pushes nothing when false. */
static bool push_integer(lua_State *L, const char *text) {
  bool negative = *text == '-';
  const char *digits = text + (*text == '-' || *text == '+'), *end = digits;
  int base = 10;
  if (*digits == '0' && digits[1]) {
    char mark = (char)(digits[1] | 0x20);
    base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
    digits += 1 + (mark == 'x' || mark == 'b' || mark == 'o');
  }
  uint64_t value = 0;
  bool fits = true;
  for (end = digits; *end; end++) {
    char lower = (char)(*end | 0x20);
    int digit = *end >= '0' && *end <= '9' ? *end - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 99;
    if (digit >= base) return false;
    if (__builtin_mul_overflow(value, (uint64_t)base, &value) || __builtin_add_overflow(value, (uint64_t)digit, &value))
      fits = false;
  }
  if (end == digits) return false;
  if (fits && value <= (uint64_t)INT64_MAX + negative) {
    lua_pushinteger(L, (lua_Integer)(negative ? 0 - value : value));
  } else if (base == 10) {
    size_t from = *text == '+';
    moon_json_push_number(L, text + from, strlen(text + from));
  } else if (fits && !negative) {
    char decimal[24];
    moon_json_push_number(L, decimal, (size_t)snprintf(decimal, sizeof decimal, "%llu", (unsigned long long)value));
  } else {
    return false;
  }
  return true;
}

/* Whether a float is written as in JSON, which has no ".5", "5." and "05". */
static bool is_json_number(const char *text) {
  const char *digits = text + (*text == '-'), *point = strchr(digits, '.');
  if (*digits < '0' || *digits > '9' || (*digits == '0' && digits[1] >= '0' && digits[1] <= '9')) return false;
  return !point || (point[1] >= '0' && point[1] <= '9');
}

static moon_yaml_kind push_float(lua_State *L, const char *text) {
  lua_Number value = strtod_l(text, NULL, newlocale(LC_ALL_MASK, "C", NULL)); /* that locale is static */
  lua_Integer integer;
  if (isinf(value) && is_json_number(text)) {
    moon_json_push_number(L, text, strlen(text)); /* what moonpool writes it reads again */
  } else if (isinf(value)) {
    return MOON_YAML_STRING;
  } else if (lua_numbertointeger(value, &integer) && (lua_Number)integer == value && !(value == 0 && signbit(value))) {
    lua_pushinteger(L, integer); /* as kubectl hands 1.0 and 1e3 on: integer fields take nothing else */
  } else {
    lua_pushnumber(L, value);
  }
  return MOON_YAML_FLOAT;
}

moon_yaml_kind moon_yaml_push_plain(lua_State *L, const char *text, size_t len) {
  char copy[NUMBER_MAX];
  if (len < sizeof copy && !memchr(text, '\0', len)) {
    memcpy(copy, text, len);
    copy[len] = '\0';
    moon_yaml_kind kind = push_word(L, copy);
    if (kind != MOON_YAML_STRING) return kind;
    char first = *copy;
    if ((first >= '0' && first <= '9') || first == '+' || first == '-') {
      moon_scalar_ungroup(copy);
      if (push_integer(L, copy)) return MOON_YAML_INTEGER;
    }
    if (((first >= '0' && first <= '9') || first == '+' || first == '-' || first == '.') &&
        moon_scalar_is_decimal(copy)) {
      kind = push_float(L, copy);
      if (kind != MOON_YAML_STRING) return kind;
    }
  }
  lua_pushlstring(L, text, len);
  return MOON_YAML_STRING;
}

bool moon_yaml_is_plain_string(const char *text, size_t len) {
  static const char *const words[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", NULL};
  if (len == 0) return false;
  for (const char *const *word = words; *word; word++) {
    if (strlen(*word) == len && strncasecmp(text, *word, len) == 0) return false;
  }
  return !strchr("0123456789+-.~=<", *text); /* numbers, dates, times, .inf and ~ however a reader likes them */
}
