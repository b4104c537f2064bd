/* prober.c: see prober.h.
 *
 * A health thread is a reactor of its own. What belongs to a probing (a target for each endpoint, lookups, checks by
 * hand) is touched on that thread only; other threads post tasks to it. A target is idle (its timer may be set), queued
 * for one of the thread's places, or being probed; on its way through that circle it is never in two places.
 *
 * The end of a probing is a task too. It comes after every task that was posted before, and nothing is posted after it:
 * the observer, the only source of tasks that is not the caller's own, is taken away first. */
#include "cluster/prober.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/random.h"
#include "cluster/probe.h"
#include "net/resolver.h"

enum {
  PROBE_TIMEOUT_MS = 3000,
  MAX_PROBES = 64, /* at once, per thread */
  LOOKUP_INTERVAL_MS = 30000,
  LOOKUP_RETRY_MS = 5000,
  JITTER_PERCENT = 10,
  PROBINGS_PER_THREAD = 250,
  MAX_THREADS = 64,
};

typedef struct health_thread {
  moon_reactor *reactor;
  int probings;    /* guarded by threads_lock */
  int running;     /* probes */
  moon_list queue; /* targets that wait for a place, the longest first */
} health_thread;

typedef struct target {
  moon_list node; /* among those of its probing */
  moon_list queue_node;
  moon_probing *probing;
  moon_endpoint *endpoint;
  moon_timer timer;
  moon_probe *probe; /* while it is being probed */
  int64_t started_ms;
  moon_list waiters; /* checks by hand that wait for it */
  bool listed;       /* by the endpoint set, when it was last asked */
} target;

struct moon_probing {
  health_thread *thread;
  moon_endpoints *endpoints;
  void (*changed)(void *ctx);
  void *ctx;
  moon_list targets, lookups;
  moon_timer lookup_timer;

  moon_task begin_task, look_task, end_task;
  atomic_bool look_posted;

  pthread_mutex_t lock;
  pthread_cond_t ended_cond;
  bool ended;
};

/* A check by hand. */
typedef struct check {
  moon_task task;
  moon_probing *probing;
  void (*done)(void *ctx);
  void *ctx;
  int left; /* targets */
} check;

typedef struct waiter {
  moon_list node; /* among those of a target */
  check *check;
} waiter;

/* One name that is looked up. */
typedef struct lookup {
  moon_list node;
  moon_probing *probing;
  char *host;
  moon_resolving *resolving;
} lookup;

/* --- probes --- */

static void check_part_done(check *c) {
  if (--c->left) return;
  c->done(c->ctx);
  free(c);
}

static void let_waiters_go(target *t) {
  for (moon_list *node; (node = moon_list_pop_front(&t->waiters));) {
    waiter *w = MOON_ENTRY(node, waiter, node);
    check *c = w->check;
    free(w);
    check_part_done(c);
  }
}

static void probe_done(void *ctx, moon_verdict verdict, moon_error *err);

static void fill_places(health_thread *thread) {
  while (thread->running < MAX_PROBES) {
    moon_list *node = moon_list_pop_front(&thread->queue);
    if (!node) return;
    target *t = MOON_ENTRY(node, target, queue_node);
    thread->running++;
    t->started_ms = moon_clock_now_ms();
    t->probe = moon_probe_start(thread->reactor, moon_endpoint_dialer(t->endpoint), PROBE_TIMEOUT_MS, probe_done, t);
  }
}

/* Unless it is being probed, or about to be. */
static void probe_soon(target *t) {
  health_thread *thread = t->probing->thread;
  if (t->probe || !moon_list_empty(&t->queue_node)) return;
  moon_reactor_stop_timer(thread->reactor, &t->timer);
  moon_list_push_back(&thread->queue, &t->queue_node);
  fill_places(thread);
}

static void probe_done(void *ctx, moon_verdict verdict, moon_error *err) {
  target *t = ctx;
  health_thread *thread = t->probing->thread;
  t->probe = NULL;
  thread->running--;
  moon_endpoint_probed(t->endpoint, verdict, err);
  int64_t pause_ms = moon_endpoint_pause_ms(t->endpoint);
  if (pause_ms >= 0) moon_reactor_set_timer(thread->reactor, &t->timer, t->started_ms + pause_ms);
  let_waiters_go(t);
  fill_places(thread);
}

static void target_due(moon_timer *timer) {
  target *t = MOON_ENTRY(timer, target, timer);
  bool still_wanted = moon_endpoint_pause_ms(t->endpoint) >= 0;
  if (still_wanted) probe_soon(t);
}

/* --- targets --- */

