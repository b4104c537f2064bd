/* repl.c: the prompt: between the editor, which reads lines, and lua/moonpool/repl/, which knows what they mean.
 *
 * A line is handed to the session in a task, so that calls may wait, and Ctrl-C ends that task alone. Nothing else
 * stops while a line is being typed: see editor.c. */
#include "cli/repl.h"

#include <errno.h>
#include <lauxlib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/editor.h"
#include "cli/pager.h"
#include "cli/run.h"

enum { DEFAULT_COLUMNS = 80, DEFAULT_ROWS = 24 };

static const char session_key; /* registry: the session, see lua/moonpool/repl/session.lua */

/* Pushes a method of the session, and the session. */
static void push_method(lua_State *L, const char *name) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &session_key);
  lua_getfield(L, -1, name);
  lua_insert(L, -2);
}

/* --- what the session gets from here --- */

/* notice(text): above the prompt while a line is being typed */
static int terminal_notice(lua_State *L) {
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  editor_notice(text, len);
  return 0;
}

static int terminal_is_typing(lua_State *L) {
  lua_pushboolean(L, editor_is_reading() || editor_is_lent());
  return 1;
}

/* size() -> columns, rows; nothing: no terminal */
static int terminal_size(lua_State *L) {
  if (!editor_is_terminal()) return 0;
  struct winsize size = {0};
  ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
  lua_pushinteger(L, size.ws_col > 0 ? size.ws_col : DEFAULT_COLUMNS);
  lua_pushinteger(L, size.ws_row > 0 ? size.ws_row : DEFAULT_ROWS);
  return 2;
}

static int terminal_remember(lua_State *L) {
  editor_remember(luaL_checkstring(L, 1));
  return 0;
}

static int terminal_leave(lua_State *L) {
  (void)L;
  editor_leave();
  return 0;
}

/* makeFolder(path) -> true, or nil and what is wrong: with those above it, for the user alone */
static int terminal_make_folder(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  for (const char *end = strchr(path + 1, '/');; end = strchr(end + 1, '/')) {
    lua_pushlstring(L, path, end ? (size_t)(end - path) : strlen(path));
    if (mkdir(lua_tostring(L, -1), 0700) != 0 && errno != EEXIST) return luaL_fileresult(L, 0, lua_tostring(L, -1));
    lua_pop(L, 1);
    if (!end) break;
  }
  lua_pushboolean(L, 1);
  return 1;
}

/* --- completion --- */

static const char *complete(lua_State *L, const char *line) {
  int top = lua_gettop(L);
  push_method(L, "complete");
  lua_pushstring(L, line);
  const char *text = run_call(L, 2) == EXIT_OK ? lua_tostring(L, -1) : NULL;
  /* Kept by the registry until the next one. */
  static const char kept_key;
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &kept_key);
  lua_settop(L, top);
  return text;
}

/* --- lines --- */

static void say(const char *text) {
  editor_notice(text, strlen(text));
}

/* Hands a line over, in a task. False: it wants to leave. */
static bool take(lua_State *L, const char *line) {
  push_method(L, "take");
  lua_pushstring(L, line);
  int code = run_call(L, 2);
  bool on = code != EXIT_OK || lua_toboolean(L, -1);
  if (code > 128)
    say(editor_is_terminal() ? "\ninterrupted" : "interrupted"); /* after the terminal's ^C */
  else if (code != EXIT_OK && lua_isstring(L, -1))
    say(lua_tostring(L, -1));
  lua_pop(L, 1);
  return on;
}

/* By the function on top. */
static void open_session(lua_State *L) {
  static const luaL_Reg functions[] = {{"notice", terminal_notice},
                                       {"isTyping", terminal_is_typing},
                                       {"size", terminal_size},
                                       {"remember", terminal_remember},
                                       {"makeFolder", terminal_make_folder},
                                       {"leave", terminal_leave},
                                       {"ask", editor_ask},
                                       {"openPager", pager_open},
                                       {NULL, NULL}};
  pager_init(L);
  luaL_newlib(L, functions);
  lua_call(L, 1, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &session_key);
}

int repl_run(lua_State *L) {
  editor_open(L, complete);
  open_session(L);
  run_begin_prompt(L);
  int code = -1;
  for (bool on = true; on;) {
    lua_settop(L, 0);
    push_method(L, "prompt");
    lua_call(L, 1, 1);
    const char *line;
    switch (editor_read(L, lua_tostring(L, 1), &line)) {
    case EDITOR_LINE:
      on = take(L, line);
      break;
    case EDITOR_INTERRUPTED:
      push_method(L, "forget");
      lua_call(L, 1, 0);
      break;
    case EDITOR_TERMINATED:
      code = 128 + SIGTERM;
      on = false;
      break;
    case EDITOR_END:
      on = false;
      break;
    }
  }
  editor_close();
  if (code < 0) {
    push_method(L, "leave");
    lua_call(L, 1, 1);
    code = (int)lua_tointeger(L, -1);
  }
  lua_settop(L, 0);
  return code;
}

int repl_run_own(lua_State *L) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "moonpool.repl");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "open");
  return repl_run(L);
}
