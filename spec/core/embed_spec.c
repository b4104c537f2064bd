/* embed_spec.c: a runtime in a C host (moon_runtime_* of core/moonpool.h), as a host uses it: nothing else is included
 * from core/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <lua.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "moonpool.h"
#include "support/net_fixture.h"

#if defined(__SANITIZE_THREAD__)
/* It keeps signals back until the program calls libc, which a bare loop of Lua never does. */
#define ENDLESS "while true do string.rep('x', 100000) end"
#else
#define ENDLESS "while true do end"
#endif

static moon_runtime *start(void) {
  moon_runtime *runtime = NULL;
  moon_error *err = NULL;
  assert_int_equal(moon_runtime_new(NULL, &runtime, &err), MOON_OK);
  assert_null(err);
  assert_non_null(runtime);
  return runtime;
}

/* Runs code that must succeed. */
static void run(moon_runtime *runtime, const char *code) {
  moon_error *err = NULL;
  if (moon_runtime_dostring(runtime, code, "spec", &err))
    fail_msg("%s", err->traceback ? err->traceback : err->message);
}

/* Runs code that must fail so; the caller's. */
static moon_error *run_failing(moon_runtime *runtime, const char *code, moon_status kind) {
  moon_error *err = NULL;
  assert_int_equal(moon_runtime_dostring(runtime, code, "spec", &err), kind);
  assert_non_null(err);
  assert_int_equal(err->kind, kind);
  return err;
}

static void expect_failure_of(moon_runtime *runtime, const char *code, moon_status kind, const char *message) {
  moon_error *err = run_failing(runtime, code, kind);
  assert_string_equal(err->message, message);
  moon_error_free(err);
}

static lua_Integer global_integer(moon_runtime *runtime, const char *name) {
  lua_State *L = moon_runtime_lua(runtime);
  lua_getglobal(L, name);
  lua_Integer value = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : -1;
  lua_pop(L, 1);
  return value;
}

static void write_file(char path[], const char *text) {
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, strlen(text)), strlen(text));
  close(fd);
}

/* --- running scripts --- */

static void has_the_libraries_and_moonpool(void **state) {
  moon_runtime *runtime = start();
  run(runtime, "local moonpool = require 'moonpool' version = moonpool.version\n"
               "assert(moonpool.yaml.decode('a: [1]').a[1] == 1 and string.format('%d', 1) == '1')");
  lua_State *L = moon_runtime_lua(runtime);
  lua_getglobal(L, "version");
  assert_string_equal(lua_tostring(L, -1), moon_version());
  lua_pop(L, 1);
  assert_int_equal(lua_gettop(L), 0);
  moon_runtime_free(runtime);
  moon_runtime_free(NULL);
}

static void runs_a_file_with_arguments(void **state) {
  moon_runtime *runtime = start();
  char path[] = "/tmp/moonpool-embed-XXXXXX";
  write_file(path, "#!/usr/bin/env moonpool\nlocal a, b = ...\nwords = a .. b .. #arg .. arg[0] .. arg[1]\n");
  moon_error *err = NULL;
  assert_int_equal(moon_runtime_dofile(runtime, path, 2, (const char *const[]){"x", "y"}, &err), MOON_OK);
  lua_State *L = moon_runtime_lua(runtime);
  lua_getglobal(L, "words");
  char expected[64];
  snprintf(expected, sizeof expected, "xy2%sx", path);
  assert_string_equal(lua_tostring(L, -1), expected);
  lua_pop(L, 1);
  unlink(path);

  assert_int_equal(moon_runtime_dofile(runtime, "/nowhere/script.lua", 0, NULL, &err), MOON_SCRIPT);
  assert_string_equal(err->message, "cannot open /nowhere/script.lua: No such file or directory");
  moon_error_free(err);
  moon_runtime_free(runtime);
}

