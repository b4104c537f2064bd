/* scheduler.h: what runtime.c, scheduler.c and coroutine.c share: the runtime's inside, tasks, and which coroutine
 * runs.
 *
 * Everything here belongs to the Lua thread, except what is marked. */
#ifndef MOON_BINDING_SCHEDULER_H
#define MOON_BINDING_SCHEDULER_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "binding/runtime.h"

typedef enum moon_task_state {
  MOON_TASK_RUNNING,
  MOON_TASK_DONE,
  MOON_TASK_FAILED,
  MOON_TASK_CANCELLED
} moon_task_state;

/* A task of the script: a coroutine that the scheduler resumes. Lives in its handle, a full userdata, which is anchored
 * in the registry while the task runs. Its coroutine is the handle's user value and keeps the results, or the error. */
typedef struct moon_script_task {
  moon_runtime *runtime;
  lua_State *co;
  moon_task_state state;
  bool active;           /* on the C stack now: cannot be resumed or closed */
  bool cancel_requested; /* was active when somebody cancelled it: ends at its next wait */
  bool joined;           /* somebody has seen, or will see, how it ended */
  bool read_only;        /* a guest: calls that may change something in a cluster are refused */
  bool guest;           /* does not keep the program alive; on whose behalf it runs is the handle's second user value */
  int64_t limit_ns;     /* a guest's: of the processor, between two waits; 0: none */
  int64_t since_ns;     /* when it went on after a wait, on the thread's clock */
  int overruns;         /* how often it was told to end; it is not forgiven */
  int nargs;            /* to pass at the first resume */
  int nresults;         /* DONE: on top of co's stack */
  moon_wait *wait;      /* what it is suspended for */
  lua_State *innermost; /* the coroutine that called the function that waits: where the task "is" */
  moon_list all;        /* runtime->tasks, while RUNNING */
  moon_list node;       /* runtime->ready when it can go on; runtime->unjoined when it failed unseen */
  moon_list joiners;    /* moon_wait.node of those who wait for its end */
  moon_timer report;    /* FAILED and not joined: when to tell */
  char *traceback;      /* FAILED: where */
} moon_script_task;

/* One resumed coroutine, in the C frame of whoever resumed it. The innermost is what runs. */
typedef struct moon_activation {
  struct moon_activation *below;
  lua_State *co;
  moon_script_task *task; /* that it runs for; NULL: none */
  bool is_task;           /* the coroutine of a task itself */
  bool passes;            /* a wait can be passed from here up to the task */
} moon_activation;

struct moon_runtime {
  atomic_int refs;

  pthread_mutex_t lock; /* guards the next three; any thread */
  moon_list queue;
  bool asleep;       /* the loop may be blocked: whoever posts must wake it */
  atomic_int wakers; /* on their way to do so, without the lock */
  bool closed;

  moon_list taken; /* completions taken from the queue, not yet run */
  uv_loop_t loop;
  int wake_fd;
  uv_poll_t woken;
  uv_timer_t timer;
  bool loop_used; /* somebody has handles of their own on the loop */
  moon_timers timers;

  int depth; /* how many runs of the loop are nested */
  int holds;

  moon_list tasks, ready, unjoined;
  size_t task_count, ready_count;
  size_t idle_waiting; /* tasks that wait in run() for the others */
  moon_list idle_waits;
  moon_script_task *current;
  size_t failed_unjoined; /* tasks that failed, and nobody ever joined them */

  struct moon_script_strategy *selecting; /* the strategy that is choosing: nobody may wait */
  moon_activation *top;
  _Atomic(lua_State *) running;   /* top's coroutine; read by the signal handler */
  volatile sig_atomic_t stopping; /* code is to be stopped: hooks are armed */
  int stop_count;                 /* how often the hook raised since */
  char *stopped_at;               /* where it raised first, with a traceback; NULL: nowhere yet */
  int closing;                    /* coroutines being closed: their code is not stopped */

  /* Of a C host's runtime (embed.c). */
  lua_State *host;       /* the main state; NULL: this universe is not a host's */
  bool entered;          /* a thread runs it (guarded by lock, as the next) */
  pthread_t thread;      /* which */
  atomic_bool interrupt; /* wanted of that run; taken back with its end */
  moon_runtime *below;   /* what that thread ran already: a C function called from there runs this one */
  bool unblocked;        /* that thread had the signal blocked */
  size_t failures_told;  /* of failed_unjoined */
};

