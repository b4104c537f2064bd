/* options.c: see options.h. */
#include "cli/options.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/nearest.h"
#include "cli/run.h"

/* MARGIN: where the texts of --help begin. */
enum { WIDTH = 112, MARGIN = 27 };

typedef struct option {
  const char *letter;   /* "e"; NULL: it has a name only */
  const char *name;     /* "log-level"; NULL: it has a letter only */
  const char *argument; /* what its value is called; NULL: it takes none */
  const char *kind; /* what its value is, for completion: file, context, strategy, module; NULL: `words`, or anything */
  const char *words; /* its values are these alone */
  bool repeats;      /* may be given several times */
  const char *text;
} option;

static const option table[OPTION_COUNT] = {
    [OPTION_CODE] = {.letter = "e", .argument = "CODE", .repeats = true, .text = "run CODE"},
    [OPTION_MODULE] = {.letter = "l",
                       .argument = "MODULE",
                       .kind = "module",
                       .repeats = true,
                       .text = "require MODULE into a global of that name (-l name=MODULE: into `name`)"},
    [OPTION_INTERACTIVE] = {.letter = "i", .text = "a prompt after the script"},
    [OPTION_CONFIG] = {.name = "config",
                       .argument = "FILE",
                       .kind = "file",
                       .text = "the configuration (default: ~/.config/moonpool/moonpool.yaml, where there is one)"},
    [OPTION_KUBECONFIG] = {.name = "kubeconfig",
                           .argument = "FILE",
                           .kind = "file",
                           .text = "use FILE where the script names no kubeconfig"},
    [OPTION_CONTEXT] = {.name = "context",
                        .argument = "PATTERN",
                        .kind = "context",
                        .repeats = true,
                        .text =
                            "work on these contexts (default: the current one): a name, a glob ('prod-*'; '*': all), "
                            "'/a regular expression/', '@' and a group's name, or '^' before one of these: not those. "
                            "May be given several "
                            "times. Scripts have them as `clusters`, each a cluster of its name. Where one alone is "
                            "selected, it is also the context of scripts that name none"},
    [OPTION_STRATEGY] = {.name = "strategy",
                         .argument = "NAME",
                         .kind = "strategy",
                         .text = "how `clusters` balances: round-robin (default), least-connections, weighted, random, "
                                 "peak-ewma, rendezvous, priority, one that a module given with -l registers, or a "
                                 "module that returns one"},
    [OPTION_READ_ONLY] = {.name = "read-only",
                          .text = "calls that would change something in a cluster fail, whatever makes them"},
    [OPTION_ALLOW_PROTECTED] = {.name = "allow-protected",
                                .argument = "PATTERN",
                                .kind = "context",
                                .repeats = true,
                                .text = "let scripts change something in these contexts, which the configuration "
                                        "protects; patterns as for --context"},
    [OPTION_OUTPUT] = {.letter = "o",
                       .name = "output",
                       .argument = "FORMAT",
                       .words = "table json yaml name",
                       .text = "what the prompt and the shipped scripts write: table (default), json, yaml or name"},
    [OPTION_LOG_LEVEL] = {.name = "log-level",
                          .argument = "LEVEL",
                          .words = "debug info warn error off",
                          .text = "debug, info, warn (default), error or off"},
    [OPTION_LOG_FORMAT] = {.name = "log-format",
                           .argument = "FORMAT",
                           .words = "text json",
                           .text = "how log lines look on standard error: text (default), or json, an object a line"},
    [OPTION_VERSION] = {.letter = "v", .name = "version", .text = "say the version"},
    [OPTION_HELP] = {.letter = "h", .name = "help", .text = "say how moonpool is called; more is in moonpool(1)"},
};

typedef struct subcommand {
  const char *name, *arguments, *text;
} subcommand;

/* Each is a function of moonpool.cli. */
static const subcommand subcommands[] = {
    {"run", "[NAME [args]]", "a script that ships with it; without NAME, the list of them"},
    {"doctor", "[options]", "what is wrong with each context, and what to do"},
    {"attach", "PATH [-e CODE]", "the prompt of a running program, which listens there"},
    {"sim", "[options] [-- COMMAND]", "simulated clusters to try scripts on"},
    {"completion", "SHELL", "what bash, zsh or fish need to complete command lines of moonpool"},
    {"version", "", "say the version"},
};
enum { SUBCOMMANDS = sizeof subcommands / sizeof *subcommands };