static void calls_a_function_as_a_task(void **state) {
  moon_runtime *runtime = start();
  run(runtime, "function add(a, b) require('moonpool').sleep(1) return a + b, 'more' end");
  lua_State *L = moon_runtime_lua(runtime);
  lua_getglobal(L, "add");
  lua_pushinteger(L, 2);
  lua_pushinteger(L, 3);
  assert_int_equal(moon_runtime_call(runtime, 2, -1, NULL), MOON_OK);
  assert_int_equal(lua_gettop(L), 2);
  assert_int_equal(lua_tointeger(L, 1), 5);
  assert_string_equal(lua_tostring(L, 2), "more");
  lua_settop(L, 0);
  lua_getglobal(L, "add");
  assert_int_equal(moon_runtime_call(runtime, 0, 1, NULL), MOON_SCRIPT);
  assert_int_equal(lua_gettop(L), 0);
  moon_runtime_free(runtime);
}

static void tells_the_place_of_an_error(void **state) {
  moon_runtime *runtime = start();
  moon_error *err = run_failing(runtime, "local function deep()\n  error('it broke')\nend\ndeep()", MOON_SCRIPT);
  assert_string_equal(err->message, "spec:2: it broke");
  assert_non_null(strstr(err->traceback, "spec:2: in local 'deep'"));
  assert_non_null(strstr(err->traceback, "spec:4: in "));
  moon_error_free(err);
  expect_failure_of(runtime, "local x = = 1", MOON_SCRIPT, "spec:1: unexpected symbol near '='");
  expect_failure_of(runtime, "error()", MOON_SCRIPT, "nil");
  expect_failure_of(runtime, "error(setmetatable({}, { __tostring = function() error 'worse' end }))", MOON_SCRIPT,
                    "an error whose __tostring raises");
  /* Names are optional. */
  assert_int_equal(moon_runtime_dostring(runtime, "error 'x'", NULL, &err), MOON_SCRIPT);
  assert_string_equal(err->message, "[string \"error 'x'\"]:1: x");
  moon_error_free(err);
  run(runtime, "assert(true)"); /* nothing is left of it */
  moon_runtime_free(runtime);
}

static void keeps_kind_and_fields_of_a_calls_error(void **state) {
  moon_runtime *runtime = start();
  moon_error *err = run_failing(runtime,
                                "error(require('moonpool.core').newError { kind = 'notFound', message = 'no pod x', "
                                "reason = 'NotFound', cluster = 'eu', endpoint = 'https://1.2.3.4', status = 404, "
                                "attempts = 2, retryAfter = 1500, details = { name = 'x' }, outcomeUnknown = true })",
                                MOON_NOT_FOUND);
  assert_string_equal(err->message, "no pod x");
  assert_string_equal(err->reason, "NotFound");
  assert_string_equal(err->cluster, "eu");
  assert_string_equal(err->endpoint, "https://1.2.3.4");
  assert_string_equal(err->details, "{\"name\":\"x\"}");
  assert_int_equal(err->http_status, 404);
  assert_int_equal(err->attempts, 2);
  assert_int_equal(err->retry_after_ms, 1500);
  assert_true(err->outcome_unknown);
  assert_non_null(strstr(err->traceback, "spec:1: in main chunk"));
  moon_error_free(err);
  err = run_failing(runtime, "assert(require('moonpool').KubernetesClient { kubeConfigPath = '/nowhere/kubeconfig' })",
                    MOON_CONFIG);
  assert_non_null(strstr(err->message, "/nowhere/kubeconfig"));
  moon_error_free(err);
  moon_runtime_free(runtime);
}

static void leaves_the_process_to_the_host(void **state) {
  moon_runtime *runtime = start();
  expect_failure_of(runtime, "os.exit(3)", MOON_SCRIPT,
                    "spec:1: os.exit is not for scripts inside a C host, which decides when the process ends: use "
                    "return or error");
  moon_runtime_free(runtime);
}

/* --- clusters --- */

