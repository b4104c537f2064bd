/* exec_plugin.h: one run of a credential plugin.
 *
 * The program is started without a shell, in a session of its own, with nothing to read on standard input. It has 60 s
 * (MOONPOOL_EXEC_TIMEOUT, in ms) and may print 1 MiB; then it is killed with all that it has started. What it writes to
 * standard error is kept for the error: its last lines, without whatever could be a secret.
 *
 * Runs live on the loop of a thread that they share, and that ends with the last of them. */
#ifndef MOON_NET_EXEC_PLUGIN_H
#define MOON_NET_EXEC_PLUGIN_H

#include "net/exec_credential.h"

typedef struct moon_exec_run moon_exec_run;

/* Exactly once, on the runs' thread, without a lock: an answer, to be taken or cleared, or an error (the callee's). */
typedef void moon_exec_done(void *ctx, moon_exec_answer *answer, moon_error *err);

/* Prepares a run of the target's plugin; keeps a reference of the target. Does nothing else: no thread, no I/O. */
moon_exec_run *moon_exec_run_new(moon_target *target, moon_exec_done *done, void *ctx);
void moon_exec_run_start(moon_exec_run *run); /* once, by whoever made it, who must hold a reference until it returns */
moon_exec_run *moon_exec_run_retain(moon_exec_run *run);
void moon_exec_run_release(moon_exec_run *run); /* does not end it */
/* Kills it; `done` comes all the same. Any thread, after start has returned. */
void moon_exec_run_cancel(moon_exec_run *run);

#endif
