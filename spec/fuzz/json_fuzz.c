/* json_fuzz.c: throws bytes at the JSON reader and writer.
 *
 * For every input: read it whole, and in pieces cut at places that depend on the input. Both must give the same text or
 * the same error; what was read must be written, and that text read and written again unchanged; and what the writer
 * made must survive YAML too. Some inputs are also read as YAML.
 *
 * LLVMFuzzerTestOneInput is what libFuzzer and AFL++ call. Built with a main of its own (make fuzz) it needs no fuzzer:
 *   json_fuzz N [SEED] [FILE...]   N inputs made by mutating the built-in ones and FILEs
 */
#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "binding/json.h"
#include "binding/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static lua_State *L;
static moon_json_reader *whole_reader, *pieces_reader;

static void die(const char *what, const char *a, const char *b) {
  fprintf(stderr, "json_fuzz: %s\n  %s\n  %s\n", what, a, b);
  abort();
}

/* Reads the text in pieces of about `piece` bytes (0: whole); pushes the value, or returns the error. */
static const char *read_text(moon_json_reader *reader, const char *text, size_t len, size_t piece) {
  moon_json_reader_reset(L, reader);
  unsigned step = (unsigned)len;
  while (len > 0) {
    step = step * 1103515245u + 12345u;
    size_t now = piece ? 1 + (step >> 16) % piece : len;
    if (now > len) now = len;
    char *copy = malloc(now); /* so that a sanitizer sees a look beyond the piece */
    memcpy(copy, text, now);
    moon_json_reader_feed(L, reader, copy, now);
    free(copy);
    text += now;
    len -= now;
  }
  return moon_json_reader_finish(L, reader) ? NULL : moon_json_reader_error(reader);
}

static void write_top(moon_buffer *out, int indent) {
  if (!moon_json_write(L, -1, indent, out)) die("read but not written", lua_tostring(L, -1), "");
}

/* Whether a number in JSON text has a fraction or an exponent: YAML gives those without a fraction back as integers. */
static bool has_float(const char *json) {
  for (bool quoted = false; *json; json++) {
    if (*json == '"') quoted = !quoted;
    if (quoted && *json == '\\') json++;
    if (!quoted && (*json == '.' || ((*json | 0x20) == 'e' && json[-1] >= '0' && json[-1] <= '9'))) return true;
  }
  return false;
}

/* The value on top, whose JSON is given, must survive YAML. */
static void check_yaml(const moon_buffer *json) {
  moon_buffer yaml = {0}, back = {0};
  if (!moon_yaml_write(L, -1, &yaml)) die("JSON but not YAML", lua_tostring(L, -1), json->data);
  if (!moon_yaml_read(L, yaml.data, yaml.len)) die("YAML written but not read", lua_tostring(L, -1), yaml.data);
  lua_rawgeti(L, -1, 1);
  write_top(&back, 0);
  if (!has_float(json->data) && (json->len != back.len || memcmp(json->data, back.data, back.len) != 0))
    die("YAML changes the value", json->data, yaml.data);
  moon_buffer_free(&yaml);
  moon_buffer_free(&back);
  lua_pop(L, 2);
}

/* Any text may be YAML: reading must end well, and what was read, if JSON can say it, must be written and read again.
 */
