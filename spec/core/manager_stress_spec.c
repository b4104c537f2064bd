/* manager_stress_spec.c: everything at once: clusters are added, taken out, disabled, fail and recover while eight
 * threads choose, lease, give back, cancel, move and ask.
 *
 * No name is used twice, so that the events of each cluster can be put in a row at the end: its addition first, then
 * changes of health in turn and what its pool tells, its removal last. Runs for MOON_STRESS_MS (1,500) ms;
 * MOON_STRESS_SEED repeats a run's choices (not its timing). */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "cluster/lease.h"
#include "cluster/strategy.h"
#include "support/manager_fixture.h"
#include "support/net_fixture.h"

enum { WORKERS = 8, PRESENT = 6, MOST_CLUSTERS = 4000, MOST_EVENTS = 1 << 20 };

struct note {
  moon_event_kind kind;
  int cluster;     /* its number; of a manager's event */
  uint64_t source; /* of a pool's */
};

static struct stress {
  tls_server *server;
  moon_manager *manager;
  moon_event_queue *events;
  uint64_t seed;
  int64_t until_ms;
  atomic_bool over; /* all threads but the reader's have ended */

  /* the membership's: */
  atomic_int added; /* clusters so far; those from `oldest` on are there */
  atomic_int oldest;
  moon_cluster *clusters[MOST_CLUSTERS]; /* references, to look at in the end */
  uint64_t pools[MOST_CLUSTERS];

  /* the reader's: */
  struct note *notes;
  size_t note_count;

  _Atomic uint64_t chosen, refused, leased, called, failed, cancelled, abandoned;
} stress;

static void expect(bool holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "invariant broken: %s\n", what);
  abort();
}

static bool one_in(uint64_t n) {
  return moon_random_below(n) == 0;
}

static void pause_us(uint64_t most) {
  const struct timespec moment = {0, (long)moon_random_below(most * 1000 + 1)};
  nanosleep(&moment, NULL);
}

static bool something_has_happened(void) {
  return stress.chosen > 0 && stress.leased > 0 && stress.called > 0 && stress.abandoned > 0;
}

/* Where all is many times slower (valgrind), until it has been of use. */
static bool go_on(void) {
  int64_t over_ms = now_ms() - stress.until_ms;
  return over_ms < 0 || (over_ms < PATIENCE_MS && !something_has_happened());
}

static void name_of(char *out, int number) {
  sprintf(out, "c%d", number);
}

/* One that is there, or was until a moment ago. */
static void some_name(char *out) {
  int first = stress.oldest, last = stress.added;
  name_of(out, first + (int)moon_random_below((uint64_t)(last > first ? last - first : 1)));
}

/* --- clusters come, go, fail and recover --- */

static void add_one(void) {
  char name[16];
  int number = stress.added;
  name_of(name, number);
  moon_cluster_options options = moon_cluster_default_options;
  moon_pool_options pool = moon_pool_default_options;
  pool.min_connections = 0;
  pool.max_connections = 2;
  pool.enable_warmup = false;
  pool.acquire_timeout_ms = 200;
  options.name = name;
  options.weight = (double)moon_random_below(4);
  options.pool = &pool;
  moon_target *target = one_in(4) ? silent_target() : target_of(stress.server, "http", "127.0.0.1");
  expect(!moon_manager_add(stress.manager, &options, target), "a new name can be added");
  moon_target_release(target);
  stress.clusters[number] = moon_manager_find(stress.manager, name, NULL);
  stress.pools[number] = moon_pool_id(moon_cluster_pool(stress.clusters[number]));
  stress.added = number + 1;
}

static void *come_and_go(void *arg) {
  moon_random_seed(stress.seed + 100);
  while (go_on() && stress.added < MOST_CLUSTERS) {
    add_one();
    if (one_in(2)) pause_us(50000); /* some stay long enough to be connected to */
    if (stress.added - stress.oldest <= PRESENT) continue;
    char name[16];
    name_of(name, stress.oldest);
    expect(!moon_manager_take_out(stress.manager, name, (int64_t)moon_random_below(20)),
           "who was added can be taken out");
    stress.oldest++;
  }
  return NULL;
}

