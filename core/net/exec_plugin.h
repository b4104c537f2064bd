/* exec_plugin.h: one run of a credential plugin.
 *
 * The program is started without a shell, in a session of its own, with nothing to read on standard input. It has 60 s
 * (MOONPOOL_EXEC_TIMEOUT, in ms) and may print 1 MiB; then it is killed with all that it has started. What it writes to
 * standard error is kept for the error: its last lines, without whatever could be a secret. */
#ifndef MOON_NET_EXEC_PLUGIN_H
#define MOON_NET_EXEC_PLUGIN_H

#include "net/renewal.h"

/* Prepares a run of the target's plugin; keeps a reference of the target. */
moon_renewal *moon_exec_run_new(moon_target *target, moon_renewal_done *done, void *ctx);

#endif
