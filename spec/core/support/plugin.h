/* plugin.h: shell scripts in a folder of their own, as credential plugins. */
#ifndef SPEC_PLUGIN_H
#define SPEC_PLUGIN_H

#include "kube/target.h"

/* What the specs of one program share: made by the first call, removed with all that is in it when the program ends. */
const char *scratch_folder(void);
char *scratch_path(const char *name); /* the caller's */
void scratch_write(const char *name, const char *text);
void scratch_remove(const char *name);
int scratch_lines(const char *name); /* 0 where there is no such file */

/* Writes the plugin NAME; `body` is shell, in which $n is the number of the run, from 1. */
void plugin_write(const char *name, const char *body);
int plugin_runs(const char *name); /* since it was written */
/* Shell that prints an answer with the token "t-$n" that lasts so many seconds; 0: it says nothing about its end. */
char *plugin_prints_token(int seconds);

/* A target whose credentials that plugin gives. */
moon_target *plugin_target(const char *name);
void plugin_use(moon_target *target, const char *name);

#endif
