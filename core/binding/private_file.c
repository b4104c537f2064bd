/* private_file.c: core.writePrivateFile: a file with secrets, which only its owner may read, and which is there as a
 * whole or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "binding/http.h"

static bool write_all(int fd, const char *bytes, size_t len) {
  while (len > 0) {
    ssize_t written = write(fd, bytes, len);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes += written;
    len -= (size_t)written;
  }
  return true;
}

int moon_write_private_file(lua_State *L) {
  size_t len;
  const char *path = luaL_checkstring(L, 1);
  const char *text = luaL_checklstring(L, 2, &len);
  char *draft = moon_sprintf("%s.%ld", path, (long)getpid());
  int fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  bool ok = fd >= 0 && write_all(fd, text, len);
  if (fd >= 0 && close(fd) != 0) ok = false;
  if (ok && rename(draft, path) != 0) ok = false;
  int reason = errno;
  if (!ok && fd >= 0) unlink(draft);
  free(draft);
  if (ok) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushnil(L);
  lua_pushfstring(L, "cannot write %s: %s", path, strerror(reason));
  return 2;
}