static void scripts_have_the_clusters_that_the_host_selects(void **state) {
  char path[] = "/tmp/moonpool-embed-XXXXXX";
  write_file(path, "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\n"
                   "contexts: [{name: eu-1, context: {cluster: c}}, {name: eu-2, context: {cluster: c}},\n"
                   "           {name: us-1, context: {cluster: c}}]\n"
                   "current-context: us-1\n");
  moon_runtime_options options = {.kubeconfig = path, .contexts = (const char *const[]){"eu-*", NULL}};
  moon_runtime *runtime = NULL;
  moon_error *err = NULL;
  assert_int_equal(moon_runtime_new(&options, &runtime, &err), MOON_OK);
  run(runtime, "assert(table.concat(clusters:clusters(), ' ') == 'eu-1 eu-2')");
  moon_runtime_free(runtime);

  options.contexts = (const char *const[]){"eu-9", NULL};
  assert_int_equal(moon_runtime_new(&options, &runtime, &err), MOON_CONFIG);
  assert_non_null(strstr(err->message, "contexts: no context matches 'eu-9'; did you mean 'eu-1'?"));
  moon_error_free(err);
  unlink(path);
  assert_int_equal(moon_runtime_new(&options, &runtime, &err), MOON_CONFIG);
  assert_non_null(strstr(err->message, path));
  moon_error_free(err);

  runtime = start(); /* without contexts there is none */
  run(runtime, "assert(rawget(_G, 'clusters') == nil)");
  moon_runtime_free(runtime);
}

/* --- functions of the host --- */

static int host_double(lua_State *L) {
  lua_pushinteger(L, 2 * luaL_checkinteger(L, 1));
  return 1;
}

static int host_call_back(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  lua_pushliteral(L, "from the host");
  lua_call(L, 1, 1);
  return 1;
}

static moon_runtime *running;
static moon_status status_inside;

static int host_run_again(lua_State *L) {
  moon_error *err = NULL;
  status_inside = moon_runtime_dostring(running, "return 1", NULL, &err);
  lua_pushstring(L, err ? err->message : "");
  moon_error_free(err);
  return 1;
}

static int host_run_other(lua_State *L) {
  moon_runtime *other = lua_touserdata(L, lua_upvalueindex(1));
  run(other, "count = (count or 0) + 1 require('moonpool').sleep(1)");
  return 0;
}

static void host_functions_are_functions_like_others(void **state) {
  moon_runtime *runtime = start();
  moon_runtime_register(runtime, "double", host_double);
  moon_runtime_register(runtime, "callBack", host_call_back);
  run(runtime, "assert(double(21) == 42)\n"
               "local ok, why = pcall(double, 'x')\n"
               "assert(not ok and why:find(\"bad argument #1 to '?double\", 1, false), why)");
  /* What is called back may wait, and other tasks run meanwhile. */
  run(runtime, "local moonpool = require 'moonpool'\n"
               "local order = {}\n"
               "local task = moonpool.spawn(function() moonpool.sleep(1) order[#order + 1] = 'task' end)\n"
               "local said = callBack(function(text) task:join() order[#order + 1] = 'back' return text end)\n"
               "assert(said == 'from the host' and table.concat(order, ' ') == 'task back')");
  expect_failure_of(runtime, "callBack(function()\n error('in the function called back') end)", MOON_SCRIPT,
                    "spec:2: in the function called back");
  moon_runtime_free(runtime);
}

static void a_host_function_cannot_run_its_own_runtime(void **state) {
  running = start();
  moon_runtime_register(running, "runAgain", host_run_again);
  run(running, "message = runAgain()");
  assert_int_equal(status_inside, MOON_INVALID);
  run(running, "assert(message:find('runs already', 1, true), message)");
  moon_runtime_free(running);
}

static void a_host_function_can_run_another_runtime(void **state) {
  moon_runtime *outer = start(), *inner = start();
  lua_State *L = moon_runtime_lua(outer);
  lua_pushlightuserdata(L, inner);
  lua_pushcclosure(L, host_run_other, 1);
  lua_setglobal(L, "runOther");
  run(outer, "for _ = 1, 3 do runOther() end");
  assert_int_equal(global_integer(inner, "count"), 3);
  moon_runtime_free(inner);
  moon_runtime_free(outer);
}

