/* main.c: the program `moonpool`: its command line, and what runs in which order.
 *
 * Options mean what they mean to `lua`; -e and -l run in the order given, then the script, as tasks of the runtime;
 * then the tasks that are left, until all are done. */
#include <lauxlib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "binding/request.h"
#include "cli/repl.h"
#include "cli/run.h"
#include "moonpool.h"

static const char help_text[] =
    "usage: moonpool [options] [script [args]]\n"
    "       moonpool run [NAME [args]]  a script that ships with it; without NAME, the list of them\n"
    "       moonpool doctor [options]   what is wrong with each context, and what to do (moonpool doctor --help)\n"
    "       moonpool sim [options]      simulated clusters to try scripts on (moonpool sim --help)\n"
    "       moonpool version\n"
    "\n"
    "Runs a Lua script with the module `moonpool` at hand. Without a script: a prompt on a terminal, else the script\n"
    "comes from standard input.\n"
    "\n"
    "  -e CODE              run CODE\n"
    "  -l MODULE            require MODULE into a global of that name (-l name=MODULE: into `name`)\n"
    "  -i                   a prompt after the script\n"
    "  -v, --version        say the version\n"
    "  -                    the script comes from standard input\n"
    "  --                   end of options\n"
    "  --kubeconfig FILE    use FILE where the script names no kubeconfig\n"
    "  --context PATTERN    work on these contexts (default: the current one): a name, a glob ('prod-*'; '*': all),\n"
    "                       '/a regular expression/', or '^' before one of these: not those. May be given several\n"
    "                       times. Scripts have them as `clusters`, each a cluster of its name. Where one alone is\n"
    "                       selected, it is also the context of scripts that name none\n"
    "  --strategy NAME      how `clusters` balances: round-robin (default), least-connections, weighted, random,\n"
    "                       peak-ewma, rendezvous, priority, one that a module given with -l registers, or a\n"
    "                       module that returns one\n"
    "  --read-only          calls that would change something in a cluster fail, whatever makes them\n"
    "  --log-level LEVEL    debug, info, warn (default), error or off\n"
    "  --help               this text\n"
    "\n"
    "Exit code: 0 all well, 1 the script ended with an error, 2 usage, 3 some of the clusters that clusters:each\n"
    "was for failed, 4 all of them failed, 130 interrupted.\n";

static const char *const subcommands[] = {"doctor", "run", "sim", "version", NULL};

typedef struct options {
  bool interactive, version, help, read_only;
  bool code; /* there was a -e */
  const char *kubeconfig, *strategy;
  const char **contexts; /* room for all that argv can hold */
  int context_count;
  int script; /* index in argv; argc: none */
} options;

static int usage(const char *what, const char *argument) {
  fprintf(stderr, "moonpool: %s '%s'\nTry 'moonpool --help'.\n", what, argument);
  return EXIT_USAGE;
}

/* The value of a long option, given as "--name value" or "--name=value"; NULL: it is missing. */
static const char *long_value(char **argv, int *index, size_t name_len) {
  const char *argument = argv[*index];
  if (argument[name_len] == '=') return argument + name_len + 1;
  return argv[*index + 1] ? argv[++*index] : NULL;
}

static bool is_option(const char *argument, const char *name) {
  size_t len = strlen(name);
  return strncmp(argument, name, len) == 0 && (argument[len] == '\0' || argument[len] == '=');
}

static int check_kubeconfig(const char *path) {
  if (access(path, R_OK) == 0) return EXIT_OK;
  fprintf(stderr, "moonpool: --kubeconfig: cannot read '%s': ", path);
  perror(NULL);
  return EXIT_USAGE;
}

static int set_log_level(const char *name) {
  for (int level = MOON_LOG_DEBUG; level <= MOON_LOG_OFF; level++) {
    if (strcmp(name, moon_log_level_name((moon_log_level)level)) != 0) continue;
    moon_log_set_level((moon_log_level)level);
    return EXIT_OK;
  }
  return usage("--log-level wants debug, info, warn, error or off, not", name);
}