static void *fail_and_recover(void *arg) {
  moon_random_seed(stress.seed + *(int *)arg);
  while (go_on()) {
    char name[16];
    some_name(name);
    switch (moon_random_below(4)) {
    case 0:
      fail_cluster(stress.manager, name);
      break;
    case 1:
      recover_cluster(stress.manager, name);
      break;
    case 2:
      probe_cluster(stress.manager, name, one_in(2) ? MOON_PROBE_GOOD : MOON_PROBE_FAILED);
      break;
    default:
      moon_manager_set_enabled(stress.manager, name, !one_in(4), NULL);
      break;
    }
    pause_us(3000);
  }
  return NULL;
}

/* --- users --- */

static void choose(void) {
  char name[16];
  moon_cluster *cluster = NULL;
  moon_selection selection = {.key = "key"};
  uint64_t id, tried;
  some_name(name);
  if (one_in(3)) selection.preferred = name;
  for (int i = 0; i < 3; i++) {
    moon_error *err = moon_manager_select(stress.manager, &selection, &cluster, &id);
    if (err) {
      expect(err->kind == MOON_NO_HEALTHY_CLUSTER || err->kind == MOON_CONFIG || err->kind == MOON_CONNECT ||
                 err->kind == MOON_TIMEOUT,
             "a selection fails for want of a cluster only");
      moon_error_free(err);
      stress.refused++;
      return;
    }
    stress.chosen++;
    if (one_in(10)) pause_us(200);
    moon_cluster_leave(cluster);
    tried = id;
    selection.tried = &tried;
    selection.tried_count = 1;
  }
}

static void choose_outside(void) {
  moon_candidate candidates[2 * PRESENT];
  size_t count = moon_manager_candidates(stress.manager, &(moon_selection){0}, candidates, 2 * PRESENT);
  if (!count) return;
  uint64_t id = candidates[moon_random_below(count < 2 * PRESENT ? count : 2 * PRESENT)].id;
  moon_cluster *cluster = moon_manager_enter(stress.manager, id);
  if (!cluster) return;
  stress.chosen++;
  moon_cluster_leave(cluster);
}

static void lease(void) {
  char name[16];
  some_name(name);
  moon_conn *conn = NULL;
  moon_error *err = NULL;
  if (moon_manager_acquire(stress.manager, one_in(2) ? name : NULL, &conn, &err)) {
    stress.failed++;
    moon_error_free(err);
    return;
  }
  stress.leased++;
  expect(*moon_conn_cluster(conn) == 'c', "a lease knows its cluster");
  if (one_in(4)) pause_us(1000);
  moon_manager_give_back(stress.manager, conn);
}

static void call(void) {
  moon_answer *answer = NULL;
  moon_error *err = NULL;
  const moon_call_options options = {.path = "/livez", .timeout_ms = 300};
  if (moon_manager_call(stress.manager, NULL, &options, &answer, &err) == MOON_OK) {
    stress.called++;
    moon_answer_free(answer);
  } else {
    stress.failed++;
    moon_error_free(err);
  }
}

static void on_leased(void *ctx, moon_cluster *cluster, moon_conn *conn, moon_error *err) {
  expect(!conn != !err, "a leasing ends with one of both");
  if (conn) {
    moon_cluster_give_back(cluster, conn);
    moon_cluster_release(cluster);
  }
  moon_error_free(err);
  atomic_fetch_add((atomic_int *)ctx, 1);
}

static void lease_and_cancel(void) {
  atomic_int ends = 0;
  moon_leasing *leasing = moon_leasing_start(stress.manager, &(moon_selection){0}, NULL, NULL, on_leased, &ends);
  pause_us(300);
  if (moon_leasing_cancel(leasing)) {
    expect(!ends, "who was cancelled does not end");
    stress.cancelled++;
  } else {
    while (!ends) pause_us(100);
  }
  moon_leasing_release(leasing);
}

