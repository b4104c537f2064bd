/* reactor.c: see reactor.h.
 *
 * One libuv loop with three handles of its own: an async that wakes it for tasks, a timer behind which the timer heap
 * stands, and a prepare handle that sets that timer just before the loop sleeps. The list of posted tasks is the only
 * thing that other threads touch; everything else belongs to the thread. */
#include "net/reactor.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"

struct moon_reactor {
  uv_loop_t loop;
  uv_async_t wake;
  uv_timer_t alarm;
  uv_prepare_t before_sleep;
  moon_timers timers;
  moon_watch **watch_of; /* by descriptor */
  size_t watch_slots;
  pthread_t thread;

  pthread_mutex_t lock; /* guards tasks and stopping */
  moon_list tasks;
  bool stopping;

  int refs; /* guarded by shared_lock */
  bool self_ended;
};

/* --- watches --- */

static void watch_ready(uv_poll_t *poll, int status, int events) {
  moon_watch *watch = poll->data;
  if (status < 0) { /* libuv has stopped it; what came before the error is still there to be read */
    int wanted = watch->events;
    watch->events = 0;
    moon_watch_set(watch, wanted);
  }
  watch->ready(watch, status < 0 ? status : events);
}

static void watch_closed(uv_handle_t *handle) {
  moon_watch *watch = handle->data;
  watch->closed = true;
  if (watch->freed) free(watch);
}

/* Closes libuv's handle at once: later it would take the new descriptor's registration with it. */
static void go_blind(moon_watch *watch) {
  if (watch->fd >= 0) watch->reactor->watch_of[watch->fd] = NULL;
  watch->fd = -1;
  if (!uv_is_closing((uv_handle_t *)&watch->poll)) uv_close((uv_handle_t *)&watch->poll, watch_closed);
}

moon_watch *moon_watch_new(moon_reactor *reactor, int fd, void (*ready)(moon_watch *, int), void *owner) {
  size_t need = (size_t)fd + 1;
  if (need > reactor->watch_slots) {
    reactor->watch_of = moon_realloc(reactor->watch_of, 2 * need * sizeof *reactor->watch_of);
    for (size_t i = reactor->watch_slots; i < 2 * need; i++) reactor->watch_of[i] = NULL;
    reactor->watch_slots = 2 * need;
  }
  if (reactor->watch_of[fd]) go_blind(reactor->watch_of[fd]);
  moon_watch *watch = moon_zalloc(sizeof *watch);
  watch->reactor = reactor;
  watch->ready = ready;
  watch->owner = owner;
  watch->fd = -1;
  if (uv_poll_init(&reactor->loop, &watch->poll, fd) == 0) {
    watch->fd = fd;
    reactor->watch_of[fd] = watch;
  } else {
    /* Not a descriptor that can be polled: an idle handle stands in, so that freeing is the same. */
    uv_idle_init(&reactor->loop, (uv_idle_t *)&watch->poll);
  }
  watch->poll.data = watch;
  return watch;
}

void moon_watch_set(moon_watch *watch, int events) {
  if (watch->fd < 0 || watch->events == events) return;
  watch->events = events;
  if (events)
    uv_poll_start(&watch->poll, events, watch_ready);
  else
    uv_poll_stop(&watch->poll);
}

void moon_watch_free(moon_watch *watch) {
  if (!watch) return;
  go_blind(watch);
  watch->freed = true;
  if (watch->closed) free(watch);
}

/* --- the loop --- */

static void run_tasks(moon_reactor *reactor) {
  moon_list batch;
  moon_list_init(&batch);
  pthread_mutex_lock(&reactor->lock);
  moon_list_append_all(&batch, &reactor->tasks);
  pthread_mutex_unlock(&reactor->lock);
  moon_list *node;
  while ((node = moon_list_pop_front(&batch))) {
    moon_task *task = MOON_ENTRY(node, moon_task, node);
    task->run(task);
  }
}

static bool has_tasks(moon_reactor *reactor, bool *stopping) {
  pthread_mutex_lock(&reactor->lock);
  bool any = !moon_list_empty(&reactor->tasks);
  *stopping = reactor->stopping;
  pthread_mutex_unlock(&reactor->lock);
  return any;
}

static void woken(uv_async_t *async) {
  moon_reactor *reactor = async->data;
  run_tasks(reactor);
  bool stopping;
  if (!has_tasks(reactor, &stopping) && stopping) uv_stop(&reactor->loop);
}

static void alarm_rang(uv_timer_t *timer) {
  moon_reactor *reactor = timer->data;
  moon_timers_run(&reactor->timers, moon_clock_now_ms());
}

static void set_alarm(uv_prepare_t *prepare) {
  moon_reactor *reactor = prepare->data;
  int64_t due = moon_timers_next_ms(&reactor->timers);
  if (due < 0) {
    uv_timer_stop(&reactor->alarm);
    return;
  }
  int64_t delay = due - moon_clock_now_ms();
  uv_update_time(&reactor->loop);
  uv_timer_start(&reactor->alarm, alarm_rang, delay > 0 ? (uint64_t)delay : 0, 0);
}

