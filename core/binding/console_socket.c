/* console_socket.c: see console_socket.h.
 *
 * The mode: a socket's own mode is what its file gets when it is bound, so it is set before. Two programs that start at
 * the same moment on a path with a dead socket: each looks, removes and binds while it holds a lock on the folder,
 * which leaves nothing behind. What is still there when the process exits is removed then, in plain lua5.4 too.
 *
 * Any thread may have a Lua universe with consoles: the list of sockets has a lock. */
#include "binding/console_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"

enum { BACKLOG = 16, LOCK_TRIES = 100, LOCK_PAUSE_MS = 10 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all */
static console_socket *all;
static pthread_once_t at_exit_once = PTHREAD_ONCE_INIT;

static moon_error *problem(const char *path, const char *what) {
  return moon_error_new(MOON_CONFIG, "console %s: %s", path, what);
}

static moon_error *failure(const char *path, const char *what) {
  return moon_error_new(MOON_CONFIG, "console %s: %s: %s", path, what, strerror(errno));
}

static moon_error *make_address(const char *path, struct sockaddr_un *address) {
  size_t len = strlen(path), room = sizeof address->sun_path - 1;
  *address = (struct sockaddr_un){.sun_family = AF_UNIX};
  if (len == 0) return problem(path, "an empty path");
  if (len > room)
    return moon_error_new(MOON_CONFIG, "console %s: the path has %zu bytes, a socket's can have %zu at most", path, len,
                          room);
  memcpy(address->sun_path, path, len);
  return NULL;
}

/* --- the file --- */

static void remove_file(const console_socket *listening) {
  struct stat now;
  if (listening->owner == getpid() && lstat(listening->path, &now) == 0 && now.st_dev == listening->device &&
      now.st_ino == listening->inode)
    unlink(listening->path);
}

static void remove_all_files(void) {
  pthread_mutex_lock(&lock);
  for (console_socket *one = all; one; one = one->next) remove_file(one);
  pthread_mutex_unlock(&lock);
}

static void ask_for_exit(void) {
  atexit(remove_all_files);
}

/* The lock of the path's folder, which ends when the descriptor is closed; -1: there is none to be had, and the moment
 * in which it would matter is short. */
static int lock_folder(const char *path) {
  const char *slash = strrchr(path, '/');
  char *folder = slash == path ? moon_strdup("/") : slash ? moon_strdup(path) : moon_strdup(".");
  if (slash && slash != path) folder[slash - path] = '\0';
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  free(folder);
  const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};
  for (int i = 0; fd >= 0 && i < LOCK_TRIES && flock(fd, LOCK_EX | LOCK_NB) != 0; i++) nanosleep(&pause, NULL);
  return fd;
}

/* Makes way for a new socket. */
static moon_error *clear_place(const char *path, const struct sockaddr_un *address) {
  struct stat there;
  if (lstat(path, &there) != 0) return errno == ENOENT ? NULL : failure(path, "cannot look at it");
  if (!S_ISSOCK(there.st_mode)) return problem(path, "there is something that is no socket; it stays");
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return failure(path, "no socket to look with whether anybody listens there");
  bool alive = connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 || errno != ECONNREFUSED;
  int reason = errno;
  close(fd);
  if (alive && reason == EACCES) return problem(path, "another user's socket is there");
  if (alive) return problem(path, "another program listens there");
  return unlink(path) == 0 || errno == ENOENT ? NULL
                                              : failure(path, "cannot remove the socket of a program that ended");
}

static moon_error *bind_at(const char *path, int fd) {
  struct sockaddr_un address;
  moon_error *err = make_address(path, &address);
  if (err) return err;
  if (fchmod(fd, 0600) != 0) return failure(path, "cannot set the mode of a socket");
  int folder = lock_folder(path);
  err = clear_place(path, &address);
  if (!err && bind(fd, (const struct sockaddr *)&address, sizeof address) != 0) err = failure(path, "cannot make it");
  if (!err && listen(fd, BACKLOG) != 0) {
    err = failure(path, "cannot listen");
    unlink(path);
  }
  if (folder >= 0) close(folder);
  return err;
}

console_socket *console_socket_listen(const char *path, moon_error **err) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  *err = fd < 0 ? failure(path, "no socket") : bind_at(path, fd);
  struct stat made;
  if (!*err && lstat(path, &made) != 0) *err = failure(path, "it is gone again");
  if (*err) {
    if (fd >= 0) close(fd);
    return NULL;
  }
  console_socket *self = moon_zalloc(sizeof *self);
  /* whatever becomes of the working directory */
  char *whole = realpath(path, NULL);
  *self = (console_socket){.fd = fd,
                           .path = whole ? whole : moon_strdup(path),
                           .device = made.st_dev,
                           .inode = made.st_ino,
                           .owner = getpid()};
  pthread_once(&at_exit_once, ask_for_exit);
  pthread_mutex_lock(&lock);
  self->next = all;
  all = self;
  pthread_mutex_unlock(&lock);
  return self;
}

void console_socket_remove(console_socket *listening) {
  pthread_mutex_lock(&lock);
  console_socket **place = &all;
  while (*place != listening) place = &(*place)->next;
  *place = listening->next;
  pthread_mutex_unlock(&lock);
  remove_file(listening);
  close(listening->fd);
  free(listening->path);
  free(listening);
}

/* --- the other end --- */

bool console_socket_peer(int fd, pid_t *pid, uid_t *uid) {
  struct ucred peer = {.uid = (uid_t)-1};
  socklen_t len = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0) return false;
  *pid = peer.pid;
  *uid = peer.uid;
  return peer.uid == geteuid() || peer.uid == 0;
}

int console_socket_connect(const char *path, moon_error **err) {
  struct sockaddr_un address;
  *err = make_address(path, &address);
  if (*err) return -1;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    *err = failure(path, "no socket");
    return -1;
  }
  pid_t pid;
  uid_t uid;
  if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
    const char *what = errno == ENOENT         ? "there is no such socket: does the program run, and listen there?"
                       : errno == ECONNREFUSED ? "nobody listens there: the program has ended"
                       : errno == EACCES       ? "not allowed: it is another user's"
                       : errno == EAGAIN       ? "the program does not answer: too many wait for it already"
                                               : strerror(errno);
    *err = moon_error_new(MOON_CONNECT, "console %s: %s", path, what);
  } else if (!console_socket_peer(fd, &pid, &uid) && geteuid() != 0) {
    *err = moon_error_new(MOON_CONNECT, "console %s: the program there is another user's", path);
  }
  if (!*err) return fd;
  close(fd);
  return -1;
}
