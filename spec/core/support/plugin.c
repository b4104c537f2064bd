/* plugin.c: see plugin.h. */
#include "support/plugin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

static char folder[] = "/tmp/moonpool-spec-XXXXXX";

static void remove_folder(void) {
  char *command = moon_sprintf("rm -rf %s", folder);
  if (system(command)) fprintf(stderr, "%s is left behind\n", folder);
  free(command);
}

const char *scratch_folder(void) {
  static bool made;
  if (made) return folder;
  if (!mkdtemp(folder)) abort();
  made = true;
  atexit(remove_folder);
  return folder;
}

char *scratch_path(const char *name) {
  return moon_sprintf("%s/%s", scratch_folder(), name);
}

void scratch_write(const char *name, const char *text) {
  char *path = scratch_path(name), *fresh = moon_sprintf("%s.new", path);
  FILE *file = fopen(fresh, "we");
  if (!file || fputs(text, file) < 0 || fclose(file) || rename(fresh, path)) abort();
  free(fresh);
  free(path);
}

void scratch_remove(const char *name) {
  char *path = scratch_path(name);
  unlink(path);
  free(path);
}

int scratch_lines(const char *name) {
  char *path = scratch_path(name);
  FILE *file = fopen(path, "re");
  free(path);
  int lines = 0;
  for (int c; file && (c = getc(file)) != EOF;) lines += c == '\n';
  if (file) fclose(file);
  return lines;
}

void plugin_write(const char *name, const char *body) {
  char *path = scratch_path(name), *runs = moon_sprintf("%s.runs", name);
  char *text = moon_sprintf("#!/bin/sh\necho run >> %s.runs\nn=$(wc -l < %s.runs)\n%s\n", path, path, body);
  scratch_remove(runs);
  scratch_write(name, text);
  if (chmod(path, 0700)) abort();
  free(text);
  free(runs);
  free(path);
}

int plugin_runs(const char *name) {
  char *runs = moon_sprintf("%s.runs", name);
  int count = scratch_lines(runs);
  free(runs);
  return count;
}

char *plugin_prints_token(int seconds) {
  return moon_sprintf("life=%d; end=; [ $life = 0 ] || end=$(date -u -d \"+$life seconds\" "
                      "+', \"expirationTimestamp\": \"%%Y-%%m-%%dT%%H:%%M:%%SZ\"')\n"
                      "echo '{\"kind\": \"ExecCredential\", \"apiVersion\": \"client.authentication.k8s.io/v1\", "
                      "\"status\": {\"token\": \"t-'$n'\"'$end'}}'",
                      seconds);
}

void plugin_use(moon_target *target, const char *name) {
  moon_exec_spec *exec = moon_zalloc(sizeof *exec);
  exec->api_version = moon_strdup("client.authentication.k8s.io/v1");
  exec->interactive_mode = moon_strdup("Never");
  exec->command = scratch_path(name);
  target->exec = exec;
}

moon_target *plugin_target(const char *name) {
  moon_target *target = moon_target_new();
  target->cluster = moon_strdup("c");
  target->user = moon_strdup("u");
  target->server = moon_strdup("https://c.test");
  plugin_use(target, name);
  return target;
}
