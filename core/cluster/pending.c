/* pending.c: stands in for what the manager needs and the neighbours have not written yet. */
#include <string.h>

#include "base/alloc.h"
#include "cluster/manager.h"
#include "cluster/prober.h"
#include "cluster/strategy.h"

#pragma weak moon_strategy_make
#pragma weak moon_strategy_names
#pragma weak moon_selector_matches
#pragma weak moon_selector_single
#pragma weak moon_probing_start
#pragma weak moon_probing_check
#pragma weak moon_probing_stop
#pragma weak moon_endpoints_share
#pragma weak moon_endpoints_error
#pragma weak moon_endpoints_unauthorized
#pragma weak moon_endpoints_overloaded
#pragma weak moon_endpoints_list
#pragma weak moon_health_usable
#pragma weak moon_cluster_latency_us
#pragma weak moon_cluster_failures

static size_t none(void *ctx, const moon_candidate *candidates, size_t count, const char *key) {
  return count;
}

bool moon_strategy_make(const char *name, moon_strategy *out) {
  *out = (moon_strategy){.name = "round-robin", .select = none};
  return !strcmp(name, "round-robin");
}

const char *const *moon_strategy_names(void) {
  static const char *const names[] = {"round-robin", NULL};
  return names;
}

bool moon_selector_matches(const moon_selector *selector, const char *name, const moon_label *labels,
                           size_t label_count) {
  return true;
}

const char *moon_selector_single(const moon_selector *selector) {
  return NULL;
}

moon_probing *moon_probing_start(moon_endpoints *endpoints, void (*changed)(void *ctx), void *ctx) {
  return NULL;
}

void moon_probing_check(moon_probing *probing, void (*done)(void *ctx), void *ctx) {
  done(ctx);
}

void moon_probing_stop(moon_probing *probing) {}

double moon_endpoints_share(const moon_endpoints *endpoints, int64_t now_ms) {
  return 1;
}

moon_error *moon_endpoints_error(const moon_endpoints *endpoints) {
  return NULL;
}

bool moon_endpoints_unauthorized(const moon_endpoints *endpoints) {
  return false;
}

bool moon_endpoints_overloaded(const moon_endpoints *endpoints) {
  return false;
}

moon_endpoint **moon_endpoints_list(const moon_endpoints *endpoints, size_t *count) {
  *count = 0;
  return moon_alloc(sizeof(moon_endpoint *));
}

bool moon_health_usable(moon_health_state state) {
  return state <= MOON_HEALTH_SUSPECT;
}

double moon_cluster_latency_us(const moon_cluster *cluster) {
  return 0;
}

unsigned moon_cluster_failures(const moon_cluster *cluster) {
  return 0;
}