static const struct {
  int code;
  const char *text;
} exit_codes[] = {
    {EXIT_OK, "all well"},
    {EXIT_SCRIPT, "the script ended with an error"},
    {EXIT_USAGE, "the command line, or a file that it names, is wrong"},
    {EXIT_SOME_FAILED, "some of the clusters that clusters:each was for failed"},
    {EXIT_ALL_FAILED, "all of them failed"},
    {130, "interrupted (128 + the signal)"},
};
enum { EXIT_CODES = sizeof exit_codes / sizeof *exit_codes };

/* --- parsing --- */

static int usage(const char *what, const char *argument) {
  fprintf(stderr, "moonpool: %s '%s'\nTry 'moonpool --help'.\n", what, argument);
  return EXIT_USAGE;
}

static int unknown(const char *argument) {
  const char *names[OPTION_COUNT];
  size_t count = 0;
  for (int id = 0; id < OPTION_COUNT; id++)
    if (table[id].name) names[count++] = table[id].name;
  const char *near = argument[1] == '-' ? moon_nearest(argument + 2, names, count) : NULL;
  if (!near) return usage("unknown option", argument);
  fprintf(stderr, "moonpool: unknown option '%s'; did you mean '--%s'?\nTry 'moonpool --help'.\n", argument, near);
  return EXIT_USAGE;
}

/* The option that the argument begins with, and the value that is part of it ("-eCODE", "--name=value"), or NULL. */
static option_id find(const char *argument, const char **glued) {
  bool is_long = argument[1] == '-';
  size_t len = is_long ? strcspn(argument + 2, "=") : 1;
  const char *name = argument + (is_long ? 2 : 1);
  for (int id = 0; id < OPTION_COUNT; id++) {
    const char *known = is_long ? table[id].name : table[id].letter;
    if (!known || strlen(known) != len || strncmp(name, known, len) != 0) continue;
    const char *rest = name + len;
    *glued = !*rest ? NULL : is_long ? rest + 1 : rest;
    return (option_id)id;
  }
  return OPTION_COUNT;
}

static bool is_word(const char *words, const char *value) {
  size_t len = strlen(value);
  for (const char *word = words; *word; word += strspn(word, " ")) {
    size_t word_len = strcspn(word, " ");
    if (word_len == len && strncmp(word, value, len) == 0) return true;
    word += word_len;
  }
  return false;
}

static int parse_option(char **argv, int *index, options *out) {
  const char *argument = argv[*index], *value;
  option_id id = find(argument, &value);
  if (id == OPTION_COUNT) return unknown(argument);
  const option *known = &table[id];
  if (!known->argument && value)
    return argument[1] == '-' ? usage("there is no value in", argument) : unknown(argument);
  if (known->argument && !value && argv[*index + 1]) value = argv[++*index];
  if (known->argument && (!value || (!*value && id != OPTION_CODE))) return usage("a value is missing after", argument);
  if (known->words && !is_word(known->words, value)) {
    fprintf(stderr, "moonpool: --%s is one of: %s; not '%s'\nTry 'moonpool --help'.\n", known->name, known->words,
            value);
    return EXIT_USAGE;
  }
  out->given[out->count++] = (given_option){id, value};
  return EXIT_OK;
}

int options_parse(int argc, char **argv, options *out) {
  *out = (options){.given = moon_alloc((size_t)(argc + 1) * sizeof *out->given)};
  int i = 1;
  for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
    if (strcmp(argv[i], "--") == 0) {
      i++;
      break;
    }
    int status = parse_option(argv, &i, out);
    if (status != EXIT_OK) return status;
  }
  out->script = i;
  return EXIT_OK;
}

void options_free(options *given) {
  free(given->given);
}

bool options_has(const options *given, option_id id) {
  for (int i = 0; i < given->count; i++)
    if (given->given[i].id == id) return true;
  return false;
}

bool options_is_subcommand(const char *name) {
  for (int i = 0; i < SUBCOMMANDS; i++)
    if (strcmp(name, subcommands[i].name) == 0) return true;
  return false;
}

void options_print_subcommands(FILE *out) {
  for (int i = 0; i < SUBCOMMANDS; i++) fprintf(out, "%s%s", i ? ", " : "", subcommands[i].name);
}

/* --- --help --- */

