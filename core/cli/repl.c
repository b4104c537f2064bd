/* repl.c: the plain prompt: a line is tried as an expression first; one that is not finished asks for more. Each is run
 * as a task, so that calls may wait; tasks go on only while a line runs. */
#include "cli/repl.h"

#include <editline/readline.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/run.h"
#include "moonpool.h"

/* The message of a syntax error ends with this when more input could mend it. */
static const char end_mark[] = "<eof>";

static bool is_incomplete(lua_State *L, int status) {
  if (status != LUA_ERRSYNTAX) return false;
  size_t len;
  const char *text = lua_tolstring(L, -1, &len);
  size_t mark = sizeof end_mark - 1;
  return len >= mark && strcmp(text + len - mark, end_mark) == 0;
}

/* Pushes a line as a string; false at the end of the input. */
static bool read_line(lua_State *L, const char *prompt) {
  fflush(stdout);
  char *line = readline(prompt);
  if (!line) return false;
  if (*line) add_history(line);
  lua_pushstring(L, line);
  free(line);
  return true;
}

/* Replaces the line on top by a function, or by a message when the status is not LUA_OK. */
static int load_lines(lua_State *L) {
  lua_pushfstring(L, "return %s", lua_tostring(L, -1));
  int status = luaL_loadbufferx(L, lua_tostring(L, -1), lua_rawlen(L, -1), "=stdin", "t");
  lua_remove(L, -2);
  for (;;) {
    if (status == LUA_OK) break;
    lua_pop(L, 1);
    status = luaL_loadbufferx(L, lua_tostring(L, -1), lua_rawlen(L, -1), "=stdin", "t");
    if (!is_incomplete(L, status)) break;
    if (!read_line(L, ">> ")) break;
    lua_remove(L, -2);
    lua_pushliteral(L, "\n");
    lua_insert(L, -2);
    lua_concat(L, 3);
    lua_pushnil(L); /* in the place of the message that the next round drops */
    status = LUA_ERRSYNTAX;
  }
  lua_remove(L, -2);
  return status;
}

static void print_results(lua_State *L, int first) {
  int count = lua_gettop(L) - first + 1;
  if (count <= 0) return;
  lua_getglobal(L, "print");
  lua_insert(L, first);
  if (lua_pcall(L, count, 0, 0) != LUA_OK)
    fprintf(stderr, "moonpool: cannot print the results: %s\n", luaL_tolstring(L, -1, NULL));
}

int repl_run(lua_State *L) {
  printf("moonpool %s, %s; end with Ctrl-D\n", moon_version(), LUA_RELEASE);
  rl_initialize();
  while (read_line(L, "> ")) {
    int line = lua_gettop(L);
    int status = load_lines(L);
    if (status != LUA_OK)
      fprintf(stderr, "moonpool: %s\n", lua_tostring(L, -1));
    else if (run_chunk(L, 0) == EXIT_OK)
      print_results(L, line);
    lua_settop(L, line - 1);
  }
  printf("\n");
  return EXIT_OK;
}
