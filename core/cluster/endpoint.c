/* endpoint.c: see endpoint.h.
 *
 * The set owns its endpoints; every reference that others have on one holds a reference on the set too, so that its
 * lock is there. One that is retired has left the list and lives on for those who still hold it. What is asked often
 * (the state, the share, the count) is kept in atomics, written under the lock by whoever changed something. */
#include "cluster/endpoint_set.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"

enum { RETRY_MS = 1000, MAX_RETRY_MS = 30000, RETRY_JITTER = 20 /* percent */ };

/* How gladly a new connection is made to an endpoint. */
enum rank { WELCOME, DOUBTFUL, BACKING_OFF, DOWN };

moon_endpoints *endpoints_lock(const moon_endpoints *set) {
  moon_endpoints *locked = (moon_endpoints *)set;
  pthread_mutex_lock(&locked->lock);
  return locked;
}

void endpoints_unlock(moon_endpoints *set) {
  pthread_mutex_unlock(&set->lock);
}

/* The best of its endpoints' states. */
static void sum_up(moon_endpoints *set) {
  static const int order[] = {
      [MOON_HEALTH_HEALTHY] = 0, [MOON_HEALTH_SUSPECT] = 1,   [MOON_HEALTH_UNKNOWN] = 2,
      [MOON_HEALTH_PROBING] = 3, [MOON_HEALTH_UNHEALTHY] = 4,
  };
  moon_health_state before = (moon_health_state)set->state, best = MOON_HEALTH_UNHEALTHY;
  for (size_t i = 0; i < set->count; i++) {
    moon_health_state state = set->items[i]->health.state;
    if (order[state] < order[best]) best = state;
  }
  bool was_usable = moon_health_usable(before), usable = moon_health_usable(best);
  if (!usable) set->ramp_ms = 0;
  if (usable && !was_usable) set->ramp_ms = moon_clock_now_ms();
  set->state = best;
}

void endpoints_unlock_and_tell(moon_endpoints *set, bool news) {
  if (news) sum_up(set);
  void (*changed)(void *ctx) = news ? set->changed : NULL;
  void *ctx = set->ctx;
  if (changed) set->telling++;
  endpoints_unlock(set);
  if (!changed) return;
  changed(ctx);
  endpoints_lock(set);
  if (--set->telling == 0) pthread_cond_broadcast(&set->told);
  endpoints_unlock(set);
}

/* --- making and unmaking --- */

moon_error *endpoint_new(moon_endpoints *set, size_t from, const char *address, moon_endpoint **out) {
  moon_dialer *dialer;
  moon_error *err = moon_dialer_new(set->cluster, set->target, set->sources[from].url, address, &dialer);
  if (err) return err;
  moon_endpoint *endpoint = moon_zalloc(sizeof *endpoint);
  endpoint->refs = 1;
  endpoint->set = set;
  endpoint->source = from;
  endpoint->address = moon_strdup(address);
  endpoint->dialer = dialer;
  moon_health_init(&endpoint->health, set->interval_ms);
  *out = endpoint;
  return NULL;
}

void endpoint_drop(moon_endpoint *endpoint) {
  if (atomic_fetch_sub(&endpoint->refs, 1) != 1) return;
  moon_health_free(&endpoint->health);
  moon_dialer_release(endpoint->dialer);
  free(endpoint->address);
  free(endpoint);
}

/* "host" of "https://host:port"; of a socket the path. */
static char *host_of(const moon_dialer *dialer) {
  const char *host = strstr(moon_dialer_endpoint(dialer), "://") + 3;
  const char *end = *host == '/' ? host + strlen(host) : strrchr(host, ':');
  return moon_strndup(host, (size_t)(end - host));
}

static moon_error *check_url(const moon_endpoints *set, const char *url) {
  const char *server = set->target->server, *scheme_end = strstr(server, "://");
  size_t scheme = scheme_end ? (size_t)(scheme_end - server) + 3 : 0;
  const char *rest = url + scheme;
  bool good = scheme && !strncmp(url, server, scheme) && *rest && !strpbrk(rest, "@?# ");
  if (good && *server == 'u') {
    if (*rest == '/' && rest[1]) return NULL;
    good = false;
  }
  const char *slash = good ? strchr(rest, '/') : NULL;
  if (good && (!slash || (slash > rest && !slash[1]))) return NULL;
  moon_error *err = moon_error_new(MOON_CONFIG, "cluster \"%s\": endpoint \"%s\": expected %.*s%s, as its server",
                                   set->cluster, good || !strchr(url, '@') ? url : "(with a user name)", (int)scheme,
                                   server, *server == 'u' ? "/path" : "host:port");
  moon_error_set(&err->cluster, set->cluster);
  return err;
}

