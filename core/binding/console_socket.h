/* console_socket.h: the sockets of consoles: where they are in the file system, and who may use them.
 *
 * A console's socket can be used by its owner (and root) alone from its first instant on. It takes the place of one
 * that nobody listens on any more, never of one that is alive, nor of anything else. */
#ifndef MOON_BINDING_CONSOLE_SOCKET_H
#define MOON_BINDING_CONSOLE_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/* A socket that listens. Its file is removed by console_socket_remove, or at the end of the process. */
typedef struct console_socket {
  int fd;
  char *path;
  dev_t device;
  ino_t inode;
  pid_t owner; /* the process that made it: one that it forks leaves it alone */
  struct console_socket *next;
} console_socket;

/* NULL and *err: it cannot be. */
console_socket *console_socket_listen(const char *path, moon_error **err);
/* Closes it and removes its file, if it is still that one. */
void console_socket_remove(console_socket *listening);
/* A connection, or -1 and *err. */
int console_socket_connect(const char *path, moon_error **err);
/* Whether the process at the other end may be there: ours, of the same user, or root's. */
bool console_socket_peer(int fd, pid_t *pid, uid_t *uid);

#endif