struct guest {
  moon_mover mover;
  atomic_bool there;
  atomic_int told;
};

static void on_abandon(moon_mover *mover, const moon_error *cause) {
  struct guest *guest = (struct guest *)mover;
  expect(guest->there, "who has left is not told");
  expect(cause && *cause->message, "who is told hears why");
  guest->told++;
  stress.abandoned++;
}

static void move(void) {
  moon_cluster *cluster = NULL;
  moon_error *err = moon_manager_select(stress.manager, &(moon_selection){0}, &cluster, NULL);
  if (err) {
    moon_error_free(err);
    return;
  }
  struct guest guest = {.mover.abandon = on_abandon, .there = true};
  moon_manager_add_mover(stress.manager, &guest.mover, cluster);
  pause_us(1000);
  moon_manager_remove_mover(stress.manager, &guest.mover);
  guest.there = false;
  expect(guest.told <= 1, "a mover is told once");
  moon_cluster_leave(cluster);
}

static void ask_about(void) {
  char name[16], **names;
  moon_cluster_stats stats;
  some_name(name);
  if (moon_manager_get_stats(stress.manager, name, &stats, NULL) == MOON_OK)
    expect(stats.active >= 0 && stats.share >= 0.1 && stats.share <= 1, "statistics are sound");
  size_t count = moon_manager_names(stress.manager, NULL, &names);
  expect(count <= PRESENT + 1, "nobody stays longer than he should");
  for (size_t i = 0; i < count; i++) free(names[i]);
  free(names);
  moon_manager_set_weight(stress.manager, name, (double)moon_random_below(5), NULL);
  if (one_in(20)) {
    size_t strategies = 0;
    while (moon_strategy_names()[strategies]) strategies++;
    moon_manager_use_strategy(stress.manager, moon_strategy_names()[moon_random_below(strategies)], NULL);
  }
}

static void *work(void *arg) {
  moon_random_seed(stress.seed + *(uint64_t *)arg);
  while (go_on()) {
    switch (moon_random_below(10)) {
    case 0:
      lease();
      break;
    case 1:
      lease_and_cancel();
      break;
    case 2:
      move();
      break;
    case 3:
      ask_about();
      break;
    case 4:
      choose_outside();
      break;
    case 5:
      call();
      break;
    default:
      choose();
      break;
    }
  }
  return NULL;
}

/* --- events --- */

static void *read_events(void *arg) {
  moon_event event;
  for (;;) {
    bool last = stress.over;
    if (moon_event_queue_take(stress.events, &event)) {
      expect(stress.note_count < MOST_EVENTS, "there is room for all events");
      struct note note = {.kind = event.kind, .cluster = -1, .source = event.source};
      if (event.source == moon_manager_id(stress.manager)) note.cluster = atoi(event.cluster + 1);
      stress.notes[stress.note_count++] = note;
      moon_event_clear(&event);
    } else if (last) {
      return NULL;
    } else {
      pause_us(500);
    }
  }
}

struct life {
  bool added, removed;
  moon_event_kind health; /* the last one told */
};

