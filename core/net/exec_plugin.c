/* exec_plugin.c: see exec_plugin.h.
 *
 * A run is touched on the renewals' thread only, but for its references. It is over when the program has ended and all
 * it had to say was read; a grandchild that holds on to the pipes is given a moment more. Whatever goes wrong first is
 * the run's failure; from then on only the end of the program is waited for. */
#include "net/exec_plugin.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "net/exec_credential.h"
#include "net/redact.h"

enum {
  DEFAULT_LIMIT_MS = 60000,
  LINGER_MS = 500, /* for output after the program's end */
  MAX_OUTPUT = 1 << 20,
  FIRST_OUTPUT = 4096,
  COMPLAINT = 4096, /* of standard error, the end of it */
  MAX_SECRETS = 64,
};

typedef struct captured {
  uv_pipe_t pipe;
  char *data;
  size_t len, capacity;
  bool ended;
} captured;

typedef struct exec_run {
  moon_renewal renewal;
  uv_process_t process;
  captured out, complaint;
  moon_timer limit;
  int64_t limit_ms;
  int open; /* handles of libuv's that are not closed yet */
  bool started, exited;
  int64_t exit_status;
  int signal;
  moon_error *failure;
} exec_run;

/* --- the end --- */

/* What must not be shown, whatever the program prints: the values that the kubeconfig gives it. */
static char *complaint_of(const exec_run *run) {
  const char *secrets[MAX_SECRETS + 1];
  size_t count = 0;
  for (char **variable = run->renewal.target->exec->env; variable && *variable && count < MAX_SECRETS; variable++)
    secrets[count++] = strchr(*variable, '=') + 1;
  secrets[count] = NULL;
  return moon_redact_last_lines(run->complaint.data, run->complaint.len, secrets);
}

static moon_error *failure_of(exec_run *run) {
  moon_error *err = run->failure;
  run->failure = NULL;
  const char *command = run->renewal.target->exec->command;
  if (!err && run->signal)
    err = moon_error_new(MOON_CREDENTIAL, "credential plugin \"%s\" was ended by signal %d", command, run->signal);
  if (!err && run->exit_status)
    err = moon_error_new(MOON_CREDENTIAL, "credential plugin \"%s\" failed with exit status %lld", command,
                         (long long)run->exit_status);
  return err;
}

static void conclude(exec_run *run) {
  moon_renewed answer = {.life_ms = -1};
  moon_error *err = failure_of(run);
  if (!err) err = moon_exec_answer_read(run->renewal.target->exec, run->out.data, run->out.len, &answer);
  char *complaint = err ? complaint_of(run) : NULL;
  if (complaint) {
    char *message = moon_sprintf("%s; it says: %s", err->message, complaint);
    free(err->message);
    err->message = message;
    free(complaint);
  }
  moon_renewal_finish(&run->renewal, &answer, err);
}

static void handle_closed(uv_handle_t *handle) {
  exec_run *run = handle->data;
  if (--run->open == 0) conclude(run);
}

static void close_handle(uv_handle_t *handle) {
  if (!uv_is_closing(handle)) uv_close(handle, handle_closed);
}

static void end_output(captured *output) {
  output->ended = true;
  close_handle((uv_handle_t *)&output->pipe);
}

/* All that is to come has come. */
static void finish_if_complete(exec_run *run) {
  if (!run->exited || !run->out.ended || !run->complaint.ended) return;
  moon_reactor_stop_timer(run->renewal.runner, &run->limit);
  close_handle((uv_handle_t *)&run->process);
}

/* The first failure counts. */
static void fail(exec_run *run, moon_error *err) {
  if (run->failure)
    moon_error_free(err);
  else
    run->failure = err;
  if (run->started && !run->exited) kill(-run->process.pid, SIGKILL);
  end_output(&run->out);
  end_output(&run->complaint);
  finish_if_complete(run);
}

/* --- while it runs --- */