static moon_error *add_source(moon_endpoints *set, const char *url) {
  moon_endpoint *endpoint = NULL;
  moon_error *err = url ? check_url(set, url) : NULL;
  endpoint_source *added = &set->sources[set->source_count];
  *added = (endpoint_source){.url = moon_strdup(url)};
  if (!err) err = endpoint_new(set, set->source_count, NULL, &endpoint);
  set->source_count++;
  if (err) return err;
  added->host = host_of(endpoint->dialer);
  added->is_name = moon_dialer_may_resolve(endpoint->dialer);
  for (size_t i = 0; i < set->count; i++) {
    if (strcmp(moon_dialer_endpoint(set->items[i]->dialer), moon_dialer_endpoint(endpoint->dialer))) continue;
    err = moon_error_new(MOON_CONFIG, "cluster \"%s\": endpoint \"%s\" is there twice", set->cluster, url);
    endpoint_drop(endpoint);
    return err;
  }
  set->items[set->count++] = endpoint;
  return NULL;
}

moon_error *moon_endpoints_new(const char *cluster, moon_target *target, const char *const *urls, bool resolve,
                               int64_t probe_interval_ms, moon_endpoints **out) {
  static const char *const targets_server[] = {NULL, NULL};
  size_t count = 0;
  while (urls && urls[count]) count++;
  if (!count) {
    urls = targets_server;
    count = 1;
  }
  moon_endpoints *set = moon_zalloc(sizeof *set);
  set->refs = 1;
  set->cluster = moon_strdup(cluster);
  set->target = moon_target_retain(target);
  set->resolve = resolve;
  set->interval_ms = probe_interval_ms;
  set->sources = moon_zalloc(count * sizeof *set->sources);
  set->items = moon_zalloc(count * sizeof(moon_endpoint *));
  pthread_mutex_init(&set->lock, NULL);
  pthread_cond_init(&set->told, NULL);
  moon_error *err = NULL;
  for (size_t i = 0; i < count && !err; i++) err = add_source(set, urls[i]);
  if (err) {
    moon_endpoints_release(set);
    return err;
  }
  sum_up(set);
  *out = set;
  return NULL;
}

moon_endpoints *moon_endpoints_retain(moon_endpoints *endpoints) {
  atomic_fetch_add(&endpoints->refs, 1);
  return endpoints;
}

void moon_endpoints_release(moon_endpoints *endpoints) {
  if (!endpoints || atomic_fetch_sub(&endpoints->refs, 1) != 1) return;
  for (size_t i = 0; i < endpoints->count; i++) endpoint_drop(endpoints->items[i]);
  for (size_t i = 0; i < endpoints->source_count; i++) {
    free(endpoints->sources[i].url);
    free(endpoints->sources[i].host);
  }
  free(endpoints->items);
  free(endpoints->sources);
  free(endpoints->cluster);
  moon_target_release(endpoints->target);
  pthread_cond_destroy(&endpoints->told);
  pthread_mutex_destroy(&endpoints->lock);
  free(endpoints);
}

moon_endpoint *moon_endpoint_retain(moon_endpoint *endpoint) {
  atomic_fetch_add(&endpoint->refs, 1);
  moon_endpoints_retain(endpoint->set);
  return endpoint;
}

void moon_endpoint_release(moon_endpoint *endpoint) {
  if (!endpoint) return;
  moon_endpoints *set = endpoint->set;
  endpoint_drop(endpoint);
  moon_endpoints_release(set);
}

void moon_endpoints_observe(moon_endpoints *endpoints, void (*changed)(void *ctx), void *ctx) {
  endpoints_lock(endpoints);
  endpoints->changed = changed;
  endpoints->ctx = ctx;
  while (endpoints->telling) pthread_cond_wait(&endpoints->told, &endpoints->lock);
  endpoints_unlock(endpoints);
}

/* --- how the cluster is --- */

moon_health_state moon_endpoints_state(const moon_endpoints *endpoints) {
  return (moon_health_state)atomic_load_explicit(&endpoints->state, memory_order_relaxed);
}

double moon_endpoints_share(const moon_endpoints *endpoints, int64_t now_ms) {
  moon_health whole = {.ramp_ms = atomic_load_explicit(&endpoints->ramp_ms, memory_order_relaxed)};
  return moon_health_share(&whole, now_ms);
}