static int pool_owner(uint64_t source) {
  int low = 0, high = stress.added; /* pools are numbered in the order in which they were made */
  while (low < high) {
    int middle = (low + high) / 2;
    if (stress.pools[middle] < source)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static void check_lives(void) {
  struct life *lives = moon_zalloc(MOST_CLUSTERS * sizeof *lives);
  uint64_t told[MOON_EVENT_STRATEGY_ERROR + 1] = {0};
  for (size_t i = 0; i < stress.note_count; i++) {
    struct note *note = &stress.notes[i];
    told[note->kind]++;
    if (note->kind == MOON_EVENT_FAILOVER) continue; /* may be told a moment after the cluster went */
    struct life *life = &lives[note->cluster >= 0 ? note->cluster : pool_owner(note->source)];
    if (note->kind == MOON_EVENT_CLUSTER_ADDED) {
      expect(!life->added, "a cluster is added once");
      life->added = true;
      continue;
    }
    expect(life->added, "nothing is told of a cluster before its addition");
    expect(!life->removed, "nothing is told of a cluster after its removal");
    if (note->kind == MOON_EVENT_CLUSTER_REMOVED) life->removed = true;
    if (note->kind == MOON_EVENT_CLUSTER_HEALTHY || note->kind == MOON_EVENT_CLUSTER_UNHEALTHY) {
      expect(note->kind != life->health, "healthy and unhealthy take turns");
      life->health = note->kind;
    }
  }
  for (int i = 0; i < stress.added; i++)
    expect(lives[i].added && lives[i].removed, "every cluster is added and removed");
  free(lives);
  fprintf(stderr,
          "seed %llu: %d clusters, %llu chosen, %llu refused; %llu leases, %llu calls, %llu failed, %llu cancelled; "
          "%llu abandoned; %llu unhealthy, %llu healthy, %llu fail-overs, %zu events\n",
          (unsigned long long)stress.seed, stress.added, (unsigned long long)stress.chosen,
          (unsigned long long)stress.refused, (unsigned long long)stress.leased, (unsigned long long)stress.called,
          (unsigned long long)stress.failed, (unsigned long long)stress.cancelled, (unsigned long long)stress.abandoned,
          (unsigned long long)told[MOON_EVENT_CLUSTER_UNHEALTHY], (unsigned long long)told[MOON_EVENT_CLUSTER_HEALTHY],
          (unsigned long long)told[MOON_EVENT_FAILOVER], stress.note_count);
}

static void nothing_is_lost_when_all_happens_at_once(void **state) {
  const char *seed = getenv("MOON_STRESS_SEED"), *ms = getenv("MOON_STRESS_MS");
  stress.seed = seed ? strtoull(seed, NULL, 10) : (uint64_t)now_ms();
  moon_random_seed(stress.seed);
  stress.server = start_plain_server();
  stress.events = moon_event_queue_new(MOST_EVENTS, NULL, NULL);
  stress.notes = moon_alloc(MOST_EVENTS * sizeof *stress.notes);
  moon_manager_options options = quiet_manager_options();
  options.cluster_health_check_interval_ms = 50; /* real probes mix with those that are made up */
  stress.manager = manager_with(&options, stress.events);
  for (int i = 0; i < PRESENT; i++) add_one();
  stress.until_ms = now_ms() + (ms ? atoi(ms) : 1500);

  pthread_t members, fates[2], workers[WORKERS], reader;
  int fate_numbers[2] = {200, 201};
  uint64_t numbers[WORKERS];
  pthread_create(&reader, NULL, read_events, NULL);
  pthread_create(&members, NULL, come_and_go, NULL);
  for (int i = 0; i < 2; i++) pthread_create(&fates[i], NULL, fail_and_recover, &fate_numbers[i]);
  for (uint64_t i = 0; i < WORKERS; i++) {
    numbers[i] = i;
    pthread_create(&workers[i], NULL, work, &numbers[i]);
  }
  for (int i = 0; i < WORKERS; i++) pthread_join(workers[i], NULL);
  for (int i = 0; i < 2; i++) pthread_join(fates[i], NULL);
  pthread_join(members, NULL);

  moon_manager_close(stress.manager, 0);
  for (int i = 0; i < stress.added; i++)
    expect(moon_pool_wait_drained(moon_cluster_pool(stress.clusters[i]), PATIENCE_MS),
           "a closed manager's pools drain");
  stress.over = true;
  pthread_join(reader, NULL);
  expect(moon_event_queue_dropped(stress.events) == 0, "no event is lost");
  check_lives();
  for (int i = 0; i < stress.added; i++) {
    expect(moon_cluster_active(stress.clusters[i]) == 0, "every place was given back");
    moon_cluster_release(stress.clusters[i]);
  }
  expect(something_has_happened(), "something has happened");
  moon_manager_release(stress.manager);
  moon_event_queue_release(stress.events);
  free(stress.notes);
  tls_server_stop(stress.server);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_lost_when_all_happens_at_once),
  };
  return cmocka_run_group_tests(tests, keep_threads, end_threads);
}
