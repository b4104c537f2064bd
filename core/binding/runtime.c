/* runtime.c: the loop of the Lua thread, what other threads send to it, its timers, and waits (see runtime.h).
 *
 * One turn of the loop: run what other threads finished, fire timers, resume the tasks that can go on, then let libuv
 * look for I/O, sleeping only when nothing is left to do. Lua runs in the first three steps only, never inside libuv,
 * so a turn may be nested in another at any depth: a wait that cannot suspend its coroutine turns the loop itself.
 *
 * Posting costs a lock; the wake-up is sent only to a loop that sleeps, so a busy Lua thread takes a whole batch for
 * free. The runtime dies with its universe, as the last of its userdata (it was made first); operations in flight keep
 * its memory by reference. */
#include "binding/runtime.h"

#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/wakeup.h"
#include "binding/error.h"
#include "binding/scheduler.h"

static const char registry_key;

static void on_wake(uv_poll_t *poll, int status, int events) {
  (void)status, (void)events;
  moon_runtime *runtime = poll->data;
  moon_wakeup_clear(runtime->wake_fd);
}

/* Without the stop, a timer that fires before the loop polls would let the poll wait for ever. */
static void on_timer(uv_timer_t *timer) {
  uv_stop(timer->loop);
}

static moon_runtime *runtime_new(void) {
  moon_runtime *runtime = moon_zalloc(sizeof *runtime);
  atomic_init(&runtime->refs, 1);
  pthread_mutex_init(&runtime->lock, NULL);
  moon_list_init(&runtime->queue);
  moon_list_init(&runtime->taken);
  moon_list_init(&runtime->tasks);
  moon_list_init(&runtime->ready);
  moon_list_init(&runtime->unjoined);
  moon_list_init(&runtime->idle_waits);
  uv_loop_init(&runtime->loop);
  runtime->wake_fd = moon_wakeup_open();
  uv_poll_init(&runtime->loop, &runtime->woken, runtime->wake_fd);
  runtime->woken.data = runtime;
  uv_poll_start(&runtime->woken, UV_READABLE, on_wake);
  uv_timer_init(&runtime->loop, &runtime->timer);
  return runtime;
}

moon_runtime *moon_runtime_retain(moon_runtime *runtime) {
  atomic_fetch_add(&runtime->refs, 1);
  return runtime;
}

void moon_runtime_release(moon_runtime *runtime) {
  if (atomic_fetch_sub(&runtime->refs, 1) != 1) return;
  pthread_mutex_destroy(&runtime->lock);
  free(runtime);
}

static void close_handle(uv_handle_t *handle, void *arg) {
  (void)arg;
  if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

void moon_runtime_close(moon_runtime *runtime) {
  pthread_mutex_lock(&runtime->lock);
  runtime->closed = true;
  runtime->asleep = false;
  moon_list_append_all(&runtime->taken, &runtime->queue);
  pthread_mutex_unlock(&runtime->lock);
  for (moon_list *node; (node = moon_list_pop_front(&runtime->taken));) {
    moon_completion *completion = MOON_ENTRY(node, moon_completion, node);
    completion->run(completion, NULL);
  }
}

/* The universe is being closed: no Lua runs any more. */
static int runtime_gc(lua_State *L) {
  moon_runtime **box = lua_touserdata(L, 1);
  moon_runtime *runtime = *box;
  *box = NULL;
  if (!runtime) return 0;
  moon_runtime_close(runtime);
  uv_walk(&runtime->loop, close_handle, NULL);
  uv_run(&runtime->loop, UV_RUN_DEFAULT);
  uv_loop_close(&runtime->loop);
  while (atomic_load(&runtime->wakers)) sched_yield();
  close(runtime->wake_fd);
  moon_timers_free(&runtime->timers);
  free(runtime->stopped_at);
  moon_runtime_release(runtime);
  return 0;
}

moon_runtime *moon_runtime_of(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &registry_key);
  moon_runtime **box = lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (box) return *box;
  box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, runtime_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &registry_key);
  *box = runtime_new();
  return *box;
}