static void try_as_yaml(const char *text, size_t len) {
  moon_buffer json = {0};
  if (moon_yaml_read(L, text, len) && moon_json_write(L, -1, 0, &json)) check_yaml(&json);
  moon_buffer_free(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = (const char *)data;
  if (!L) {
    L = luaL_newstate();
    whole_reader = moon_json_reader_push(L);
    pieces_reader = moon_json_reader_push(L);
  }
  int base = lua_gettop(L);
  const char *error = read_text(whole_reader, text, size, 0);
  size_t piece = 1 + size % 7;
  const char *pieces_error = read_text(pieces_reader, text, size, piece);
  if (!error != !pieces_error || (error && strcmp(error, pieces_error) != 0)) {
    die("pieces give another error", error ? error : "none", pieces_error ? pieces_error : "none");
  }
  if (!error) {
    moon_buffer first = {0}, second = {0};
    write_top(&first, 0);
    lua_pop(L, 1);
    write_top(&second, 0);
    if (first.len != second.len || memcmp(first.data, second.data, first.len) != 0)
      die("pieces give another value", first.data, second.data);
    moon_buffer_clear(&second);
    error = read_text(whole_reader, first.data, first.len, 0);
    if (error) die("written but not read", error, first.data);
    write_top(&second, 0);
    if (first.len != second.len || memcmp(first.data, second.data, first.len) != 0)
      die("written twice, differently", first.data, second.data);
    check_yaml(&first);
    moon_buffer_free(&first);
    moon_buffer_free(&second);
  }
  if (size % 4 == 0) try_as_yaml(text, size);
  lua_settop(L, base);
  return 0;
}

#ifdef MOON_FUZZ_MAIN

static const char *const seeds[] = {
    "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\",\"labels\":{\"a\":\"b\"},\"x\":null},\"spec\":{\"l\":[1,2.5,-3e2,"
    "true]}}",
    "[[],{},[[]],{\"a\":[]},\"\",\"\\u0000\\ud83d\\ude00\\ud800\\n\\\"\\\\/\"]",
    "[18446744073709551616,-9223372036854775808,9223372036854775807,1e400,-0,0.1,1E-7]",
    "{\"a\":1,\"a\":{\"a\":2,\"a\":3},\"\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}",
    " \n\t[ true , false , null ] \r\n",
    "{\"yes\":\"no\",\"1\":\"0x10\",\"- a\":\"b: c\\nd # e\\n\",\"~\":\"<<\"}",
    "a: &a [yes, 0x1F, ~, '1']\nb: {<<: {x: !!str 1}, ? y : *a}\nc: |+\n  line\n\n---\n- >-\n a\n b\n",
    "[\"line\\nline\\n\",\" lead\",\"trail \",\"\\t\",\"\\u2028\\u0085\\ufeff\",\"'\",\"%\",\"a\\r\\nb\"]",
};

typedef struct input {
  char *data;
  size_t len;
} input;

static char random_byte(void) {
  static const char telling[] = "{}[]\",:\\/bfnrtu0123456789.-+eE \n\ttruefalsn\xc3\xa9\xed\xa0\x80\xff";
  return moon_random_below(4) ? telling[moon_random_below(sizeof telling - 1)] : (char)moon_random_below(256);
}

/* Changes the text a little: bytes replaced, inserted, cut out; a part repeated, or taken from another input. */
static void mutate(input *in, const input *other) {
  size_t at = in->len ? moon_random_below(in->len) : 0, left = in->len - at;
  switch (moon_random_below(6)) {
  case 0:
    if (left) in->data[at] = random_byte();
    break;
  case 1:
    in->data = realloc(in->data, in->len + 1);
    memmove(in->data + at + 1, in->data + at, left);
    in->data[at] = random_byte();
    in->len++;
    break;
  case 2: {
    size_t cut = left ? 1 + moon_random_below(left < 8 ? left : 8) : 0;
    memmove(in->data + at, in->data + at + cut, left - cut);
    in->len -= cut;
    break;
  }
  case 3:
    if (left) in->data[at] ^= (char)(1 << moon_random_below(8));
    break;
  default: { /* a part of another input, or of this one, goes in */
    const input *from = moon_random_below(2) ? in : other;
    if (!from->len || in->len > 4096) break;
    size_t start = moon_random_below(from->len), most = from->len - start;
    size_t len = 1 + moon_random_below(most < 64 ? most : 64);
    char *part = malloc(len);
    memcpy(part, from->data + start, len);
    in->data = realloc(in->data, in->len + len);
    memmove(in->data + at + len, in->data + at, left);
    memcpy(in->data + at, part, len);
    in->len += len;
    free(part);
  }
  }
}

static input read_input(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) die("cannot open", path, "");
  input in = {0};
  size_t got;
  do {
    in.data = realloc(in.data, in.len + 65536);
    got = fread(in.data + in.len, 1, 65536, file);
    in.len += got;
  } while (got > 0);
  fclose(file);
  return in;
}

static input copy_input(const char *data, size_t len) {
  input in = {malloc(len + 1), len};
  memcpy(in.data, data, len);
  return in;
}

int main(int argc, char **argv) {
  long runs = argc > 1 ? atol(argv[1]) : 100000;
  uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
  size_t built_in = sizeof seeds / sizeof *seeds, count = built_in + (argc > 3 ? (size_t)argc - 3 : 0);
  input *corpus = calloc(count, sizeof *corpus);
  for (size_t i = 0; i < count; i++) {
    corpus[i] = i < built_in ? copy_input(seeds[i], strlen(seeds[i])) : read_input(argv[3 + i - built_in]);
    LLVMFuzzerTestOneInput((const uint8_t *)corpus[i].data, corpus[i].len);
  }
  moon_random_seed(seed);
  long valid = 0;
  for (long run = 0; run < runs; run++) {
    const input *from = &corpus[moon_random_below(count)];
    input in = copy_input(from->data, from->len);
    for (uint64_t i = moon_random_below(5) + 1; i > 0; i--) mutate(&in, &corpus[moon_random_below(count)]);
    LLVMFuzzerTestOneInput((const uint8_t *)in.data, in.len);
    if (!moon_json_reader_error(whole_reader)) valid++;
    free(in.data);
  }
  printf("json_fuzz: %ld inputs (seed %llu), %ld of them valid: all well\n", runs, (unsigned long long)seed, valid);
  for (size_t i = 0; i < count; i++) free(corpus[i].data);
  free(corpus);
  lua_close(L);
  return 0;
}

#endif
