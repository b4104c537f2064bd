/* reactor_spec.c: tasks, timers and the life of the thread that owns connections. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "net/reactor.h"
#include "support/net_fixture.h"

/* --- tasks --- */

typedef struct numbered {
  moon_task task;
  int number;
} numbered;

static int last_number;
static atomic_int runs, out_of_order;

static void run_numbered(moon_task *task) {
  numbered *n = MOON_ENTRY(task, numbered, task);
  if (n->number != last_number + 1) out_of_order++;
  last_number = n->number;
  runs++;
}

static void runs_tasks_in_the_order_of_posting(void **state) {
  enum { COUNT = 10000 };
  moon_reactor *reactor = moon_reactor_new();
  numbered *all = moon_zalloc(COUNT * sizeof *all);
  last_number = runs = out_of_order = 0;
  for (int i = 0; i < COUNT; i++) {
    all[i] = (numbered){.task.run = run_numbered, .number = i + 1};
    moon_reactor_post(reactor, &all[i].task);
  }
  moon_reactor_release(reactor); /* lets what was posted run */
  assert_int_equal(runs, COUNT);
  assert_int_equal(out_of_order, 0);
  free(all);
}

typedef struct repeated {
  moon_task task;
  moon_reactor *reactor;
  int left;
} repeated;

static void run_repeated(moon_task *task) {
  repeated *r = MOON_ENTRY(task, repeated, task);
  runs++;
  if (!moon_reactor_is_current(r->reactor)) out_of_order++;
  if (--r->left > 0) moon_reactor_post(r->reactor, task);
}

static void lets_a_task_post_itself_again_even_while_it_ends(void **state) {
  moon_reactor *reactor = moon_reactor_new();
  repeated r = {.task.run = run_repeated, .reactor = reactor, .left = 1000};
  runs = out_of_order = 0;
  moon_reactor_post(reactor, &r.task);
  assert_false(moon_reactor_is_current(reactor));
  moon_reactor_release(reactor);
  assert_int_equal(runs, 1000);
  assert_int_equal(out_of_order, 0);
}

enum { POSTERS = 4, POSTS = 5000 };

static void run_counted(moon_task *task) {
  runs++;
  free(task);
}

static void *post_many(void *reactor) {
  for (int i = 0; i < POSTS; i++) {
    moon_task *task = moon_zalloc(sizeof *task);
    task->run = run_counted;
    moon_reactor_post(reactor, task);
  }
  return NULL;
}

static void loses_no_task_of_several_threads(void **state) {
  moon_reactor *reactor = moon_reactor_new();
  pthread_t posters[POSTERS];
  runs = 0;
  for (int i = 0; i < POSTERS; i++) pthread_create(&posters[i], NULL, post_many, reactor);
  for (int i = 0; i < POSTERS; i++) pthread_join(posters[i], NULL);
  moon_reactor_release(reactor);
  assert_int_equal(runs, POSTERS * POSTS);
}

/* --- the last reference --- */

typedef struct farewell {
  moon_task task;
  moon_reactor *reactor;
} farewell;

static void give_back(moon_task *task) {
  farewell *f = MOON_ENTRY(task, farewell, task);
  moon_reactor_release(f->reactor);
  free(f);
  runs++;
}

/* Two threads post at the same time, and the task of one of them ends the reactor: whoever comes late may not touch it
 * any more. A sanitizer would tell. */
static void *say_farewell(void *reactor) {
  farewell *f = moon_zalloc(sizeof *f);
  f->task.run = give_back;
  f->reactor = reactor;
  moon_reactor_post(reactor, &f->task);
  return NULL;
}

static void may_be_ended_on_its_own_thread_by_the_task_that_is_being_posted(void **state) {
  enum { ROUNDS = 200 };
  runs = 0;
  for (int i = 0; i < ROUNDS; i++) {
    moon_reactor *reactor = moon_reactor_new();
    moon_reactor_retain(reactor);
    pthread_t other;
    pthread_create(&other, NULL, say_farewell, reactor);
    say_farewell(reactor);
    pthread_join(other, NULL);
  }
  for (int i = 0; i < 1000 && runs < 2 * ROUNDS; i++) sleep_ms(10);
  assert_int_equal(runs, 2 * ROUNDS);
  sleep_ms(100); /* the threads' last steps */
}

/* --- timers --- */

static moon_timer timers[3];
static moon_reactor *timers_reactor;
static char fired[8];
static atomic_int fired_count;

static void fire(moon_timer *timer) {
  fired[fired_count] = (char)('a' + (timer - timers));
  fired_count++;
}

static void set_timers(void *unused) {
  for (int i = 0; i < 3; i++) moon_timer_init(&timers[i], fire);
  moon_reactor_set_timer(timers_reactor, &timers[0], 1000300);
  moon_reactor_set_timer(timers_reactor, &timers[1], 1000100);
  moon_reactor_set_timer(timers_reactor, &timers[2], 1000200);
}

