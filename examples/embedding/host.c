/* host.c: a C program with moonpool's Lua inside: it runs a script that watches clusters, gives it functions of its
 * own, and a prompt for whoever operates the program. Build it where moonpool is installed (make install), and run it:
 *
 *   cc host.c $(pkg-config --cflags --libs moonpool lua5.4) -o host
 *   ./host rules.lua CONTEXTS [SOCKET [SECONDS]]   CONTEXTS: '*', 'prod-*'; until Ctrl-C, or for so many seconds
 *   moonpool attach SOCKET                         > gauges()      > setGauge("by.hand", 1)
 *
 * The program keeps gauges: names with numbers, which it prints every second. What they are is the script's business:
 * rules.lua sets one for each cluster. See core/moonpool.h, moon_runtime_*, for all that there is. */
#include <lauxlib.h>
#include <lua.h>
#include <moonpool.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what the program is about: gauges --- */

enum { MAX_GAUGES = 100, MAX_NAME = 64 };

static struct gauge {
  char name[MAX_NAME];
  double value;
} gauges[MAX_GAUGES];
static int gauge_count;

static void print_gauges(void) {
  for (int i = 0; i < gauge_count; i++)
    printf("%s %g%s", gauges[i].name, gauges[i].value, i + 1 < gauge_count ? "   " : "\n");
  fflush(stdout);
}

/* --- its functions for Lua: each is a lua_CFunction, and runs on the thread that runs the runtime --- */

/* setGauge(name, value) */
static int lua_set_gauge(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  double value = luaL_checknumber(L, 2);
  luaL_argcheck(L, *name && strlen(name) < MAX_NAME, 1, "expected 1 to 63 bytes");
  int i = 0;
  while (i < gauge_count && strcmp(gauges[i].name, name) != 0) i++;
  if (i == MAX_GAUGES) return luaL_error(L, "there are %d gauges already", MAX_GAUGES); /* becomes the script's error */
  if (i == gauge_count) strcpy(gauges[gauge_count++].name, name);
  gauges[i].value = value;
  return 0;
}

/* gauges() -> { name = value } */
static int lua_gauges(lua_State *L) {
  lua_createtable(L, 0, gauge_count);
  for (int i = 0; i < gauge_count; i++) {
    lua_pushnumber(L, gauges[i].value);
    lua_setfield(L, -2, gauges[i].name);
  }
  return 1;
}

/* --- the end: a thread takes the signals, and stops the Lua code that runs, be it an endless loop --- */

static moon_runtime *runtime;
static atomic_bool ending;

static void *take_signals(void *arg) {
  int number;
  sigwait(arg, &number);
  atomic_store(&ending, true);
  moon_runtime_interrupt(runtime);
  return NULL;
}

/* Says what went wrong, if something did: true, except where it was the end. */
static bool failed(moon_status status, moon_error **err) {
  if (status == MOON_OK) return false;
  bool matters = status != MOON_CANCELLED || !atomic_load(&ending);
  if (matters)
    fprintf(stderr, "host: %s: %s\n", moon_strerror(status), (*err)->traceback ? (*err)->traceback : (*err)->message);
  moon_error_free(*err);
  *err = NULL;
  return matters;
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: host SCRIPT CONTEXTS [SOCKET [SECONDS]]\n");
    return 2;
  }
  const char *script = argv[1], *socket = argc > 3 ? argv[3] : NULL;
  long seconds = argc > 4 ? atol(argv[4]) : 0;

  static sigset_t signals; /* blocked before any thread begins: all threads inherit that */
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, NULL);

  /* The script has the clusters of these contexts of the kubeconfig as `clusters`. */
  moon_runtime_options options = {.contexts = (const char *const[]){argv[2], NULL}};
  moon_error *err = NULL;
  if (failed(moon_runtime_new(&options, &runtime, &err), &err)) return 1;
  moon_runtime_register(runtime, "setGauge", lua_set_gauge);
  moon_runtime_register(runtime, "gauges", lua_gauges);

  pthread_t signal_taker;
  pthread_create(&signal_taker, NULL, take_signals, &signals);

  bool bad = failed(moon_runtime_dofile(runtime, script, 0, NULL, &err), &err);
  if (!bad && socket) {
    bad = failed(moon_runtime_console(runtime, socket, &err), &err);
    if (!bad) printf("moonpool attach %s\n", socket);
  }
  /* The tasks that the script began, a second at a time. What they raise is logged; the program goes on. */
  for (long passed = 0; !bad && !atomic_load(&ending) && (!seconds || passed < seconds); passed++) {
    bad = failed(moon_runtime_poll(runtime, 1000, &err), &err);
    print_gauges();
  }

  pthread_kill(signal_taker, SIGTERM); /* where it was not a signal that ended us */
  pthread_join(signal_taker, NULL);
  moon_runtime_free(runtime);
  return bad;
}
