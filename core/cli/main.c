/* main.c: the program `moonpool`: what its command line (options.h) makes run, and in which order.
 *
 * Options mean what they mean to `lua`; -e and -l run in the order given, then the script, as tasks of the runtime;
 * then the tasks that are left, until all are done. */
#include <lauxlib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "binding/error.h"
#include "cli/options.h"
#include "cli/repl.h"
#include "cli/run.h"
#include "moonpool.h"

/* The global `arg`, as lua makes it: the script at 0, its arguments above, what came before it below. */
static void make_arg(lua_State *L, int argc, char **argv, int script) {
  if (script == argc) script = 0; /* no script: the program's name at 0 */
  lua_createtable(L, argc, 0);
  for (int i = 0; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i - script);
  }
  lua_setglobal(L, "arg");
}

/* A function on the stack (or a message, when status is not LUA_OK) is run without arguments. */
static int run_loaded(lua_State *L, int status) {
  if (status != LUA_OK) {
    fprintf(stderr, "moonpool: %s\n", lua_tostring(L, -1));
    return EXIT_SCRIPT;
  }
  int code = run_chunk(L, 0);
  lua_settop(L, 0);
  return code;
}

/* -l [name=]module */
static int require_module(lua_State *L) {
  const char *text = lua_tostring(L, lua_upvalueindex(1));
  const char *equals = strchr(text, '=');
  lua_getglobal(L, "require");
  lua_pushstring(L, equals ? equals + 1 : text);
  lua_call(L, 1, 1);
  lua_pushlstring(L, text, equals ? (size_t)(equals - text) : strcspn(text, "-"));
  lua_insert(L, -2);
  lua_pushglobaltable(L);
  lua_insert(L, -3);
  lua_rawset(L, -3);
  return 0;
}

/* Calls a function of moonpool.program with the value on top, which it replaces by nothing. The function returns true,
 * or nil and what is wrong with the program's options. */
static int call_program(lua_State *L, const char *function) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "moonpool.program");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, function);
  lua_remove(L, -2);
  lua_insert(L, -2);
  lua_call(L, 1, 2);
  bool fine = lua_toboolean(L, -2);
  if (!fine) {
    const char *problem = moon_push_text(L, -1);
    fprintf(stderr, "moonpool: %s\n%s", problem, *problem == '-' ? "Try 'moonpool --help'.\n" : "");
  }
  lua_settop(L, 0);
  return fine ? EXIT_OK : EXIT_USAGE;
}

/* Before the first code that is not a module: the strategy that was chosen may be registered by one. */
static int check_strategy(lua_State *L) {
  lua_pushnil(L);
  return call_program(L, "useStrategy");
}

/* -e and -l */
static int run_options(lua_State *L, const options *given) {
  bool strategy_checked = false;
  for (int i = 0; i < given->count; i++) {
    const char *text = given->given[i].value;
    int status = LUA_OK;
    if (given->given[i].id == OPTION_CODE) {
      int code = strategy_checked ? EXIT_OK : check_strategy(L);
      if (code != EXIT_OK) return code;
      strategy_checked = true;
      status = luaL_loadbuffer(L, text, strlen(text), "=(command line)");
    } else if (given->given[i].id == OPTION_MODULE) {
      lua_pushstring(L, text);
      lua_pushcclosure(L, require_module, 1);
    } else {
      continue;
    }
    int code = run_loaded(L, status);
    if (code != EXIT_OK) return code;
  }
  return strategy_checked ? EXIT_OK : check_strategy(L);
}

/* The subcommands are Lua: moonpool.cli gives a function, which returns the exit code, or what opens a prompt. */
static int run_subcommand(lua_State *L, const char *name, int nargs, char **args) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "moonpool.cli");
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
    fprintf(stderr, "moonpool: %s\n", lua_tostring(L, -1));
    return EXIT_SCRIPT;
  }
  lua_getfield(L, -1, name);
  luaL_checkstack(L, nargs, "too many arguments");
  for (int i = 0; i < nargs; i++) lua_pushstring(L, args[i]);
  int code = run_chunk(L, nargs);
  if (code == EXIT_OK && lua_isfunction(L, -1)) return repl_run(L);
  if (code == EXIT_OK && lua_isinteger(L, -1)) code = (int)lua_tointeger(L, -1);
  return code;
}

/* Whether a script of this name ships with the program. */
static bool is_shipped(lua_State *L, const char *name) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushfstring(L, "moonpool.scripts.%s", name);
  bool is = lua_gettable(L, -2) != LUA_TNIL;
  lua_pop(L, 2);
  return is;
}

