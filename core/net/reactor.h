/* reactor.h: a thread with a loop, which owns connections for life.
 *
 * Everything that belongs to a connection (its libcurl handles, its sockets, its timers) is touched on its reactor's
 * thread only. Other threads hand it tasks. The interface is narrow on purpose, so that who runs the loop stays the
 * reactor's own business. */
#ifndef MOON_NET_REACTOR_H
#define MOON_NET_REACTOR_H

#include <stdbool.h>
#include <uv.h>

#include "base/list.h"
#include "base/timers.h"

typedef struct moon_reactor moon_reactor;

/* Something to do on the reactor's thread. Lives inside its owner; may be posted again once it runs. */
typedef struct moon_task {
  void (*run)(struct moon_task *task);
  moon_list node;
} moon_task;

/* Starts the thread; one reference. */
moon_reactor *moon_reactor_new(void);
moon_reactor *moon_reactor_retain(moon_reactor *reactor);
/* The last reference lets the tasks posted so far run, ends the thread and waits for it. When it is given back on the
 * reactor's own thread, the thread ends by itself. */
void moon_reactor_release(moon_reactor *reactor);

/* Waits until the threads of all reactors of this process have ended, those that end by themselves included; false
 * after timeout_ms. For the end of a process: libuv ends it with abort() where a loop that ran a program is closed too
 * late. */
bool moon_reactors_await_end(int64_t timeout_ms);

/* Any thread. Tasks run in the order of posting; posting costs one lock and, when the reactor may sleep, one wake-up.
 */
void moon_reactor_post(moon_reactor *reactor, moon_task *task);
bool moon_reactor_is_current(const moon_reactor *reactor);

/* The rest: on the reactor's thread only. */
uv_loop_t *moon_reactor_loop(moon_reactor *reactor);
void moon_reactor_set_timer(moon_reactor *reactor, moon_timer *timer, int64_t due_ms);
void moon_reactor_stop_timer(moon_reactor *reactor, moon_timer *timer);

/* A descriptor of somebody else's (libcurl's), watched. Its owner may close the descriptor before it frees the watch:
 * when the number comes back as another descriptor, the old watch has silently gone blind. */
typedef struct moon_watch {
  uv_poll_t poll;
  moon_reactor *reactor;
  int fd;                                              /* -1: blind */
  int events;                                          /* UV_READABLE, UV_WRITABLE, UV_DISCONNECT; 0: none */
  void (*ready)(struct moon_watch *watch, int events); /* events < 0: a libuv error, e.g. UV_EBADF */
  void *owner;
  bool closed, freed; /* the memory goes when both libuv and the owner are done with it */
} moon_watch;

moon_watch *moon_watch_new(moon_reactor *reactor, int fd, void (*ready)(moon_watch *, int), void *owner);
void moon_watch_set(moon_watch *watch, int events);
void moon_watch_free(moon_watch *watch);

/* The process's reactors: MOONPOOL_IO_THREADS of them (default 1, at most the number of cores), made on first use,
 * given out in turn. Returns a new reference. The last reference to each ends it. */
moon_reactor *moon_reactor_shared(void);

#endif