/* --- tasks between runs --- */

static void tasks_outlive_the_call_that_started_them(void **state) {
  moon_runtime *runtime = start();
  run(runtime, "local moonpool = require 'moonpool' count = 0\n"
               "for i = 1, 3 do moonpool.spawn(function() moonpool.sleep(i) count = count + 1 end) end");
  assert_int_equal(global_integer(runtime, "count"), 0);
  assert_int_equal(moon_runtime_run(runtime, NULL), MOON_OK);
  assert_int_equal(global_integer(runtime, "count"), 3);
  assert_int_equal(moon_runtime_run(runtime, NULL), MOON_OK); /* nothing left */
  moon_runtime_free(runtime);
}

static void tells_once_of_tasks_that_failed(void **state) {
  moon_runtime *runtime = start();
  moon_error *err = NULL;
  run(runtime, "local moonpool = require 'moonpool' moonpool.log.setLevel('off')\n"
               "for i = 1, 2 do moonpool.spawn(function() error 'lost' end) end");
  assert_int_equal(moon_runtime_run(runtime, &err), MOON_SCRIPT);
  assert_string_equal(err->message, "2 tasks raised, and nobody joined them: the log has the errors");
  moon_error_free(err);
  assert_int_equal(moon_runtime_run(runtime, NULL), MOON_OK);
  run(runtime, "require('moonpool').log.setLevel('warn')");
  moon_runtime_free(runtime);
}

static void polls_what_is_ready_and_no_longer(void **state) {
  moon_runtime *runtime = start();
  run(runtime, "local moonpool = require 'moonpool' count = 0\n"
               "moonpool.spawn(function() count = 1 moonpool.sleep(1e9) count = 2 end)");
  assert_int_equal(moon_runtime_poll(runtime, 0, NULL), MOON_OK);
  assert_int_equal(global_integer(runtime, "count"), 1);
  assert_int_equal(moon_runtime_poll(runtime, 5, NULL), MOON_OK);
  assert_int_equal(global_integer(runtime, "count"), 1);
  moon_runtime_free(runtime);
}

/* Drives the runtime as a loop of the host's would, until the global is true; returns how many polls that took. */
static int drive_by_descriptor(moon_runtime *runtime, const char *name) {
  lua_State *L = moon_runtime_lua(runtime);
  for (int polls = 0; polls < 100000; polls++) {
    lua_getglobal(L, name);
    bool done = lua_toboolean(L, -1);
    lua_pop(L, 1);
    if (done) return polls;
    int fd = -1;
    int64_t timeout_ms = -2;
    moon_runtime_next(runtime, &fd, &timeout_ms);
    struct pollfd descriptor = {.fd = fd, .events = POLLIN};
    int seen = poll(&descriptor, 1, timeout_ms < 0 || timeout_ms > PATIENCE_MS ? PATIENCE_MS : (int)timeout_ms);
    assert_true(seen > 0 || (timeout_ms >= 0 && timeout_ms < PATIENCE_MS));
    assert_int_equal(moon_runtime_poll(runtime, 0, NULL), MOON_OK);
  }
  fail_msg("never");
  return 0;
}

static void a_host_with_a_loop_of_its_own_waits_for_it(void **state) {
  tls_server *server = start_plain_server();
  moon_runtime *runtime = start();
  lua_State *L = moon_runtime_lua(runtime);
  lua_pushinteger(L, tls_server_port(server));
  lua_setglobal(L, "port");
  run(runtime, "local moonpool = require 'moonpool'\n"
               "moonpool.spawn(function()\n"
               "  moonpool.sleep(20) -- a timer\n"
               "  local config = moonpool.KubeConfig()\n"
               "  assert(config:loadFromString('{current-context: c, contexts: [{name: c, context: {cluster: k}}],"
               " clusters: [{name: k, cluster: {server: \"http://127.0.0.1:' .. port .. '\"}}]}'))\n"
               "  local client = assert(moonpool.KubernetesClient { kubeConfig = config })\n"
               "  for _ = 1, 3 do -- threads of moonpool's wake the host\n"
               "    assert(client:request { path = '/bytes?n=30', raw = true } == 'abcdefghijklmnopqrstuvwxyzabcd')\n"
               "  end\n"
               "  client:dispose()\n"
               "  done = true\n"
               "end)");
  assert_in_range(drive_by_descriptor(runtime, "done"), 3, 2000); /* it waits, and does not spin */
  moon_runtime_free(runtime);
  tls_server_stop(server);
}

