/* terminal.c: see terminal.h. Lines that are redrawn are for people: a file or a pipe gets none, and neither does a
 * terminal that cannot erase what it shows. */
#include "binding/terminal.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { DEFAULT_COLUMNS = 80 };

static int terminal_columns(lua_State *L) {
  const char *type = getenv("TERM");
  if (!isatty(STDERR_FILENO) || !type || !*type || strcmp(type, "dumb") == 0) return 0;
  struct winsize size = {0};
  bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  lua_pushinteger(L, known ? size.ws_col : DEFAULT_COLUMNS);
  return 1;
}

/* isTerminal(descriptor) -> boolean */
static int is_terminal(lua_State *L) {
  lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
  return 1;
}

int moon_terminal_open(lua_State *L) {
  lua_pushcfunction(L, is_terminal);
  lua_setfield(L, -2, "isTerminal");
  lua_pushcfunction(L, terminal_columns);
  lua_setfield(L, -2, "terminalColumns");
  return 0;
}