/* Prints text right of a margin, wrapped, and the end of the line. What has been printed ends at a column. */
static void print_wrapped(FILE *out, const char *text, int margin, int column) {
  if (column >= margin) {
    fputc('\n', out);
    column = 0;
  }
  fprintf(out, "%*s", margin - column, "");
  column = margin;
  while (*text) {
    int len = (int)strcspn(text, " ");
    if (column > margin && column + 1 + len > WIDTH) {
      fprintf(out, "\n%*s", margin, "");
      column = margin;
    }
    column += fprintf(out, "%s%.*s", column > margin ? " " : "", len, text);
    text += len;
    text += strspn(text, " ");
  }
  fputc('\n', out);
}

static void print_option(FILE *out, const option *one) {
  int column = fprintf(out, "  %s%s", one->letter ? "-" : "    ", one->letter ? one->letter : "");
  if (one->name) column += fprintf(out, "%s--%s", one->letter ? ", " : "", one->name);
  if (one->argument) column += fprintf(out, " %s", one->argument);
  print_wrapped(out, one->text, MARGIN, column);
}

void options_print_help(FILE *out) {
  fputs("usage: moonpool [options] [script [args]]\n", out);
  for (int i = 0; i < SUBCOMMANDS; i++) {
    int column = fprintf(out, "       moonpool %s %s", subcommands[i].name, subcommands[i].arguments);
    print_wrapped(out, subcommands[i].text, MARGIN + 16, column);
  }
  fputs("\nRuns a Lua script with the module `moonpool` at hand. Without a script: a prompt on a terminal, else the "
        "script\n"
        "comes from standard input ('-' says so). '--' ends the options. Subcommands have a --help of their own.\n\n",
        out);
  for (int id = 0; id < OPTION_COUNT; id++) print_option(out, &table[id]);
  fputs("\nExit code:\n", out);
  for (int i = 0; i < EXIT_CODES; i++) fprintf(out, "  %3d  %s\n", exit_codes[i].code, exit_codes[i].text);
}

/* --- for Lua --- */

void options_push(lua_State *L, const options *given) {
  lua_newtable(L);
  for (int i = 0; i < given->count; i++) {
    const option *one = &table[given->given[i].id];
    const char *name = one->name ? one->name : one->letter;
    if (one->repeats) {
      luaL_getsubtable(L, -1, name);
      lua_pushstring(L, given->given[i].value);
      lua_rawseti(L, -2, luaL_len(L, -2) + 1);
      lua_pop(L, 1);
    } else if (one->argument) {
      lua_pushstring(L, given->given[i].value);
      lua_setfield(L, -2, name);
    } else {
      lua_pushboolean(L, true);
      lua_setfield(L, -2, name);
    }
  }
}

static void set_text(lua_State *L, const char *name, const char *text) {
  lua_pushstring(L, text); /* NULL: nil */
  lua_setfield(L, -2, name);
}

static void push_words(lua_State *L, const char *words) {
  lua_newtable(L);
  for (lua_Integer n = 1; *words; n++) {
    size_t len = strcspn(words, " ");
    lua_pushlstring(L, words, len);
    lua_rawseti(L, -2, n);
    words += len;
    words += strspn(words, " ");
  }
}

int options_describe(lua_State *L) {
  lua_createtable(L, 0, 3);
  lua_createtable(L, OPTION_COUNT, 0);
  for (int id = 0; id < OPTION_COUNT; id++) {
    const option *one = &table[id];
    lua_createtable(L, 0, 7);
    set_text(L, "letter", one->letter);
    set_text(L, "name", one->name);
    set_text(L, "argument", one->argument);
    set_text(L, "kind", one->kind);
    set_text(L, "text", one->text);
    lua_pushboolean(L, one->repeats);
    lua_setfield(L, -2, "repeats");
    if (one->words) {
      push_words(L, one->words);
      lua_setfield(L, -2, "words");
    }
    lua_rawseti(L, -2, id + 1);
  }
  lua_setfield(L, -2, "options");
  lua_createtable(L, SUBCOMMANDS, 0);
  for (int i = 0; i < SUBCOMMANDS; i++) {
    lua_createtable(L, 0, 3);
    set_text(L, "name", subcommands[i].name);
    set_text(L, "arguments", subcommands[i].arguments);
    set_text(L, "text", subcommands[i].text);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "subcommands");
  lua_createtable(L, EXIT_CODES, 0);
  for (int i = 0; i < EXIT_CODES; i++) {
    lua_createtable(L, 0, 2);
    lua_pushinteger(L, exit_codes[i].code);
    lua_setfield(L, -2, "code");
    set_text(L, "text", exit_codes[i].text);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "exitCodes");
  return 1;
}