/* "; " between them, each with the endpoint's name in it. */
static void add_message(moon_buffer *text, const moon_endpoint *endpoint, const char *message) {
  const char *name = moon_dialer_endpoint(endpoint->dialer);
  if (text->len) moon_buffer_add_text(text, "; ");
  if (!strstr(message, name)) moon_buffer_addf(text, "%s: ", name);
  moon_buffer_add_text(text, message);
}

/* A copy of `like`, with another message, about all endpoints. Takes over the text. */
static moon_error *error_of_all(const moon_error *like, moon_buffer *text) {
  moon_error *err = moon_error_copy(like);
  free(err->message);
  err->message = moon_buffer_take(text);
  moon_error_set(&err->endpoint, NULL);
  return err;
}

moon_error *moon_endpoints_error(const moon_endpoints *endpoints) {
  moon_endpoints *set = endpoints_lock(endpoints);
  const moon_error *last = NULL;
  moon_buffer text = {0};
  for (size_t i = 0; i < set->count; i++) {
    const moon_health *health = &set->items[i]->health;
    if (health->last_error) last = health->last_error;
    add_message(&text, set->items[i],
                health->last_error ? health->last_error->message : moon_health_state_name(health->state));
  }
  moon_error *err = last && set->count > 1 ? error_of_all(last, &text) : moon_error_copy(last);
  endpoints_unlock(set);
  moon_buffer_free(&text);
  return err;
}

bool moon_endpoints_unauthorized(const moon_endpoints *endpoints) {
  moon_endpoints *set = endpoints_lock(endpoints);
  bool any = false;
  for (size_t i = 0; i < set->count; i++) any = any || set->items[i]->health.unauthorized;
  endpoints_unlock(set);
  return any;
}

bool moon_endpoints_overloaded(const moon_endpoints *endpoints) {
  moon_endpoints *set = endpoints_lock(endpoints);
  bool any = false;
  for (size_t i = 0; i < set->count; i++) any = any || set->items[i]->health.overloaded;
  endpoints_unlock(set);
  return any;
}

size_t moon_endpoints_count(const moon_endpoints *endpoints) {
  return atomic_load_explicit(&endpoints->count, memory_order_relaxed);
}

size_t moon_endpoints_usable(const moon_endpoints *endpoints) {
  if (moon_endpoints_count(endpoints) < 2) return moon_health_usable(moon_endpoints_state(endpoints));
  moon_endpoints *set = endpoints_lock(endpoints);
  size_t usable = 0;
  for (size_t i = 0; i < set->count; i++) usable += moon_health_usable(set->items[i]->health.state);
  endpoints_unlock(set);
  return usable;
}

/* --- connections --- */

static enum rank rank_of(const moon_endpoint *endpoint, int64_t now_ms) {
  if (!moon_health_usable(endpoint->health.state)) return DOWN;
  if (now_ms < endpoint->retry_at_ms) return BACKING_OFF;
  /* Where nobody probes, only a connection that works can bring it back. */
  bool probed = endpoint->set->interval_ms > 0;
  return probed && endpoint->health.state == MOON_HEALTH_SUSPECT ? DOUBTFUL : WELCOME;
}

static int64_t retry_in_ms(const moon_endpoint *endpoint) {
  int64_t wait_ms = RETRY_MS;
  for (int i = 1; i < endpoint->connect_failures && wait_ms < MAX_RETRY_MS; i++) wait_ms *= 2;
  return moon_random_jitter(wait_ms < MAX_RETRY_MS ? wait_ms : MAX_RETRY_MS, RETRY_JITTER);
}

static bool is_among(const moon_endpoint *endpoint, moon_endpoint *const *list, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (list[i] == endpoint) return true;
  return false;
}

/* True when a connection is better made to `a`. */
static bool is_better(const moon_endpoint *a, const moon_endpoint *b, moon_conn_kind kind, int64_t now_ms) {
  enum rank rank = rank_of(a, now_ms), other = rank_of(b, now_ms);
  if (rank != other) return rank < other;
  if (rank <= DOUBTFUL && a->connections[kind] != b->connections[kind])
    return a->connections[kind] < b->connections[kind];
  return a->picked < b->picked;
}

moon_endpoint *moon_endpoints_pick(moon_endpoints *endpoints, moon_conn_kind kind, moon_endpoint *const *tried,
                                   size_t tried_count) {
  int64_t now_ms = moon_clock_now_ms();
  moon_endpoint *best = NULL;
  endpoints_lock(endpoints);
  for (size_t i = 0; i < endpoints->count; i++) {
    moon_endpoint *endpoint = endpoints->items[i];
    if (is_among(endpoint, tried, tried_count)) continue;
    if (!best || is_better(endpoint, best, kind, now_ms)) best = endpoint;
  }
  if (best) {
    moon_endpoint_retain(best);
    best->connections[kind]++;
    best->picked = ++endpoints->picks;
    if (best->connect_failures) { /* a single connection tries it */
      best->on_trial = true;
      best->retry_at_ms = now_ms + retry_in_ms(best);
    }
  }
  endpoints_unlock(endpoints);
  return best;
}