static void ends_with_tasks_that_run(void **state) {
  moon_runtime *runtime = start();
  moon_runtime_register(runtime, "double", host_double);
  run(runtime,
      "local moonpool = require 'moonpool'\n"
      "for _ = 1, 10 do\n"
      "  moonpool.spawn(function()\n"
      "    local held <close> = setmetatable({}, { __close = function() double(1) moonpool.sleep(1) end })\n"
      "    moonpool.sleep(1e9)\n"
      "  end)\n"
      "end\n"
      "moonpool.every(1000, function() end)\n"
      "server = assert(require('moonpool.core').http.listen { address = '127.0.0.1', handler = function() end })\n"
      "moonpool.poll(0)");
  moon_runtime_free(runtime);
}

/* --- interruptions --- */

typedef struct watchdog {
  pthread_t thread;
  moon_runtime *runtime;
  atomic_bool running; /* set by the script */
} watchdog;

static watchdog *the_watchdog;

static int host_begun(lua_State *L) {
  atomic_store(&the_watchdog->running, true);
  return 0;
}

static void *interrupt_when_running(void *arg) {
  watchdog *self = arg;
  while (!atomic_load(&self->running)) usleep(1000);
  moon_runtime_interrupt(self->runtime);
  return NULL;
}

static watchdog *watch(moon_runtime *runtime) {
  watchdog *self = calloc(1, sizeof *self);
  self->runtime = runtime;
  the_watchdog = self;
  moon_runtime_register(runtime, "begun", host_begun);
  assert_int_equal(pthread_create(&self->thread, NULL, interrupt_when_running, self), 0);
  return self;
}

static void watch_end(watchdog *self) {
  pthread_join(self->thread, NULL);
  free(self);
}

static void interruption_of(const char *code, const char *message) {
  moon_runtime *runtime = start();
  watchdog *dog = watch(runtime);
  expect_failure_of(runtime, code, MOON_CANCELLED, message);
  watch_end(dog);
  run(runtime, "local x = 0 for i = 1, 1000 do x = x + i end require('moonpool').sleep(1)"); /* works on */
  moon_runtime_free(runtime);
}

static void another_thread_stops_an_endless_loop(void **state) {
  interruption_of("begun()\n" ENDLESS, "spec:2: interrupted");
  interruption_of("coroutine.wrap(function() begun()\n" ENDLESS " end)()", "spec:2: interrupted");
#if !defined(__SANITIZE_THREAD__) /* takes it more than a minute */
  interruption_of("begun() while true do pcall(function()\n" ENDLESS " end) end", "spec:2: interrupted");
#endif
}

static void another_thread_stops_a_wait(void **state) {
  interruption_of("local sleep = require('moonpool').sleep begun() sleep(1e9)", "interrupted");
  interruption_of("local sleep = require('moonpool').sleep begun() table.sort({1, 2}, function() sleep(1e9) end)",
                  "interrupted");
}

static void an_interruption_tells_where_it_waited(void **state) {
  moon_runtime *runtime = start();
  watchdog *dog = watch(runtime);
  moon_error *err = run_failing(runtime, "local sleep = require('moonpool').sleep begun()\nsleep(1e9)", MOON_CANCELLED);
  assert_non_null(strstr(err->traceback, "spec:2: in main chunk"));
  moon_error_free(err);
  watch_end(dog);
  moon_runtime_free(runtime);
}