static int parse_long(char **argv, int *index, options *out) {
  const char *argument = argv[*index];
  if (strcmp(argument, "--help") == 0) {
    out->help = true;
    return EXIT_OK;
  }
  if (strcmp(argument, "--version") == 0) {
    out->version = true;
    return EXIT_OK;
  }
  if (strcmp(argument, "--read-only") == 0) {
    out->read_only = true;
    return EXIT_OK;
  }
  static const char *const names[] = {"--kubeconfig", "--context", "--log-level", "--strategy"};
  enum { KUBECONFIG, CONTEXT, LOG_LEVEL, STRATEGY, COUNT };
  int option = 0;
  while (option < COUNT && !is_option(argument, names[option])) option++;
  if (option == COUNT) return usage("unknown option", argument);
  const char *value = long_value(argv, index, strlen(names[option]));
  if (!value || !*value) return usage("a value is missing after", argument);
  switch (option) {
  case KUBECONFIG:
    out->kubeconfig = value;
    return check_kubeconfig(value);
  case CONTEXT:
    out->contexts[out->context_count++] = value;
    return EXIT_OK;
  case LOG_LEVEL:
    return set_log_level(value);
  default:
    out->strategy = value;
    return EXIT_OK;
  }
}

/* Checks the options and finds the script; -e and -l run later (run_options). */
static int parse(int argc, char **argv, options *out) {
  int i = 1;
  for (; i < argc; i++) {
    const char *argument = argv[i];
    if (argument[0] != '-' || argument[1] == '\0') break;
    if (strcmp(argument, "--") == 0) {
      i++;
      break;
    }
    if (argument[1] == '-') {
      int status = parse_long(argv, &i, out);
      if (status != EXIT_OK) return status;
      continue;
    }
    switch (argument[1]) {
    case 'e':
    case 'l':
      out->code = out->code || argument[1] == 'e';
      if (argument[2] == '\0' && !argv[++i]) return usage("a value is missing after", argument);
      break;
    case 'i':
    case 'v':
      if (argument[2] != '\0') return usage("unknown option", argument);
      if (argument[1] == 'i') out->interactive = true;
      out->version = true;
      break;
    default:
      return usage("unknown option", argument);
    }
  }
  out->script = i;
  return EXIT_OK;
}

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
  if (!fine) fprintf(stderr, "moonpool: %s\nTry 'moonpool --help'.\n", luaL_tolstring(L, -1, NULL));
  lua_settop(L, 0);
  return fine ? EXIT_OK : EXIT_USAGE;
}

/* Before the first code that is not a module: what --strategy names may be registered by one. */
static int check_strategy(lua_State *L, const options *chosen) {
  if (!chosen->strategy) return EXIT_OK;
  lua_pushstring(L, chosen->strategy);
  return call_program(L, "useStrategy");
}

static int run_options(lua_State *L, char **argv, const options *chosen) {
  bool strategy_checked = false;
  for (int i = 1; i < chosen->script; i++) {
    const char *argument = argv[i];
    if (argument[1] == '-') {
      if (argument[2] && !strchr(argument, '=') && strcmp(argument, "--help") != 0 &&
          strcmp(argument, "--version") != 0 && strcmp(argument, "--read-only") != 0)
        i++; /* its value */
      continue;
    }
    if (argument[1] != 'e' && argument[1] != 'l') continue;
    const char *text = argument[2] ? argument + 2 : argv[++i];
    int status = LUA_OK;
    if (argument[1] == 'e') {
      int code = strategy_checked ? EXIT_OK : check_strategy(L, chosen);
      if (code != EXIT_OK) return code;
      strategy_checked = true;
      status = luaL_loadbuffer(L, text, strlen(text), "=(command line)");
    } else {
      lua_pushstring(L, text);
      lua_pushcclosure(L, require_module, 1);
    }
    int code = run_loaded(L, status);
    if (code != EXIT_OK) return code;
  }
  return strategy_checked ? EXIT_OK : check_strategy(L, chosen);
}

static bool is_subcommand(const char *name) {
  for (int i = 0; subcommands[i]; i++)
    if (strcmp(name, subcommands[i]) == 0) return true;
  return false;
}