/* How a request ended, for the health. Returns whether there is news. */
static bool note_request(moon_endpoint *endpoint, const moon_error *err) {
  moon_health_state before = endpoint->health.state;
  bool due = moon_health_request_ended(&endpoint->health, err);
  if (due) endpoint->urgent = true;
  return due || endpoint->health.state != before;
}

/* Connecting works. */
static void forgive(moon_endpoint *endpoint) {
  endpoint->connect_failures = 0;
  endpoint->retry_at_ms = 0;
  endpoint->on_trial = false;
}

void moon_endpoint_connected(moon_endpoint *endpoint) {
  endpoints_lock(endpoint->set);
  forgive(endpoint);
  endpoints_unlock_and_tell(endpoint->set, note_request(endpoint, NULL));
}

void moon_endpoint_connect_failed(moon_endpoint *endpoint, const moon_error *err) {
  int64_t now_ms = moon_clock_now_ms();
  endpoints_lock(endpoint->set);
  if (endpoint->on_trial || now_ms >= endpoint->retry_at_ms) {
    endpoint->connect_failures++;
    endpoint->on_trial = false;
    endpoint->retry_at_ms = now_ms + retry_in_ms(endpoint);
  }
  endpoints_unlock_and_tell(endpoint->set, note_request(endpoint, err));
}

void moon_endpoint_closed(moon_endpoint *endpoint, moon_conn_kind kind) {
  endpoints_lock(endpoint->set);
  endpoint->connections[kind]--;
  endpoints_unlock(endpoint->set);
}

moon_health_state moon_endpoint_state(const moon_endpoint *endpoint) {
  endpoints_lock(endpoint->set);
  moon_health_state state = endpoint->health.state;
  endpoints_unlock(endpoint->set);
  return state;
}

moon_error *moon_endpoint_unreachable(const moon_endpoint *endpoint) {
  endpoints_lock(endpoint->set);
  const moon_error *last = endpoint->health.last_error;
  bool unreachable = endpoint->health.state == MOON_HEALTH_UNHEALTHY && last && !last->http_status;
  moon_error *err = NULL;
  if (unreachable) err = moon_error_new(MOON_CONNECT, "the server does not answer any more: %s", last->message);
  endpoints_unlock(endpoint->set);
  return err;
}

/* The lock is held. */
static int surplus(const moon_endpoint *endpoint, moon_conn_kind kind, int64_t now_ms) {
  const moon_endpoints *set = endpoint->set;
  int mine = endpoint->connections[kind];
  if (endpoint->retired) return mine;
  enum rank best = DOWN;
  for (size_t i = 0; i < set->count; i++) {
    enum rank rank = rank_of(set->items[i], now_ms);
    if (rank < best) best = rank;
  }
  enum rank own = rank_of(endpoint, now_ms);
  if (best > DOUBTFUL) return 0; /* nowhere to go */
  if (own == DOWN) return mine;
  if (own != best) return 0;
  int fewest = mine, all = 0, sharers = 0;
  for (size_t i = 0; i < set->count; i++) {
    const moon_endpoint *other = set->items[i];
    if (rank_of(other, now_ms) != best) continue;
    if (other->connections[kind] < fewest) fewest = other->connections[kind];
    all += other->connections[kind];
    sharers++;
  }
  int part = (all + sharers - 1) / sharers;
  if (mine > part) return mine - part;
  return mine - fewest >= 2 ? 1 : 0;
}

int moon_endpoint_surplus(const moon_endpoint *endpoint, moon_conn_kind kind) {
  int64_t now_ms = moon_clock_now_ms();
  endpoints_lock(endpoint->set);
  int count = surplus(endpoint, kind, now_ms);
  endpoints_unlock(endpoint->set);
  return count;
}

int64_t moon_endpoints_retry_at_ms(const moon_endpoints *endpoints) {
  int64_t now_ms = moon_clock_now_ms(), first_ms = -1;
  moon_endpoints *set = endpoints_lock(endpoints);
  for (size_t i = 0; i < set->count; i++) {
    int64_t at_ms = set->items[i]->retry_at_ms;
    bool waits = moon_health_usable(set->items[i]->health.state) && at_ms > now_ms;
    if (waits && (first_ms < 0 || at_ms < first_ms)) first_ms = at_ms;
  }
  endpoints_unlock(set);
  return first_ms;
}

