/* reactor.c: see reactor.h.
 *
 * One libuv loop with four handles of its own: a poll of the descriptor that wakes it, a timer behind which the timer
 * heap stands, a prepare handle that runs the posted tasks and sets that timer just before the loop sleeps, and a check
 * handle that notes that it is awake again. The list of tasks is the only thing that other threads touch; everything
 * else belongs to the thread. Who posts to a reactor that is awake wakes nobody. */
#include "net/reactor.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/wakeup.h"

struct moon_reactor {
  uv_loop_t loop;
  int wake_fd;
  uv_poll_t woken;
  uv_timer_t alarm;
  uv_prepare_t before_sleep;
  uv_check_t after_sleep;
  moon_timers timers;
  moon_watch **watch_of; /* by descriptor */
  size_t watch_slots;
  pthread_t thread;

  pthread_mutex_t lock; /* guards tasks, stopping and asleep */
  moon_list tasks;
  bool stopping;
  bool asleep;       /* whoever posts must wake it */
  atomic_int wakers; /* on their way to do so, without the lock; the thread does not end before they are through */

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

static bool has_tasks(moon_reactor *reactor) {
  pthread_mutex_lock(&reactor->lock);
  bool any = !moon_list_empty(&reactor->tasks);
  pthread_mutex_unlock(&reactor->lock);
  return any;
}

static void on_wake(uv_poll_t *poll, int status, int events) {
  moon_reactor *reactor = poll->data;
  moon_wakeup_clear(reactor->wake_fd);
}

static void alarm_rang(uv_timer_t *timer) {
  moon_reactor *reactor = timer->data;
  moon_timers_run(&reactor->timers, moon_clock_now_ms());
}

static void set_alarm(moon_reactor *reactor) {
  int64_t due = moon_timers_next_ms(&reactor->timers);
  if (due < 0) {
    uv_timer_stop(&reactor->alarm);
    return;
  }
  int64_t delay = due - moon_clock_now_ms();
  uv_update_time(&reactor->loop);
  uv_timer_start(&reactor->alarm, alarm_rang, delay > 0 ? (uint64_t)delay : 0, 0);
}

/* Tasks that were posted by these tasks wait for the next turn: sockets and timers are looked at in between. */
static void prepare_to_sleep(uv_prepare_t *prepare) {
  moon_reactor *reactor = prepare->data;
  run_tasks(reactor);
  set_alarm(reactor);
  pthread_mutex_lock(&reactor->lock);
  bool more = !moon_list_empty(&reactor->tasks);
  bool ended = !more && reactor->stopping;
  reactor->asleep = !more && !ended;
  pthread_mutex_unlock(&reactor->lock);
  if (more) uv_timer_start(&reactor->alarm, alarm_rang, 0, 0);
  if (ended) uv_stop(&reactor->loop);
}

static void note_awake(uv_check_t *check) {
  moon_reactor *reactor = check->data;
  pthread_mutex_lock(&reactor->lock);
  reactor->asleep = false;
  pthread_mutex_unlock(&reactor->lock);
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

/* Reactors whose threads have not ended. */
static pthread_mutex_t living_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t fewer_living = PTHREAD_COND_INITIALIZER;
static int living;

static void count_living(int change) {
  pthread_mutex_lock(&living_lock);
  living += change;
  if (change < 0) pthread_cond_broadcast(&fewer_living);
  pthread_mutex_unlock(&living_lock);
}

bool moon_reactors_await_end(int64_t timeout_ms) {
  struct timespec until = moon_clock_deadline(timeout_ms);
  pthread_mutex_lock(&living_lock);
  int waited = 0;
  while (living && !waited) waited = pthread_cond_clockwait(&fewer_living, &living_lock, CLOCK_MONOTONIC, &until);
  bool ended = !living;
  pthread_mutex_unlock(&living_lock);
  return ended;
}

static void *thread_main(void *arg) {
  moon_reactor *reactor = arg;
  uv_run(&reactor->loop, UV_RUN_DEFAULT);
  while (has_tasks(reactor)) run_tasks(reactor);
  while (atomic_load(&reactor->wakers)) sched_yield();
  uv_walk(&reactor->loop, close_handle, NULL);
  uv_run(&reactor->loop, UV_RUN_DEFAULT);
  uv_loop_close(&reactor->loop);
  close(reactor->wake_fd);
  if (reactor->self_ended) destroy(reactor);
  count_living(-1);
  return NULL;
}

moon_reactor *moon_reactor_new(void) {
  moon_reactor *reactor = moon_zalloc(sizeof *reactor);
  reactor->refs = 1;
  moon_list_init(&reactor->tasks);
  pthread_mutex_init(&reactor->lock, NULL);
  uv_loop_init(&reactor->loop);
  reactor->wake_fd = moon_wakeup_open();
  uv_poll_init(&reactor->loop, &reactor->woken, reactor->wake_fd);
  uv_timer_init(&reactor->loop, &reactor->alarm);
  uv_prepare_init(&reactor->loop, &reactor->before_sleep);
  uv_check_init(&reactor->loop, &reactor->after_sleep);
  reactor->woken.data = reactor->alarm.data = reactor->before_sleep.data = reactor->after_sleep.data = reactor;
  uv_poll_start(&reactor->woken, UV_READABLE, on_wake);
  uv_prepare_start(&reactor->before_sleep, prepare_to_sleep);
  uv_check_start(&reactor->after_sleep, note_awake);
  /* Signals are for the host's threads; SIGPIPE from a TLS write must not end the process. */
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  count_living(1);
  int failed = pthread_create(&reactor->thread, NULL, thread_main, reactor);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (failed) abort();
  return reactor;
}

bool moon_reactor_is_current(const moon_reactor *reactor) {
  return pthread_equal(pthread_self(), reactor->thread);
}

/* Gives the lock back, and wakes the thread if it sleeps: without the lock, which is the first thing it will want. */
static void unlock_and_wake(moon_reactor *reactor) {
  bool wake = reactor->asleep && !moon_reactor_is_current(reactor); /* its own turn ends in looking at the tasks */
  reactor->asleep = false;
  if (wake) atomic_fetch_add(&reactor->wakers, 1);
  pthread_mutex_unlock(&reactor->lock);
  if (!wake) return;
  moon_wakeup_send(reactor->wake_fd);
  atomic_fetch_sub(&reactor->wakers, 1); /* the reactor may be gone after this */
}

void moon_reactor_post(moon_reactor *reactor, moon_task *task) {
  pthread_mutex_lock(&reactor->lock);
  moon_list_push_back(&reactor->tasks, &task->node);
  unlock_and_wake(reactor);
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
  unlock_and_wake(reactor);
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
