/* kubeconfig_fixture.c: see kubeconfig_fixture.h. */
#include "support/kubeconfig_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"

char folder[] = "/tmp/moonpool-kubeconfig-XXXXXX";

char *in_folder(const char *name) {
  return moon_sprintf("%s/%s", folder, name);
}

void write_file(const char *name, const char *text) {
  char *path = in_folder(name), *slash = path + strlen(folder);
  while ((slash = strchr(slash + 1, '/'))) {
    *slash = '\0';
    mkdir(path, 0700);
    *slash = '/';
  }
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
  free(path);
}

moon_error *load(moon_kubeconfig *config, const char *text) {
  return moon_kubeconfig_load_text(config, text, strlen(text), "f", folder);
}

moon_error *load_file(moon_kubeconfig *config, const char *name) {
  char *path = in_folder(name);
  moon_error *err = moon_kubeconfig_load_file(config, path);
  free(path);
  return err;
}

/* Fails with the message when there is an error. */
void assert_ok(moon_error *err) {
  if (err) fail_msg("unexpected error: %s", err->message);
}

/* Frees the error after it was looked at. */
void assert_error(moon_error *err, moon_status kind, const char *part) {
  if (!err) fail_msg("no error, but \"%s\" was expected", part);
  if (!strstr(err->message, part)) fail_msg("expected \"%s\" in the message \"%s\"", part, err->message);
  assert_int_equal(err->kind, kind);
  assert_null(strchr(err->message, '\n'));
  moon_error_free(err);
}

moon_target *resolve(const char *text) {
  moon_kubeconfig *config = moon_kubeconfig_new();
  moon_target *target = NULL;
  assert_ok(load(config, text));
  assert_ok(moon_kubeconfig_target(config, NULL, &target));
  moon_kubeconfig_free(config);
  return target;
}

/* What reading and resolving a text fails with. */
moon_error *resolve_error(const char *text) {
  moon_kubeconfig *config = moon_kubeconfig_new();
  moon_target *target = NULL;
  moon_error *err = load(config, text);
  if (!err) err = moon_kubeconfig_target(config, NULL, &target);
  if (!err) moon_target_release(target);
  moon_kubeconfig_free(config);
  return err;
}

int make_folder(void **state) {
  return mkdtemp(folder) ? 0 : -1;
}

int remove_folder(void **state) {
  char *command = moon_sprintf("rm -r '%s'", folder);
  int status = system(command);
  free(command);
  return status;
}