moon_error *moon_endpoints_all_failed(moon_endpoint *const *tried, moon_error *const *errors, size_t count) {
  if (count == 1) return errors[0];
  moon_buffer text = {0}, message = {0};
  for (size_t i = 0; i < count; i++) add_message(&text, tried[i], errors[i]->message);
  char *each = moon_buffer_take(&text);
  moon_buffer_addf(&message, "none of %zu API servers can be connected to: %s", count, each);
  free(each);
  moon_error *err = error_of_all(errors[count - 1], &message);
  for (size_t i = 0; i < count; i++) moon_error_free(errors[i]);
  return err;
}

moon_dialer *moon_endpoint_dialer(const moon_endpoint *endpoint) {
  return endpoint->dialer;
}

/* --- requests --- */

void moon_endpoint_request_began(moon_endpoint *endpoint) {
  endpoints_lock(endpoint->set);
  endpoint->in_flight++;
  endpoints_unlock(endpoint->set);
}

void moon_endpoint_request_ended(moon_endpoint *endpoint, const moon_error *err, int64_t first_byte_us) {
  int64_t now_ms = moon_clock_now_ms();
  bool news = false;
  endpoints_lock(endpoint->set);
  endpoint->in_flight--;
  if (err || first_byte_us >= 0) news = note_request(endpoint, err);
  if (!err && first_byte_us > 0) moon_latency_add(&endpoint->latency, first_byte_us, now_ms);
  endpoints_unlock_and_tell(endpoint->set, news);
}

/* --- probes --- */

moon_endpoint **moon_endpoints_list(const moon_endpoints *endpoints, size_t *count) {
  moon_endpoints *set = endpoints_lock(endpoints);
  moon_endpoint **list = moon_alloc((set->count + 1) * sizeof(moon_endpoint *));
  *count = set->count;
  for (size_t i = 0; i < set->count; i++) list[i] = moon_endpoint_retain(set->items[i]);
  endpoints_unlock(set);
  return list;
}

void moon_endpoint_probed(moon_endpoint *endpoint, moon_verdict verdict, moon_error *err) {
  endpoints_lock(endpoint->set);
  if (verdict != MOON_PROBE_FAILED) forgive(endpoint); /* a connection to it has just been made */
  bool news = moon_health_probed(&endpoint->health, verdict, err);
  endpoints_unlock_and_tell(endpoint->set, news);
}

int64_t moon_endpoint_pause_ms(const moon_endpoint *endpoint) {
  endpoints_lock(endpoint->set);
  int64_t pause_ms = moon_health_pause_ms(&endpoint->health);
  endpoints_unlock(endpoint->set);
  return pause_ms;
}

bool moon_endpoint_take_urgent(moon_endpoint *endpoint) {
  endpoints_lock(endpoint->set);
  bool urgent = endpoint->urgent;
  endpoint->urgent = false;
  endpoints_unlock(endpoint->set);
  return urgent;
}

/* --- statistics --- */

moon_endpoint_stats *moon_endpoints_stats(const moon_endpoints *endpoints, size_t *count) {
  moon_endpoints *set = endpoints_lock(endpoints);
  moon_endpoint_stats *stats = moon_zalloc((set->count + 1) * sizeof *stats);
  *count = set->count;
  for (size_t i = 0; i < set->count; i++) {
    const moon_endpoint *endpoint = set->items[i];
    const moon_health *health = &endpoint->health;
    const char *name = moon_dialer_endpoint(endpoint->dialer);
    stats[i] = (moon_endpoint_stats){
        .url = moon_strndup(name, strcspn(name, " ")),
        .address = moon_strdup(endpoint->address),
        .state = health->state,
        .connections = endpoint->connections[MOON_CONNS_POOL],
        .streams = endpoint->connections[MOON_CONNS_LANE],
        .in_flight = endpoint->in_flight,
        .latency_us = (int64_t)endpoint->latency.us,
        .failures = (unsigned)health->failures,
        .last_error = health->last_error ? moon_strdup(health->last_error->message) : NULL,
    };
  }
  endpoints_unlock(set);
  return stats;
}

void moon_endpoint_stats_free(moon_endpoint_stats *stats, size_t count) {
  for (size_t i = 0; i < count; i++) {
    free(stats[i].url);
    free(stats[i].address);
    free(stats[i].last_error);
  }
  free(stats);
}