static void limit_reached(moon_timer *timer) {
  exec_run *run = MOON_ENTRY(timer, exec_run, limit);
  if (run->exited) { /* somebody it has left behind keeps the pipes open */
    end_output(&run->out);
    end_output(&run->complaint);
    finish_if_complete(run);
    return;
  }
  fail(run, moon_error_new(MOON_CREDENTIAL,
                           "credential plugin \"%s\" did not end within %lld ms and was killed (MOONPOOL_EXEC_TIMEOUT "
                           "sets another limit)",
                           run->renewal.target->exec->command, (long long)run->limit_ms));
}

static void exited(uv_process_t *process, int64_t status, int signal) {
  exec_run *run = process->data;
  run->exited = true;
  run->exit_status = status;
  run->signal = signal;
  moon_reactor_set_timer(run->renewal.runner, &run->limit, moon_clock_now_ms() + LINGER_MS);
  finish_if_complete(run);
}

/* Grows by hand instead of by realloc, which would leave unwiped copies behind. */
static void make_room(captured *output) {
  if (output->len < output->capacity) return;
  size_t capacity = output->capacity ? 2 * output->capacity : FIRST_OUTPUT;
  char *larger = moon_alloc(capacity);
  if (output->len) memcpy(larger, output->data, output->len);
  moon_free_secret(output->data, output->capacity);
  output->data = larger;
  output->capacity = capacity;
}

static void room_for_more(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
  captured *output = MOON_ENTRY(handle, captured, pipe);
  make_room(output);
  *out = uv_buf_init(output->data + output->len, (unsigned)(output->capacity - output->len));
}

static void got_output(uv_stream_t *stream, ssize_t count, const uv_buf_t *unused) {
  exec_run *run = stream->data;
  captured *output = MOON_ENTRY(stream, captured, pipe);
  if (count > 0) output->len += (size_t)count;
  if (output == &run->out && output->len > MAX_OUTPUT) {
    fail(run, moon_error_new(MOON_CREDENTIAL, "credential plugin \"%s\" printed more than %d bytes and was killed",
                             run->renewal.target->exec->command, MAX_OUTPUT));
  } else if (output == &run->complaint && output->len >= 2 * COMPLAINT) {
    memmove(output->data, output->data + output->len - COMPLAINT, COMPLAINT);
    output->len = COMPLAINT;
  }
  if (count >= 0) return;
  end_output(output);
  finish_if_complete(run);
}

/* --- starting --- */

static bool sets(char *const *list, const char *variable) {
  size_t name = strcspn(variable, "=") + 1;
  for (; list && *list; list++)
    if (!strncmp(*list, variable, name)) return true;
  return false;
}

/* Ours, what the kubeconfig adds, and what the plugin is told. */
static char **environment_of(const moon_exec_spec *spec, const char *info) {
  size_t count = 0, inherited = 0, added = 0;
  while (environ[inherited]) inherited++;
  while (spec->env && spec->env[added]) added++;
  char **all = moon_zalloc((inherited + added + 2) * sizeof *all);
  for (char **variable = environ; *variable && inherited--; variable++)
    if (!sets(spec->env, *variable) && strncmp(*variable, "KUBERNETES_EXEC_INFO=", 21))
      all[count++] = moon_strdup(*variable);
  for (size_t i = 0; i < added; i++) all[count++] = moon_strdup(spec->env[i]);
  all[count] = moon_sprintf("KUBERNETES_EXEC_INFO=%s", info);
  return all;
}

static char **arguments_of(const moon_exec_spec *spec) {
  size_t count = 0;
  while (spec->args && spec->args[count]) count++;
  char **all = moon_zalloc((count + 2) * sizeof *all);
  all[0] = spec->command;
  for (size_t i = 0; i < count; i++) all[i + 1] = spec->args[i];
  return all;
}

static moon_error *start_error(const moon_exec_spec *spec, int code) {
  bool missing = code == UV_ENOENT, bare = !strchr(spec->command, '/');
  const char *hint = missing && spec->install_hint ? spec->install_hint : "";
  return moon_error_new(MOON_CREDENTIAL, "credential plugin \"%s\" cannot be started: %s%s%s", spec->command,
                        missing && bare ? "there is no such program in PATH" : uv_strerror(code), *hint ? "; " : "",
                        hint);
}