/* --- runtime.c --- */
/* Runs the loop until `over(ctx)`, or until the runtime is told to stop; false then. Never raises. */
bool moon_runtime_drive(moon_runtime *runtime, lua_State *L, bool (*over)(void *ctx), void *ctx);
/* Looks for I/O once, without sleeping: what it brings runs in the next turn of a run of the loop. */
void moon_runtime_look(moon_runtime *runtime);
/* Somebody else will sleep in our place, on uv_backend_fd of the loop: for so many ms at most (-1: no limit). */
int64_t moon_runtime_prepare_sleep(moon_runtime *runtime);
/* Nothing is taken from other threads any more: what waits, and what comes, runs with L == NULL. */
void moon_runtime_close(moon_runtime *runtime);
/* True when no task is left but those that wait for exactly this, and nothing holds the program. */
bool moon_runtime_is_idle(const moon_runtime *runtime);

/* --- scheduler.c --- */
/* At most this many runs of the loop are nested; the innermost resumes no tasks, because each level uses C stack. */
#define MOON_NESTING_LIMIT 16
void moon_scheduler_run_ready(moon_runtime *runtime, lua_State *L);
/* Ends every suspended task, the newest first; calls `tell` (may be NULL) for each before, the oldest first. */
void moon_scheduler_cancel_all(moon_runtime *runtime, lua_State *L, void (*tell)(lua_State *L, moon_script_task *task));
/* After an interruption, instead: ends the tasks whose code it stopped, and `task` (may be NULL); the others go on. */
void moon_scheduler_end_stopped(moon_runtime *runtime, lua_State *L, const moon_script_task *task);
/* Logs the failures that nobody joined. */
void moon_scheduler_report_unjoined(moon_runtime *runtime);
moon_script_task *moon_script_task_at(lua_State *L, int index);
/* Somebody has seen how it ended: its failure is not reported any more. */
void moon_script_task_join(moon_script_task *task);
/* Runs the loop until the task has ended: true, or until the runtime is told to stop. */
bool moon_script_task_drive(lua_State *L, moon_script_task *task);
/* DONE: moves its results onto L, once; returns how many. Raises when there are too many. */
int moon_script_task_take_results(lua_State *L, moon_script_task *task);
/* Runs the loop until nothing is left to run for: true, and failures that nobody will join have been logged; or until
 * the runtime is told to stop. */
bool moon_scheduler_drive_all(lua_State *L);
/* Its time begins anew: it goes on after a wait. */
void moon_script_task_went_on(moon_script_task *task);
/* Whether the task that runs may not change anything in a cluster. */
bool moon_runtime_is_read_only(const moon_runtime *runtime);
/* Adds spawn, sleep, run, poll, currentTask, now to the table on top. */
int moon_scheduler_open(lua_State *L);

/* --- strategy.c --- */
/* The coroutine will run inside the strategy that is choosing: within its time limit. */
void moon_strategy_watch(lua_State *co);

/* --- coroutine.c --- */
/* What a coroutine yields when it passes a wait up. */
extern const char moon_wait_sentinel;
/* True when a wait in L can suspend the task that runs. */
bool moon_coroutine_can_suspend(const moon_runtime *runtime, lua_State *L);
/* lua_resume and lua_resetthread, with the runtime knowing that `co` runs. */
int moon_coroutine_resume(moon_runtime *runtime, lua_State *co, lua_State *from, int nargs, int *nresults,
                          bool is_task);
int moon_coroutine_close(moon_runtime *runtime, lua_State *co);
/* Replaces functions in the global table `coroutine`. */
int moon_coroutine_open(lua_State *L);

/* Stops whatever Lua code runs, in any coroutine, by raising an error from a hook, again and again until the outermost
 * run of the loop has control. Lua thread only, async-signal-safe. */
void moon_runtime_stop(moon_runtime *runtime);
/* Keeps where code was stopped, if this is the first place. */
void moon_runtime_note_stop(moon_runtime *runtime, lua_State *L, const char *text);
/* The host has control again: Lua may run. */
void moon_runtime_resume_after_stop(moon_runtime *runtime);

#endif
