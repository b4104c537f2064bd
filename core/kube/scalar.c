/* scalar.c: see scalar.h. */
#include "kube/scalar.h"

#include <stddef.h>
#include <string.h>

moon_word moon_scalar_word(const char *text) {
  static const struct {
    const char *text;
    moon_word word;
  } words[] = {
      {"", MOON_WORD_NULL},          {"~", MOON_WORD_NULL},         {"null", MOON_WORD_NULL},
      {"Null", MOON_WORD_NULL},      {"NULL", MOON_WORD_NULL},      {"y", MOON_WORD_TRUE},
      {"Y", MOON_WORD_TRUE},         {"yes", MOON_WORD_TRUE},       {"Yes", MOON_WORD_TRUE},
      {"YES", MOON_WORD_TRUE},       {"true", MOON_WORD_TRUE},      {"True", MOON_WORD_TRUE},
      {"TRUE", MOON_WORD_TRUE},      {"on", MOON_WORD_TRUE},        {"On", MOON_WORD_TRUE},
      {"ON", MOON_WORD_TRUE},        {"n", MOON_WORD_FALSE},        {"N", MOON_WORD_FALSE},
      {"no", MOON_WORD_FALSE},       {"No", MOON_WORD_FALSE},       {"NO", MOON_WORD_FALSE},
      {"false", MOON_WORD_FALSE},    {"False", MOON_WORD_FALSE},    {"FALSE", MOON_WORD_FALSE},
      {"off", MOON_WORD_FALSE},      {"Off", MOON_WORD_FALSE},      {"OFF", MOON_WORD_FALSE},
      {".nan", MOON_WORD_NAN},       {".NaN", MOON_WORD_NAN},       {".NAN", MOON_WORD_NAN},
      {".inf", MOON_WORD_INFINITY},  {".Inf", MOON_WORD_INFINITY},  {".INF", MOON_WORD_INFINITY},
      {"+.inf", MOON_WORD_INFINITY}, {"+.Inf", MOON_WORD_INFINITY}, {"+.INF", MOON_WORD_INFINITY},
      {"-.inf", MOON_WORD_INFINITY}, {"-.Inf", MOON_WORD_INFINITY}, {"-.INF", MOON_WORD_INFINITY},
      {"<<", MOON_WORD_MERGE},
  };
  if (strlen(text) > strlen("false")) return MOON_WORD_NONE;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    if (strcmp(text, words[i].text) == 0) return words[i].word;
  }
  return MOON_WORD_NONE;
}

static bool skip_digits(const char **text) {
  const char *start = *text;
  while (**text >= '0' && **text <= '9') ++*text;
  return *text > start;
}

bool moon_scalar_is_decimal(const char *text) {
  if (*text == '-' || *text == '+') text++;
  bool digits = skip_digits(&text);
  if (*text == '.') {
    text++;
    digits = skip_digits(&text) || digits;
  }
  if (!digits) return false;
  if (*text == 'e' || *text == 'E') {
    text++;
    if (*text == '-' || *text == '+') text++;
    if (!skip_digits(&text)) return false;
  }
  return *text == '\0';
}

void moon_scalar_ungroup(char *text) {
  char *to = text;
  for (const char *from = text; *from; from++) {
    if (*from != '_') *to++ = *from;
  }
  *to = '\0';
}