/* The subcommands are Lua: moonpool.cli gives a function, which returns the exit code. */
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
  if (code == EXIT_OK && lua_isinteger(L, -1)) code = (int)lua_tointeger(L, -1);
  return code;
}

static int run_script(lua_State *L, const char *name, int nargs, char **args) {
  bool is_stdin = strcmp(name, "-") == 0;
  int status = luaL_loadfile(L, is_stdin ? NULL : name);
  if (status == LUA_ERRFILE) {
    fprintf(stderr, "moonpool: %s", lua_tostring(L, -1));
    if (!strpbrk(name, "./")) {
      fprintf(stderr, ", and there is no subcommand of that name (there are: ");
      for (int i = 0; subcommands[i]; i++) fprintf(stderr, "%s%s", i ? ", " : "", subcommands[i]);
      fprintf(stderr, ")");
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

static int run_all(lua_State *L, int argc, char **argv, const options *chosen) {
  int script = chosen->script;
  int code = run_options(L, argv, chosen);
  if (code != EXIT_OK) return code;
  if (script < argc) {
    bool subcommand = is_subcommand(argv[script]);
    code = (subcommand ? run_subcommand : run_script)(L, argv[script], argc - script - 1, argv + script + 1);
    lua_settop(L, 0);
  } else if (!chosen->interactive && !chosen->version && !chosen->code) {
    if (isatty(STDIN_FILENO)) return repl_run(L);
    code = run_script(L, "-", 0, NULL);
  }
  if (chosen->interactive) return repl_run(L);
  if (code == EXIT_OK) code = run_rest(L);
  return code == EXIT_OK ? fan_out_code(L) : code;
}

typedef struct start {
  int argc;
  char **argv;
  const options *chosen;
  int code;
} start;

/* Tells the Lua side what was chosen: see moonpool.program. */
static int open_program(lua_State *L, const options *chosen) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, -1, "moonpool.core");
  lua_pushboolean(L, true);
  lua_setfield(L, -2, "isProgram");
  if (chosen->read_only) {
    moon_requests_refuse_writes();
    lua_pushboolean(L, true);
    lua_setfield(L, -2, "isReadOnly");
  }
  lua_pushstring(L, chosen->kubeconfig); /* NULL: nil */
  lua_setfield(L, -2, "defaultKubeConfigPath");
  lua_createtable(L, chosen->context_count, 0);
  for (int i = 0; i < chosen->context_count; i++) {
    lua_pushstring(L, chosen->contexts[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return call_program(L, "selectContexts");
}

static int protected_main(lua_State *L) {
  start *self = lua_touserdata(L, 1);
  lua_settop(L, 0);
  run_open(L);
  make_arg(L, self->argc, self->argv, self->chosen->script);
  int code = open_program(L, self->chosen);
  self->code = code == EXIT_OK ? run_all(L, self->argc, self->argv, self->chosen) : code;
  run_end(L);
  return 0;
}

static int run_program(int argc, char **argv, const options *chosen) {
  if (chosen->version) printf("moonpool %s (%s)\n", moon_version(), LUA_RELEASE);
  lua_State *L = luaL_newstate();
  if (!L) {
    fputs("moonpool: out of memory\n", stderr);
    return EXIT_SCRIPT;
  }
  start self = {argc, argv, chosen, EXIT_SCRIPT};
  lua_pushcfunction(L, protected_main);
  lua_pushlightuserdata(L, &self);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) fprintf(stderr, "moonpool: %s\n", luaL_tolstring(L, -1, NULL));
  lua_close(L);
  return self.code;
}

int main(int argc, char **argv) {
  options chosen = {.contexts = moon_alloc((size_t)(argc + 1) * sizeof *chosen.contexts)};
  int code = parse(argc, argv, &chosen);
  if (code == EXIT_OK && chosen.help)
    fputs(help_text, stdout);
  else if (code == EXIT_OK)
    code = run_program(argc, argv, &chosen);
  free(chosen.contexts);
  return code;
}