static target *target_of(moon_probing *p, const moon_endpoint *endpoint) {
  for (moon_list *node = p->targets.next; node != &p->targets; node = node->next) {
    target *t = MOON_ENTRY(node, target, node);
    if (t->endpoint == endpoint) return t;
  }
  return NULL;
}

static target *target_new(moon_probing *p, moon_endpoint *endpoint) {
  target *t = moon_zalloc(sizeof *t);
  t->probing = p;
  t->endpoint = moon_endpoint_retain(endpoint);
  moon_timer_init(&t->timer, target_due);
  moon_list_init(&t->queue_node);
  moon_list_init(&t->waiters);
  moon_list_push_back(&p->targets, &t->node);
  return t;
}

static void target_free(target *t) {
  health_thread *thread = t->probing->thread;
  moon_reactor_stop_timer(thread->reactor, &t->timer);
  moon_list_remove(&t->queue_node);
  moon_list_remove(&t->node);
  if (t->probe) {
    moon_probe_cancel(t->probe);
    thread->running--;
  }
  let_waiters_go(t);
  moon_endpoint_release(t->endpoint);
  free(t);
}

/* Makes the targets those that the set has now, and probes what is urgent, new ones first of all. */
static void look(moon_probing *p) {
  size_t count;
  moon_endpoint **endpoints = moon_endpoints_list(p->endpoints, &count);
  for (moon_list *node = p->targets.next; node != &p->targets; node = node->next) {
    MOON_ENTRY(node, target, node)->listed = false;
  }
  for (size_t i = 0; i < count; i++) {
    target *t = target_of(p, endpoints[i]);
    bool fresh = !t;
    if (fresh) t = target_new(p, endpoints[i]);
    t->listed = true;
    bool urgent = moon_endpoint_take_urgent(endpoints[i]);
    if (urgent || (fresh && moon_endpoint_pause_ms(endpoints[i]) >= 0)) probe_soon(t);
    moon_endpoint_release(endpoints[i]);
  }
  free(endpoints);
  for (moon_list *node = p->targets.next, *next; node != &p->targets; node = next) {
    next = node->next;
    target *t = MOON_ENTRY(node, target, node);
    if (!t->listed) target_free(t);
  }
  fill_places(p->thread);
}

static void look_now(moon_task *task) {
  moon_probing *p = MOON_ENTRY(task, moon_probing, look_task);
  atomic_store(&p->look_posted, false);
  look(p);
}

/* The set's observer. */
static void on_changed(void *ctx) {
  moon_probing *p = ctx;
  if (!atomic_exchange(&p->look_posted, true)) moon_reactor_post(p->thread->reactor, &p->look_task);
  p->changed(p->ctx);
}

/* --- names --- */

static void lookup_free(lookup *l) {
  moon_list_remove(&l->node);
  free(l->host);
  free(l);
}

static void set_lookup_timer(moon_probing *p, int64_t pause_ms) {
  int64_t due_ms = moon_clock_now_ms() + moon_random_jitter(pause_ms, JITTER_PERCENT);
  moon_reactor_set_timer(p->thread->reactor, &p->lookup_timer, due_ms);
}

static void resolved(void *ctx, char *const *addresses, size_t count, moon_error *err) {
  lookup *l = ctx;
  moon_probing *p = l->probing;
  if (err) {
    moon_log(MOON_LOG_DEBUG, "%s; its addresses stay what they were", err->message);
    moon_error_free(err);
    set_lookup_timer(p, LOOKUP_RETRY_MS);
  } else {
    moon_endpoints_resolved(p->endpoints, l->host, addresses, count);
    look(p);
  }
  lookup_free(l);
}

static void look_up_names(moon_timer *timer) {
  moon_probing *p = MOON_ENTRY(timer, moon_probing, lookup_timer);
  if (!moon_list_empty(&p->lookups)) { /* a slow resolver is not asked twice */
    set_lookup_timer(p, LOOKUP_RETRY_MS);
    return;
  }
  set_lookup_timer(p, LOOKUP_INTERVAL_MS);
  char **hosts = NULL;
  size_t count = moon_endpoints_names(p->endpoints, &hosts);
  for (size_t i = 0; i < count; i++) {
    lookup *l = moon_zalloc(sizeof *l);
    l->probing = p;
    l->host = hosts[i];
    moon_list_push_back(&p->lookups, &l->node);
    l->resolving = moon_resolve(p->thread->reactor, l->host, resolved, l);
    if (l->resolving) continue;
    lookup_free(l);
    set_lookup_timer(p, LOOKUP_RETRY_MS);
  }
  free(hosts);
}

/* --- checks by hand --- */