static void stop_the_first(void *unused) {
  moon_reactor_stop_timer(timers_reactor, &timers[0]);
}

static void nothing(void *unused) {}

static void fires_timers_when_they_are_due_by_the_settable_clock(void **state) {
  moon_clock_set_ms(1000000);
  timers_reactor = moon_reactor_new();
  fired_count = 0;
  on_reactor(timers_reactor, set_timers, NULL);
  sleep_ms(20);
  assert_int_equal(fired_count, 0);
  moon_clock_advance_ms(250);
  on_reactor(timers_reactor, nothing, NULL); /* a frozen clock wakes nobody by itself */
  for (int i = 0; i < 1000 && fired_count < 2; i++) sleep_ms(5);
  on_reactor(timers_reactor, stop_the_first, NULL);
  moon_clock_advance_ms(1000);
  on_reactor(timers_reactor, nothing, NULL);
  sleep_ms(20);
  assert_int_equal(fired_count, 2);
  assert_memory_equal(fired, "bc", 2);
  moon_clock_run();
  moon_reactor_release(timers_reactor);
}

/* --- watches --- */

static moon_watch *watch;
static int pair[2];
static atomic_int readable;

static void on_readable(moon_watch *w, int events) {
  char byte;
  if (events < 0 || read(w->fd, &byte, 1) != 1) return;
  readable++;
}

static void watch_pair(void *reactor) {
  watch = moon_watch_new(reactor, pair[0], on_readable, NULL);
  moon_watch_set(watch, UV_READABLE);
}

static moon_watch *second;

/* The descriptor was closed, and its number came back, before its watch was freed. */
static void replace_descriptor(void *reactor) {
  close(pair[0]);
  close(pair[1]);
  int next[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, next), 0);
  bool same = next[0] == pair[0];
  memcpy(pair, next, sizeof pair);
  second = moon_watch_new(reactor, pair[0], on_readable, NULL);
  moon_watch_set(second, UV_READABLE);
  if (same && watch->fd != -1) abort();
}

static void free_first(void *unused) {
  moon_watch_free(watch);
}

static void free_second(void *unused) {
  moon_watch_free(second);
}

static void a_watch_goes_blind_when_its_number_is_another_descriptor(void **state) {
  moon_reactor *reactor = moon_reactor_new();
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
  readable = 0;
  on_reactor(reactor, watch_pair, reactor);
  assert_int_equal(write(pair[1], "x", 1), 1);
  for (int i = 0; i < 1000 && readable < 1; i++) sleep_ms(5);
  assert_int_equal(readable, 1);
  on_reactor(reactor, replace_descriptor, reactor);
  on_reactor(reactor, free_first, NULL); /* must not blind the second */
  assert_int_equal(write(pair[1], "x", 1), 1);
  for (int i = 0; i < 1000 && readable < 2; i++) sleep_ms(5);
  assert_int_equal(readable, 2);
  on_reactor(reactor, free_second, NULL);
  close(pair[0]);
  close(pair[1]);
  moon_reactor_release(reactor);
}

/* --- shared ones --- */

static void shares_as_many_reactors_as_the_environment_says(void **state) {
  unsetenv("MOONPOOL_IO_THREADS");
  moon_reactor *one = moon_reactor_shared(), *again = moon_reactor_shared();
  assert_ptr_equal(one, again);
  moon_reactor_release(one);
  moon_reactor_release(again);
  if (sysconf(_SC_NPROCESSORS_ONLN) < 2) skip();
  setenv("MOONPOOL_IO_THREADS", "2", 1);
  moon_reactor *all[4];
  for (int i = 0; i < 4; i++) all[i] = moon_reactor_shared();
  assert_ptr_not_equal(all[0], all[1]);
  assert_ptr_equal(all[0], all[2]);
  assert_ptr_equal(all[1], all[3]);
  for (int i = 0; i < 4; i++) moon_reactor_release(all[i]);
  setenv("MOONPOOL_IO_THREADS", "nonsense", 1);
  one = moon_reactor_shared();
  moon_reactor_release(one);
  unsetenv("MOONPOOL_IO_THREADS");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(runs_tasks_in_the_order_of_posting),
      cmocka_unit_test(lets_a_task_post_itself_again_even_while_it_ends),
      cmocka_unit_test(loses_no_task_of_several_threads),
      cmocka_unit_test(may_be_ended_on_its_own_thread_by_the_task_that_is_being_posted),
      cmocka_unit_test(fires_timers_when_they_are_due_by_the_settable_clock),
      cmocka_unit_test(a_watch_goes_blind_when_its_number_is_another_descriptor),
      cmocka_unit_test(shares_as_many_reactors_as_the_environment_says),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