/* A pipe whose end for us is read by the loop; the other end, for the program, or -1. Not libuv's own kind, which is a
 * pair of sockets: programs cannot open that by the name of /dev/stdout. */
static int open_output(exec_run *run, captured *output) {
  int ends[2] = {-1, -1};
  uv_pipe_init(moon_reactor_loop(run->renewal.runner), &output->pipe, 0);
  output->pipe.data = run;
  run->open++;
  if (uv_pipe(ends, UV_NONBLOCK_PIPE, 0)) return -1;
  uv_pipe_open(&output->pipe, ends[0]);
  uv_read_start((uv_stream_t *)&output->pipe, room_for_more, got_output);
  return ends[1];
}

static int spawn(exec_run *run, int out, int complaint) {
  const moon_exec_spec *spec = run->renewal.target->exec;
  char *info = moon_exec_info(run->renewal.target);
  char **environment = environment_of(spec, info), **arguments = arguments_of(spec);
  uv_stdio_container_t stdio[3] = {
      {.flags = UV_IGNORE},
      {.flags = UV_INHERIT_FD, .data.fd = out},
      {.flags = UV_INHERIT_FD, .data.fd = complaint},
  };
  const uv_process_options_t options = {
      .exit_cb = exited,
      .file = spec->command,
      .args = arguments,
      .env = environment,
      .flags = UV_PROCESS_DETACHED, /* a group of its own, to be killed as one */
      .stdio_count = 3,
      .stdio = stdio,
  };
  run->process.data = run;
  run->open++;
  int code = uv_spawn(moon_reactor_loop(run->renewal.runner), &run->process, &options);
  moon_text_list_free(environment);
  free(arguments);
  moon_free_secret_text(info);
  return code;
}

static int64_t limit_of_runs(void) {
  const char *text = getenv("MOONPOOL_EXEC_TIMEOUT");
  long long limit_ms = text ? strtoll(text, NULL, 10) : 0;
  return limit_ms > 0 ? limit_ms : DEFAULT_LIMIT_MS;
}

static void start_run(moon_renewal *renewal) {
  exec_run *run = MOON_ENTRY(renewal, exec_run, renewal);
  /* The end of a program is a signal, and every other thread may have it blocked (who waits in system(), for one). */
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGCHLD);
  pthread_sigmask(SIG_UNBLOCK, &ends, NULL);

  int out = open_output(run, &run->out), complaint = open_output(run, &run->complaint);
  int code = out < 0 || complaint < 0 ? UV_EMFILE : 0;
  if (code) { /* so that closing it is the same */
    uv_idle_init(moon_reactor_loop(run->renewal.runner), (uv_idle_t *)&run->process);
    run->process.data = run;
    run->open++;
  } else {
    code = spawn(run, out, complaint);
  }
  if (out >= 0) close(out);
  if (complaint >= 0) close(complaint);
  run->started = !code;
  if (code) {
    run->exited = true;
    fail(run, start_error(run->renewal.target->exec, code));
    return;
  }
  run->limit_ms = limit_of_runs();
  moon_reactor_set_timer(run->renewal.runner, &run->limit, moon_clock_now_ms() + run->limit_ms);
}

static void cancel_run(moon_renewal *renewal) {
  exec_run *run = MOON_ENTRY(renewal, exec_run, renewal);
  fail(run, moon_error_new(MOON_CANCELLED, "credential plugin \"%s\": cancelled", run->renewal.target->exec->command));
}

static void free_run(moon_renewal *renewal) {
  exec_run *run = MOON_ENTRY(renewal, exec_run, renewal);
  moon_free_secret(run->out.data, run->out.capacity);
  moon_free_secret(run->complaint.data, run->complaint.capacity);
  moon_error_free(run->failure);
  free(run);
}

moon_renewal *moon_exec_run_new(moon_target *target, moon_renewal_done *done, void *ctx) {
  static const struct moon_renewal_kind kind = {.start = start_run, .cancel = cancel_run, .free = free_run};
  exec_run *run = moon_zalloc(sizeof *run);
  moon_renewal_init(&run->renewal, &kind, target, done, ctx);
  moon_timer_init(&run->limit, limit_reached);
  return &run->renewal;
}
