/* options.h: the command line of the program: what there is to say on it, and what was said.
 *
 * One table of options, one of subcommands and one of exit codes (options.c). Everything that speaks of them is made
 * from these: parsing, --help, what Lua sees (completion, the man page, the reference). A new option is a row in the
 * table and an id here; what was given reaches Lua as core.chosen without more. Used by the main thread. */
#ifndef MOON_CLI_OPTIONS_H
#define MOON_CLI_OPTIONS_H

#include <lua.h>
#include <stdbool.h>
#include <stdio.h>

/* In the order in which they are told of. */
typedef enum option_id {
  OPTION_CODE,
  OPTION_MODULE,
  OPTION_INTERACTIVE,
  OPTION_CONFIG,
  OPTION_KUBECONFIG,
  OPTION_CONTEXT,
  OPTION_STRATEGY,
  OPTION_READ_ONLY,
  OPTION_ALLOW_PROTECTED,
  OPTION_OUTPUT,
  OPTION_LOG_LEVEL,
  OPTION_LOG_FORMAT,
  OPTION_VERSION,
  OPTION_HELP,
  OPTION_COUNT
} option_id;

typedef struct given_option {
  option_id id;
  const char *value; /* NULL: it takes none */
} given_option;

typedef struct options {
  given_option *given; /* in the order of the command line */
  int count;
  int script; /* index in argv; argc: none */
} options;

/* Reads the options up to the script. EXIT_USAGE: one is wrong, and standard error says how. `out` is the caller's to
 * free with options_free, in both cases; its texts are argv's. */
int options_parse(int argc, char **argv, options *out);
void options_free(options *given);
bool options_has(const options *given, option_id id);

bool options_is_subcommand(const char *name);
/* "doctor, run, sim": one line without its end. */
void options_print_subcommands(FILE *out);
void options_print_help(FILE *out);

/* Pushes what was given: { ["log-level"] = "debug", ["read-only"] = true, context = { "a", "b" } }. */
void options_push(lua_State *L, const options *given);
/* A Lua function: the three tables, as moonpool.core.Program of lua/meta/core.lua. */
int options_describe(lua_State *L);

#endif