static void an_interruption_spares_the_tasks_that_wait(void **state) {
  moon_runtime *runtime = start();
  run(runtime, "local moonpool = require 'moonpool'\n"
               "moonpool.spawn(function() moonpool.sleep(50) survived = 1 end)");
  watchdog *dog = watch(runtime);
  moon_error_free(run_failing(runtime, "begun() " ENDLESS, MOON_CANCELLED));
  watch_end(dog);
  dog = watch(runtime);
  run(runtime, "require('moonpool').spawn(function() begun() " ENDLESS " end)");
  moon_error *err = NULL;
  assert_int_equal(moon_runtime_run(runtime, &err), MOON_CANCELLED);
  assert_string_equal(err->message, "spec:1: interrupted");
  moon_error_free(err);
  watch_end(dog);
  assert_int_equal(moon_runtime_run(runtime, NULL), MOON_OK);
  assert_int_equal(global_integer(runtime, "survived"), 1);
  moon_runtime_free(runtime);
}

static void an_interruption_between_runs_does_nothing(void **state) {
  moon_runtime *runtime = start();
  moon_runtime_interrupt(runtime);
  run(runtime, "for i = 1, 100000 do end require('moonpool').sleep(1)");
  moon_runtime_free(runtime);
}

static void *interrupt_again_and_again(void *arg) {
  watchdog *self = arg;
  for (unsigned round = 0; !atomic_load(&self->running); round++) {
    moon_runtime_interrupt(self->runtime);
    usleep(round % 100);
  }
  return NULL;
}

static void interruptions_meet_runs_in_every_moment(void **state) {
  moon_runtime *runtime = start();
  watchdog dog = {.runtime = runtime};
  assert_int_equal(pthread_create(&dog.thread, NULL, interrupt_again_and_again, &dog), 0);
  for (int i = 0; i < 300; i++) {
    moon_error *err = NULL;
    moon_status status = moon_runtime_dostring(runtime,
                                               "local moonpool = require 'moonpool'\n"
                                               "moonpool.spawn(function() moonpool.sleep(1) end):join()",
                                               NULL, &err);
    if (status != MOON_OK && status != MOON_CANCELLED) fail_msg("%s", err->traceback ? err->traceback : err->message);
    moon_error_free(err);
  }
  atomic_store(&dog.running, true);
  pthread_join(dog.thread, NULL);
  run(runtime, "assert(require('moonpool').version)");
  moon_runtime_free(runtime);
}

static volatile sig_atomic_t host_signals;

static void count_signal(int number) {
  host_signals++;
}

/* Has to run first: the handler is installed with the first runtime. */
static void the_hosts_own_handler_is_called_too(void **state) {
  struct sigaction mine = {.sa_handler = count_signal};
  sigaction(SIGURG, &mine, NULL);
  sigset_t urgent;
  sigemptyset(&urgent);
  sigaddset(&urgent, SIGURG);
  pthread_sigmask(SIG_BLOCK, &urgent, NULL); /* by a host that blocks whatever it does not know */
  moon_runtime *runtime = start();
  watchdog *dog = watch(runtime);
  moon_error_free(run_failing(runtime, "begun() " ENDLESS, MOON_CANCELLED));
  watch_end(dog);
  assert_true(host_signals >= 1);
  sigset_t now;
  pthread_sigmask(SIG_UNBLOCK, &urgent, &now);
  assert_true(sigismember(&now, SIGURG)); /* as the host had it */
  moon_runtime_free(runtime);
}

/* --- the console --- */

static int connect_to(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
  return fd;
}