static int run_script(lua_State *L, const char *name, int nargs, char **args) {
  bool is_stdin = strcmp(name, "-") == 0;
  int status = luaL_loadfile(L, is_stdin ? NULL : name);
  if (status == LUA_ERRFILE) {
    fprintf(stderr, "moonpool: %s", lua_tostring(L, -1));
    if (!strpbrk(name, "./")) {
      fprintf(stderr, ", and there is no subcommand of that name (there are: ");
      options_print_subcommands(stderr);
      fprintf(stderr, ")");
      if (is_shipped(L, name)) fprintf(stderr, "; did you mean 'moonpool run %s'?", name);
    }
    fprintf(stderr, "\n");
    return EXIT_USAGE;
  }
  if (status != LUA_OK) return run_loaded(L, status);
  luaL_checkstack(L, nargs, "too many arguments");
  for (int i = 0; i < nargs; i++) lua_pushstring(L, args[i]);
  return run_chunk(L, nargs);
}

/* What became of the clusters of the script's fan-outs. */
static int fan_out_code(lua_State *L) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  if (lua_getfield(L, -1, "moonpool.fanout") != LUA_TTABLE) return EXIT_OK;
  lua_getfield(L, -1, "failures");
  lua_call(L, 0, 1);
  const char *failures = lua_tostring(L, -1);
  if (strcmp(failures, "none") == 0) return EXIT_OK;
  return strcmp(failures, "all") == 0 ? EXIT_ALL_FAILED : EXIT_SOME_FAILED;
}

static int run_all(lua_State *L, int argc, char **argv, const options *given) {
  int script = given->script;
  bool interactive = options_has(given, OPTION_INTERACTIVE);
  int code = run_options(L, given);
  if (code != EXIT_OK) return code;
  if (script < argc) {
    bool subcommand = options_is_subcommand(argv[script]);
    code = (subcommand ? run_subcommand : run_script)(L, argv[script], argc - script - 1, argv + script + 1);
    lua_settop(L, 0);
  } else if (!interactive && !options_has(given, OPTION_VERSION) && !options_has(given, OPTION_CODE)) {
    if (isatty(STDIN_FILENO)) return repl_run_own(L);
    code = run_script(L, "-", 0, NULL);
  }
  if (interactive) return repl_run_own(L);
  if (code == EXIT_OK) code = run_rest(L);
  return code == EXIT_OK ? fan_out_code(L) : code;
}

typedef struct start {
  int argc;
  char **argv;
  const options *given;
  int code;
} start;

/* The subcommand that is to run, or NULL: a script, or the prompt. */
static const char *subcommand_of(int argc, char **argv, const options *given) {
  if (given->script < argc) return options_is_subcommand(argv[given->script]) ? argv[given->script] : NULL;
  bool more = options_has(given, OPTION_INTERACTIVE) || options_has(given, OPTION_CODE);
  return options_has(given, OPTION_VERSION) && !more ? "version" : NULL;
}

/* Tells the Lua side what was given: see moonpool.program. */
static int open_program(lua_State *L, int argc, char **argv, const options *given) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, -1, "moonpool.core");
  lua_pushboolean(L, true);
  lua_setfield(L, -2, "isProgram");
  lua_pushcfunction(L, options_describe);
  lua_setfield(L, -2, "describeProgram");
  lua_pushstring(L, subcommand_of(argc, argv, given)); /* NULL: nil */
  lua_setfield(L, -2, "subcommand");
  options_push(L, given);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "givenOptions");
  return call_program(L, "start");
}

static int protected_main(lua_State *L) {
  start *self = lua_touserdata(L, 1);
  lua_settop(L, 0);
  run_open(L);
  make_arg(L, self->argc, self->argv, self->given->script);
  int code = open_program(L, self->argc, self->argv, self->given);
  self->code = code == EXIT_OK ? run_all(L, self->argc, self->argv, self->given) : code;
  run_end(L);
  return 0;
}

static int run_program(int argc, char **argv, const options *given) {
  if (options_has(given, OPTION_VERSION) || options_has(given, OPTION_INTERACTIVE))
    printf("moonpool %s (%s)\n", moon_version(), LUA_RELEASE);
  lua_State *L = luaL_newstate();
  if (!L) {
    fputs("moonpool: out of memory\n", stderr);
    return EXIT_SCRIPT;
  }
  start self = {argc, argv, given, EXIT_SCRIPT};
  lua_pushcfunction(L, protected_main);
  lua_pushlightuserdata(L, &self);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) fprintf(stderr, "moonpool: %s\n", moon_push_text(L, -1));
  lua_close(L);
  return self.code;
}

int main(int argc, char **argv) {
  options given;
  int code = options_parse(argc, argv, &given);
  if (code == EXIT_OK && options_has(&given, OPTION_HELP))
    options_print_help(stdout);
  else if (code == EXIT_OK)
    code = run_program(argc, argv, &given);
  options_free(&given);
  return code;
}
