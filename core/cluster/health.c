/* health.c: see health.h. */
#include "cluster/health.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"

enum {
  FALL = 3,
  ROW = 5, /* failed requests that are a failed check */
  FAST_MS = 1000,
  BACKOFF_MS = 5000,
  MAX_BACKOFF_MS = 60000,
  RAMP_MS = 30000,
  JITTER_PERCENT = 10,
};
static const double ramp_floor = 0.1;

void moon_health_init(moon_health *health, int64_t interval_ms) {
  *health = (moon_health){
      .state = interval_ms ? MOON_HEALTH_UNKNOWN : MOON_HEALTH_HEALTHY,
      .interval_ms = interval_ms,
      .since_ms = moon_clock_now_ms(),
  };
}

void moon_health_free(moon_health *health) {
  moon_error_free(health->last_error);
  health->last_error = NULL;
}

static void set_error(moon_health *health, moon_error *err) {
  moon_error_free(health->last_error);
  health->last_error = err;
}

static bool enter(moon_health *health, moon_health_state state) {
  if (health->state == state) return false;
  int64_t now_ms = moon_clock_now_ms();
  if (state == MOON_HEALTH_HEALTHY && health->state == MOON_HEALTH_PROBING) health->ramp_ms = now_ms;
  if (state == MOON_HEALTH_UNHEALTHY) health->ramp_ms = 0;
  health->state = state;
  health->since_ms = now_ms;
  return true;
}

static bool check_failed(moon_health *health) {
  bool usable = moon_health_usable(health->state);
  health->failures++;
  return enter(health, usable && health->failures < FALL ? MOON_HEALTH_SUSPECT : MOON_HEALTH_UNHEALTHY);
}

static bool check_succeeded(moon_health *health) {
  health->failures = 0;
  set_error(health, NULL);
  return enter(health, health->state == MOON_HEALTH_UNHEALTHY ? MOON_HEALTH_PROBING : MOON_HEALTH_HEALTHY);
}

bool moon_health_probed(moon_health *health, moon_verdict verdict, moon_error *err) {
  health->unauthorized = verdict == MOON_PROBE_UNAUTHORIZED;
  health->overloaded = verdict == MOON_PROBE_OVERLOADED;
  health->deaf_until_ms = 0;
  if (verdict != MOON_PROBE_FAILED) return check_succeeded(health);
  set_error(health, err);
  return check_failed(health);
}

static void request_succeeded(moon_health *health) {
  health->errors = 0;
  if (!health->interval_ms && health->state == MOON_HEALTH_SUSPECT) check_succeeded(health);
}

bool moon_health_request_ended(moon_health *health, const moon_error *err) {
  int64_t now_ms = moon_clock_now_ms();
  if (!err) {
    request_succeeded(health);
    return false;
  }
  if (!moon_health_usable(health->state) || now_ms < health->deaf_until_ms) return false;
  set_error(health, moon_error_copy(err));
  if (++health->errors < ROW) return false;
  health->errors = 0;
  health->deaf_until_ms = now_ms + FAST_MS;
  bool last_straw = !health->interval_ms && health->failures == FALL - 1; /* for a probe to lay */
  if (!last_straw) check_failed(health);
  return true;
}

bool moon_health_usable(moon_health_state state) {
  return state == MOON_HEALTH_UNKNOWN || state == MOON_HEALTH_HEALTHY || state == MOON_HEALTH_SUSPECT;
}

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t period_ms(const moon_health *health) {
  switch (health->state) {
  case MOON_HEALTH_SUSPECT:
  case MOON_HEALTH_PROBING:
    return health->interval_ms ? smaller(health->interval_ms, FAST_MS) : FAST_MS;
  case MOON_HEALTH_UNHEALTHY: /* adding the time it is down doubles it from probe to probe */
    return smaller(BACKOFF_MS + moon_clock_now_ms() - health->since_ms, MAX_BACKOFF_MS);
  default:
    return health->interval_ms ? health->interval_ms : -1;
  }
}

int64_t moon_health_pause_ms(const moon_health *health) {
  return moon_random_jitter(period_ms(health), JITTER_PERCENT);
}

double moon_health_share(const moon_health *health, int64_t now_ms) {
  if (!health->ramp_ms || now_ms >= health->ramp_ms + RAMP_MS) return 1;
  double part = now_ms > health->ramp_ms ? (double)(now_ms - health->ramp_ms) / RAMP_MS : 0;
  return ramp_floor + (1 - ramp_floor) * part;
}

const char *moon_health_state_name(moon_health_state state) {
  static const char *const names[] = {"unknown", "healthy", "suspect", "unhealthy", "probing"};
  return (size_t)state < sizeof names / sizeof *names ? names[state] : names[MOON_HEALTH_UNKNOWN];
}