uv_loop_t *moon_runtime_loop(moon_runtime *runtime) {
  runtime->loop_used = true;
  return &runtime->loop;
}

void moon_runtime_post(moon_runtime *runtime, moon_completion *completion) {
  pthread_mutex_lock(&runtime->lock);
  bool closed = runtime->closed;
  if (!closed) {
    moon_list_push_back(&runtime->queue, &completion->node);
  }
  bool wake = !closed && runtime->asleep;
  runtime->asleep = false;
  if (wake) atomic_fetch_add(&runtime->wakers, 1);
  pthread_mutex_unlock(&runtime->lock);
  if (wake) { /* without the lock, which is the first thing that the woken thread will want */
    moon_wakeup_send(runtime->wake_fd);
    atomic_fetch_sub(&runtime->wakers, 1);
  }
  if (closed) completion->run(completion, NULL);
}

void moon_runtime_set_timer(moon_runtime *runtime, moon_timer *timer, int64_t due_ms) {
  moon_timers_set(&runtime->timers, timer, due_ms);
}

void moon_runtime_stop_timer(moon_runtime *runtime, moon_timer *timer) {
  moon_timers_stop(&runtime->timers, timer);
}

void moon_runtime_hold(moon_runtime *runtime, int delta) {
  runtime->holds += delta;
}

bool moon_runtime_is_idle(const moon_runtime *runtime) {
  return runtime->task_count == runtime->idle_waiting && runtime->holds == 0;
}

/* --- turns of the loop --- */

/* One by one off a list of the runtime's, so that a nested turn goes on where this one is. */
static void run_completions(moon_runtime *runtime, lua_State *L) {
  pthread_mutex_lock(&runtime->lock);
  moon_list_append_all(&runtime->taken, &runtime->queue);
  pthread_mutex_unlock(&runtime->lock);
  int top = lua_gettop(L);
  for (moon_list *node; (node = moon_list_pop_front(&runtime->taken));) {
    moon_completion *completion = MOON_ENTRY(node, moon_completion, node);
    completion->run(completion, L);
    lua_settop(L, top);
  }
}

static void wake_idle_waits(moon_runtime *runtime) {
  if (moon_list_empty(&runtime->idle_waits) || !moon_runtime_is_idle(runtime)) return;
  for (moon_list *node; (node = moon_list_pop_front(&runtime->idle_waits));)
    moon_wait_ready(runtime, MOON_ENTRY(node, moon_wait, node));
}

static void look_for_io(moon_runtime *runtime, bool may_sleep) {
  int64_t due_ms = moon_timers_next_ms(&runtime->timers);
  int64_t delay_ms = due_ms - moon_clock_now_ms();
  /* libuv fires a timer that is due before it sleeps, and then sleeps without one. */
  if (due_ms >= 0 && delay_ms <= 0) may_sleep = false;
  pthread_mutex_lock(&runtime->lock);
  bool sleeps = may_sleep && moon_list_empty(&runtime->queue);
  runtime->asleep = sleeps;
  pthread_mutex_unlock(&runtime->lock);
  if (!sleeps) {
    if (runtime->loop_used) uv_run(&runtime->loop, UV_RUN_NOWAIT);
    return;
  }
  if (due_ms < 0) {
    uv_timer_stop(&runtime->timer);
  } else {
    uv_update_time(&runtime->loop);
    uv_timer_start(&runtime->timer, on_timer, (uint64_t)delay_ms, 0);
  }
  uv_run(&runtime->loop, UV_RUN_ONCE);
  pthread_mutex_lock(&runtime->lock);
  runtime->asleep = false;
  pthread_mutex_unlock(&runtime->lock);
}

void moon_runtime_look(moon_runtime *runtime) {
  look_for_io(runtime, false);
}