static void check_now(moon_task *task) {
  check *c = MOON_ENTRY(task, check, task);
  moon_probing *p = c->probing;
  look(p);
  c->left = 1; /* itself, so that it ends after the loop, and with no target at all */
  for (moon_list *node = p->targets.next; node != &p->targets; node = node->next) {
    target *t = MOON_ENTRY(node, target, node);
    waiter *w = moon_zalloc(sizeof *w);
    w->check = c;
    c->left++;
    moon_list_push_back(&t->waiters, &w->node);
    probe_soon(t);
  }
  check_part_done(c);
}

void moon_probing_check(moon_probing *p, void (*done)(void *ctx), void *ctx) {
  check *c = moon_zalloc(sizeof *c);
  c->task.run = check_now;
  c->probing = p;
  c->done = done;
  c->ctx = ctx;
  moon_reactor_post(p->thread->reactor, &c->task);
}

/* --- threads --- */

static pthread_mutex_t threads_lock = PTHREAD_MUTEX_INITIALIZER;
static health_thread *threads[MAX_THREADS];
static int thread_count;

static health_thread *new_thread(void) {
  health_thread *thread = moon_zalloc(sizeof *thread);
  thread->reactor = moon_reactor_new();
  moon_list_init(&thread->queue);
  threads[thread_count++] = thread;
  return thread;
}

/* The least busy one; a new one when all have their fill and there is a core for it. */
static health_thread *join_thread(void) {
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  pthread_mutex_lock(&threads_lock);
  health_thread *thread = NULL;
  for (int i = 0; i < thread_count; i++) {
    if (!thread || threads[i]->probings < thread->probings) thread = threads[i];
  }
  bool full = !thread || thread->probings >= PROBINGS_PER_THREAD;
  if (full && (!thread || (thread_count < cores && thread_count < MAX_THREADS))) thread = new_thread();
  thread->probings++;
  pthread_mutex_unlock(&threads_lock);
  return thread;
}

static void leave_thread(health_thread *thread) {
  pthread_mutex_lock(&threads_lock);
  bool last = --thread->probings == 0;
  if (last) {
    int i = 0;
    while (threads[i] != thread) i++;
    threads[i] = threads[--thread_count];
  }
  pthread_mutex_unlock(&threads_lock);
  if (!last) return;
  moon_reactor_release(thread->reactor);
  free(thread);
}

/* --- life --- */

static void begin(moon_task *task) {
  moon_probing *p = MOON_ENTRY(task, moon_probing, begin_task);
  look(p);
  if (moon_endpoints_resolves(p->endpoints)) look_up_names(&p->lookup_timer);
}

static void end(moon_task *task) {
  moon_probing *p = MOON_ENTRY(task, moon_probing, end_task);
  moon_reactor_stop_timer(p->thread->reactor, &p->lookup_timer);
  while (!moon_list_empty(&p->lookups)) {
    lookup *l = MOON_ENTRY(p->lookups.next, lookup, node);
    moon_resolve_give_up(l->resolving);
    lookup_free(l);
  }
  while (!moon_list_empty(&p->targets)) target_free(MOON_ENTRY(p->targets.next, target, node));
  fill_places(p->thread); /* with those of others */
  pthread_mutex_lock(&p->lock);
  p->ended = true;
  pthread_cond_signal(&p->ended_cond);
  pthread_mutex_unlock(&p->lock);
}

moon_probing *moon_probing_start(moon_endpoints *endpoints, void (*changed)(void *ctx), void *ctx) {
  moon_probing *p = moon_zalloc(sizeof *p);
  p->thread = join_thread();
  p->endpoints = moon_endpoints_retain(endpoints);
  p->changed = changed;
  p->ctx = ctx;
  moon_list_init(&p->targets);
  moon_list_init(&p->lookups);
  moon_timer_init(&p->lookup_timer, look_up_names);
  p->begin_task.run = begin;
  p->look_task.run = look_now;
  p->end_task.run = end;
  pthread_mutex_init(&p->lock, NULL);
  pthread_cond_init(&p->ended_cond, NULL);
  moon_endpoints_observe(endpoints, on_changed, p);
  moon_reactor_post(p->thread->reactor, &p->begin_task);
  return p;
}

void moon_probing_stop(moon_probing *p) {
  moon_endpoints_observe(p->endpoints, NULL, NULL);
  moon_reactor_post(p->thread->reactor, &p->end_task);
  pthread_mutex_lock(&p->lock);
  while (!p->ended) pthread_cond_wait(&p->ended_cond, &p->lock);
  pthread_mutex_unlock(&p->lock);
  leave_thread(p->thread);
  moon_endpoints_release(p->endpoints);
  pthread_mutex_destroy(&p->lock);
  pthread_cond_destroy(&p->ended_cond);
  free(p);
}