static void opens_a_console_until_it_ends(void **state) {
  char folder[] = "/tmp/moonpool-embed-XXXXXX", path[64];
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/console", folder);
  moon_runtime *runtime = start(), *other = start();
  moon_error *err = NULL;
  assert_int_equal(moon_runtime_console(runtime, path, &err), MOON_OK);
  struct stat file;
  assert_int_equal(stat(path, &file), 0);
  assert_true(S_ISSOCK(file.st_mode));
  assert_int_equal(file.st_mode & 0777, 0600);
  assert_int_equal(moon_runtime_run(runtime, NULL), MOON_OK); /* it keeps nothing going */

  assert_int_equal(moon_runtime_console(other, path, &err), MOON_CONFIG); /* somebody has it */
  assert_non_null(strstr(err->message, path));
  moon_error_free(err);
  assert_int_equal(moon_runtime_console(other, "/nowhere/console", &err), MOON_CONFIG);
  assert_non_null(strstr(err->message, "/nowhere/console"));
  moon_error_free(err);

  /* Those who hang up at once, talk nonsense, or die while they are answered, do the host no harm: no SIGPIPE either.
   */
  for (int i = 0; i < 3; i++) {
    int fd = connect_to(path);
    const char *words = i == 0 ? "" : i == 1 ? "nonsense\n" : "{}\n{}\n{}\n";
    assert_int_equal(send(fd, words, strlen(words), MSG_NOSIGNAL), strlen(words));
    if (i == 2) moon_runtime_poll(runtime, 20, NULL);
    close(fd);
    assert_int_equal(moon_runtime_poll(runtime, 20, NULL), MOON_OK);
  }
  moon_runtime_free(runtime);
  assert_int_not_equal(stat(path, &file), 0);
  moon_runtime_free(other);
  assert_int_equal(rmdir(folder), 0);
}

/* --- many --- */

typedef struct worker {
  pthread_t thread;
  int number, port;
  moon_error *err;
} worker;

static void *work(void *arg) {
  worker *self = arg;
  for (int round = 0; round < 5 && !self->err; round++) {
    moon_runtime *runtime = NULL;
    if (moon_runtime_new(NULL, &runtime, &self->err)) return NULL;
    lua_State *L = moon_runtime_lua(runtime);
    lua_pushinteger(L, self->port);
    lua_setglobal(L, "port");
    lua_pushinteger(L, self->number);
    lua_setglobal(L, "number");
    moon_runtime_register(runtime, "double", host_double);
    if (!moon_runtime_dostring(
            runtime,
            "local moonpool = require 'moonpool'\n"
            "local config = moonpool.KubeConfig()\n"
            "assert(config:loadFromString('{current-context: c, contexts: [{name: c, context: {cluster: k}}],"
            " clusters: [{name: k, cluster: {server: \"http://127.0.0.1:' .. port .. '\"}}]}'))\n"
            "local client = assert(moonpool.KubernetesClient { kubeConfig = config })\n"
            "local created = 0\n"
            "client:on('connectionCreated', function() created = created + 1 end)\n"
            "local numbers = {}\n"
            "for i = 1, 20 do numbers[i] = i end\n"
            "local answers, errors = moonpool.map(numbers, function(i)\n"
            "  moonpool.sleep(i % 3)\n"
            "  return client:request { path = '/bytes?n=' .. double(i), raw = true }\n"
            "end)\n"
            "assert(not errors, errors and select(2, next(errors)))\n"
            "for i, text in ipairs(answers) do assert(#text == 2 * i) end\n"
            "client:dispose()\n"
            "moonpool.poll(0)\n"
            "assert(created > 0 and number == _G.number)",
            "worker", &self->err))
      moon_runtime_run(runtime, &self->err);
    moon_runtime_free(runtime);
  }
  return NULL;
}

static void many_runtimes_run_in_many_threads(void **state) {
  tls_server *server = start_plain_server();
  worker workers[4] = {0};
  for (int i = 0; i < 4; i++) {
    workers[i].number = i;
    workers[i].port = tls_server_port(server);
    assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
  }
  for (int i = 0; i < 4; i++) pthread_join(workers[i].thread, NULL);
  for (int i = 0; i < 4; i++)
    if (workers[i].err) fail_msg("%d: %s", i, workers[i].err->message);
  tls_server_stop(server);
}