static void close_handle(uv_handle_t *handle, void *unused) {
  if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

static void destroy(moon_reactor *reactor) {
  moon_timers_free(&reactor->timers);
  free(reactor->watch_of);
  pthread_mutex_destroy(&reactor->lock);
  free(reactor);
}

static void *thread_main(void *arg) {
  moon_reactor *reactor = arg;
  uv_run(&reactor->loop, UV_RUN_DEFAULT);
  bool stopping;
  while (has_tasks(reactor, &stopping)) run_tasks(reactor);
  uv_walk(&reactor->loop, close_handle, NULL);
  uv_run(&reactor->loop, UV_RUN_DEFAULT);
  uv_loop_close(&reactor->loop);
  if (reactor->self_ended) destroy(reactor);
  return NULL;
}

moon_reactor *moon_reactor_new(void) {
  moon_reactor *reactor = moon_zalloc(sizeof *reactor);
  reactor->refs = 1;
  moon_list_init(&reactor->tasks);
  pthread_mutex_init(&reactor->lock, NULL);
  uv_loop_init(&reactor->loop);
  uv_async_init(&reactor->loop, &reactor->wake, woken);
  uv_timer_init(&reactor->loop, &reactor->alarm);
  uv_prepare_init(&reactor->loop, &reactor->before_sleep);
  reactor->wake.data = reactor->alarm.data = reactor->before_sleep.data = reactor;
  uv_prepare_start(&reactor->before_sleep, set_alarm);
  /* Signals are for the host's threads; SIGPIPE from a TLS write must not end the process. */
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = pthread_create(&reactor->thread, NULL, thread_main, reactor);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (failed) abort();
  return reactor;
}

void moon_reactor_post(moon_reactor *reactor, moon_task *task) {
  pthread_mutex_lock(&reactor->lock);
  bool first = moon_list_empty(&reactor->tasks);
  moon_list_push_back(&reactor->tasks, &task->node);
  /* Under the lock: the task may give back the last reference, after which there is nothing left to wake. */
  if (first) uv_async_send(&reactor->wake);
  pthread_mutex_unlock(&reactor->lock);
}

bool moon_reactor_is_current(const moon_reactor *reactor) {
  return pthread_equal(pthread_self(), reactor->thread);
}

uv_loop_t *moon_reactor_loop(moon_reactor *reactor) {
  return &reactor->loop;
}

void moon_reactor_set_timer(moon_reactor *reactor, moon_timer *timer, int64_t due_ms) {
  moon_timers_set(&reactor->timers, timer, due_ms);
}

void moon_reactor_stop_timer(moon_reactor *reactor, moon_timer *timer) {
  moon_timers_stop(&reactor->timers, timer);
}

/* --- references, and the reactors that the process shares --- */

enum { MAX_SHARED = 64 };
static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;
static moon_reactor *shared[MAX_SHARED];
static unsigned next_shared;

moon_reactor *moon_reactor_retain(moon_reactor *reactor) {
  pthread_mutex_lock(&shared_lock);
  reactor->refs++;
  pthread_mutex_unlock(&shared_lock);
  return reactor;
}

void moon_reactor_release(moon_reactor *reactor) {
  if (!reactor) return;
  pthread_mutex_lock(&shared_lock);
  bool last = --reactor->refs == 0;
  for (int i = 0; last && i < MAX_SHARED; i++) {
    if (shared[i] == reactor) shared[i] = NULL;
  }
  pthread_mutex_unlock(&shared_lock);
  if (!last) return;
  bool own_thread = moon_reactor_is_current(reactor);
  pthread_t thread = reactor->thread;
  reactor->self_ended = own_thread;
  if (own_thread) pthread_detach(thread);
  pthread_mutex_lock(&reactor->lock);
  reactor->stopping = true;
  uv_async_send(&reactor->wake);
  pthread_mutex_unlock(&reactor->lock);
  if (own_thread) return;
  pthread_join(thread, NULL);
  destroy(reactor);
}

static unsigned shared_count(void) {
  const char *text = getenv("MOONPOOL_IO_THREADS");
  long wanted = text ? strtol(text, NULL, 10) : 1;
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  if (wanted > cores) wanted = cores;
  if (wanted > MAX_SHARED) wanted = MAX_SHARED;
  return wanted < 1 ? 1 : (unsigned)wanted;
}

moon_reactor *moon_reactor_shared(void) {
  unsigned count = shared_count();
  pthread_mutex_lock(&shared_lock);
  moon_reactor **slot = &shared[next_shared++ % count];
  if (*slot)
    (*slot)->refs++;
  else
    *slot = moon_reactor_new();
  moon_reactor *reactor = *slot;
  pthread_mutex_unlock(&shared_lock);
  return reactor;
}