int64_t moon_runtime_prepare_sleep(moon_runtime *runtime) {
  uv_timer_stop(&runtime->timer);
  uv_run(&runtime->loop, UV_RUN_NOWAIT); /* also tells the descriptor what is watched */
  pthread_mutex_lock(&runtime->lock);
  runtime->asleep = moon_list_empty(&runtime->queue);
  bool ready = !runtime->asleep;
  pthread_mutex_unlock(&runtime->lock);
  if (ready || !moon_list_empty(&runtime->taken) || !moon_list_empty(&runtime->ready)) return 0;
  int64_t limit_ms = uv_backend_timeout(&runtime->loop), due_ms = moon_timers_next_ms(&runtime->timers);
  if (due_ms < 0) return limit_ms;
  int64_t delay_ms = due_ms - moon_clock_now_ms();
  if (delay_ms < 0) delay_ms = 0;
  return limit_ms < 0 || delay_ms < limit_ms ? delay_ms : limit_ms;
}

bool moon_runtime_drive(moon_runtime *runtime, lua_State *L, bool (*over)(void *ctx), void *ctx) {
  moon_script_task *before = runtime->current;
  runtime->current = NULL; /* what runs here is not done for the task that waits */
  runtime->depth++;
  lua_checkstack(L, LUA_MINSTACK);
  while (!runtime->stopping) {
    run_completions(runtime, L);
    moon_timers_run(&runtime->timers, moon_clock_now_ms());
    if (runtime->depth <= MOON_NESTING_LIMIT) moon_scheduler_run_ready(runtime, L);
    wake_idle_waits(runtime);
    if (runtime->stopping || over(ctx)) break;
    bool busy = !moon_list_empty(&runtime->ready) && runtime->depth <= MOON_NESTING_LIMIT;
    look_for_io(runtime, !busy);
  }
  runtime->depth--;
  runtime->current = before;
  return !runtime->stopping;
}

/* --- waits --- */

/* A wait in place is over when it is ready, or when the task that it blocks has been cancelled. */
typedef struct blocked {
  moon_runtime *runtime;
  const moon_wait *wait;
  const moon_script_task *task;
} blocked;

static bool blocked_over(void *ctx) {
  const blocked *self = ctx;
  return self->wait->ready || (self->task && self->task->cancel_requested);
}

static int raise_stopped(lua_State *L, const char *why) {
  moon_push_error_object(L, moon_error_new(MOON_CANCELLED, "%s", why));
  return lua_error(L);
}

int moon_runtime_wait(lua_State *L, moon_wait *wait, lua_KContext ctx, lua_KFunction k) {
  moon_runtime *runtime = moon_runtime_of(L);
  moon_script_task *task = runtime->current;
  if (task && task->cancel_requested) return raise_stopped(L, "the task was cancelled");
  if (wait->ready) return k(L, LUA_OK, ctx);
  if (runtime->selecting) return moon_misuse(L, "a strategy must not wait");
  if (moon_coroutine_can_suspend(runtime, L)) {
    wait->task = task;
    task->wait = wait;
    task->innermost = L;
    lua_pushlightuserdata(L, (void *)&moon_wait_sentinel);
    return lua_yieldk(L, 1, ctx, k);
  }
  blocked self = {runtime, wait, task};
  bool over = moon_runtime_drive(runtime, L, blocked_over, &self);
  if (task) moon_script_task_went_on(task);
  if (!over) {
    moon_runtime_note_stop(runtime, L, "interrupted");
    return raise_stopped(L, "interrupted");
  }
  if (!wait->ready) return raise_stopped(L, "the task was cancelled");
  return k(L, LUA_OK, ctx);
}

void moon_op_meta(lua_State *L, const void *key, lua_CFunction close) {
  lua_createtable(L, 0, 2);
  lua_pushcfunction(L, close);
  lua_setfield(L, -2, "__close");
  lua_pushcfunction(L, close);
  lua_setfield(L, -2, "__gc");
  lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

void moon_wait_ready(moon_runtime *runtime, moon_wait *wait) {
  if (wait->ready) return;
  wait->ready = true;
  moon_script_task *task = wait->task;
  if (!task) return;
  wait->task = NULL;
  task->wait = NULL;
  moon_list_push_back(&runtime->ready, &task->node);
  runtime->ready_count++;
}