static void *run_on_another_thread(void *arg) {
  moon_error *err = NULL;
  moon_runtime_dostring(arg, "count = count + 1 require('moonpool').sleep(1)", NULL, &err);
  return err;
}

static void a_runtime_may_move_between_threads(void **state) {
  moon_runtime *runtime = start();
  run(runtime, "count = 1");
  for (int i = 0; i < 3; i++) {
    pthread_t thread;
    void *failure = NULL;
    assert_int_equal(pthread_create(&thread, NULL, run_on_another_thread, runtime), 0);
    pthread_join(thread, &failure);
    if (failure) fail_msg("%s", ((moon_error *)failure)->message);
  }
  assert_int_equal(global_integer(runtime, "count"), 4);
  moon_runtime_free(runtime);
}

/* What moonpool keeps behind it lives through all tests, so that ThreadSanitizer does not take a descriptor's number
 * that libuv closed behind its back, and a later thread got, for a race. */
static tls_server *kept_server;
static moon_client *kept;
static char kept_kubeconfig[] = "/tmp/moonpool-embed-XXXXXX";

/* valgrind cannot deliver a signal on a part of the stack that nothing has touched yet, as libuv's list of events. */
static void touch_stack(void) {
  volatile char deep[1 << 18];
  for (size_t i = 0; i < sizeof deep; i += 1024) deep[i] = 0;
}

static int hold_threads(void **state) {
  touch_stack();
  kept_server = start_plain_server();
  char text[256];
  snprintf(text, sizeof text,
           "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:%d'}}]\n"
           "contexts: [{name: c, context: {cluster: c}}]\ncurrent-context: c\n",
           tls_server_port(kept_server));
  write_file(kept_kubeconfig, text);
  moon_client_options options = {.kubeconfig = kept_kubeconfig, .pool = moon_pool_default_options};
  options.pool.min_connections = 0;
  return moon_client_new(&options, &kept, NULL) != MOON_OK;
}

static int let_threads_go(void **state) {
  moon_client_release(kept);
  tls_server_stop(kept_server);
  unlink(kept_kubeconfig);
  return await_threads(state);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_hosts_own_handler_is_called_too),
      cmocka_unit_test(has_the_libraries_and_moonpool),
      cmocka_unit_test(runs_a_file_with_arguments),
      cmocka_unit_test(calls_a_function_as_a_task),
      cmocka_unit_test(tells_the_place_of_an_error),
      cmocka_unit_test(keeps_kind_and_fields_of_a_calls_error),
      cmocka_unit_test(leaves_the_process_to_the_host),
      cmocka_unit_test(scripts_have_the_clusters_that_the_host_selects),
      cmocka_unit_test(host_functions_are_functions_like_others),
      cmocka_unit_test(a_host_function_cannot_run_its_own_runtime),
      cmocka_unit_test(a_host_function_can_run_another_runtime),
      cmocka_unit_test(tasks_outlive_the_call_that_started_them),
      cmocka_unit_test(tells_once_of_tasks_that_failed),
      cmocka_unit_test(polls_what_is_ready_and_no_longer),
      cmocka_unit_test(a_host_with_a_loop_of_its_own_waits_for_it),
      cmocka_unit_test(ends_with_tasks_that_run),
      cmocka_unit_test(another_thread_stops_an_endless_loop),
      cmocka_unit_test(another_thread_stops_a_wait),
      cmocka_unit_test(an_interruption_tells_where_it_waited),
      cmocka_unit_test(an_interruption_spares_the_tasks_that_wait),
      cmocka_unit_test(an_interruption_between_runs_does_nothing),
      cmocka_unit_test(interruptions_meet_runs_in_every_moment),
      cmocka_unit_test(opens_a_console_until_it_ends),
      cmocka_unit_test(many_runtimes_run_in_many_threads),
      cmocka_unit_test(a_runtime_may_move_between_threads),
  };
  return cmocka_run_group_tests(tests, hold_threads, let_threads_go);
}
