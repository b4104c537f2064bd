/* scalar.h: what plain YAML scalars are, by the rules of the YAML library that kubectl and the API server use.
 *
 * Words and the syntax of decimal numbers only: kubeconfigs (document.c) need no values, and what Lua makes of numbers
 * is its own business (binding/yaml_scalar.c). Functions without state; any thread. Texts are NUL-terminated. */
#ifndef MOON_KUBE_SCALAR_H
#define MOON_KUBE_SCALAR_H

#include <stdbool.h>

typedef enum moon_word {
  MOON_WORD_NONE,     /* none of these: a number or a string */
  MOON_WORD_NULL,     /* nothing, ~, null */
  MOON_WORD_TRUE,     /* true, yes, on, y */
  MOON_WORD_FALSE,    /* false, no, off, n */
  MOON_WORD_NAN,      /* .nan */
  MOON_WORD_INFINITY, /* .inf, with or without a sign */
  MOON_WORD_MERGE     /* << */
} moon_word;

/* Words are known in lower case, in upper case, and with one capital letter. */
moon_word moon_scalar_word(const char *text);
/* [sign] digits [. digits] [e [sign] digits], with a digit on at least one side of the point. */
bool moon_scalar_is_decimal(const char *text);
/* Takes out the underscores that may group the digits of a number. */
void moon_scalar_ungroup(char *text);

#endif
