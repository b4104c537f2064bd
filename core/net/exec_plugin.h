/* exec_plugin.h: one run of a credential plugin.
 *
 * The program is started without a shell, in a session of its own, with nothing to read on standard input. It has 60 s
 * (MOONPOOL_EXEC_TIMEOUT, in ms) and may print 1 MiB; then it is killed with all that it has started. What it writes to
 * standard error is kept for the error: its last lines, without whatever could be a secret.
 *
 * Runs live on the loop of a thread of their own, which those who may want further runs keep. */
#ifndef MOON_NET_EXEC_PLUGIN_H
#define MOON_NET_EXEC_PLUGIN_H

#include "net/exec_credential.h"
#include "net/reactor.h"

typedef struct moon_exec_run moon_exec_run;

/* The runs' thread: started by the first who joins, ended by the last who leaves it. */
moon_reactor *moon_exec_join(void);
void moon_exec_leave(moon_reactor *runner);

/* Exactly once, on the runs' thread, without a lock: an answer, to be taken or cleared, or an error (the callee's). */
typedef void moon_exec_done(void *ctx, moon_exec_answer *answer, moon_error *err);

/* Prepares a run of the target's plugin; keeps a reference of the target. Does nothing else: no thread, no I/O. */
moon_exec_run *moon_exec_run_new(moon_target *target, moon_exec_done *done, void *ctx);
/* Once, by whoever made it, who must hold a reference until it returns. */
void moon_exec_run_start(moon_exec_run *run, moon_reactor *runner);
moon_exec_run *moon_exec_run_retain(moon_exec_run *run);
void moon_exec_run_release(moon_exec_run *run); /* does not end it */
/* Kills it; `done` comes all the same. Any thread, after start has returned. */
void moon_exec_run_cancel(moon_exec_run *run);

#endif
