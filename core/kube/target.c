/* target.c: the life of a target and of the values it is made of. See target.h.
 *
 * Everything that may hold a secret (keys, tokens, passwords, a plugin's environment, a proxy URL with a password in
 * it) is wiped on its way out. */
#include "kube/target.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

moon_bytes moon_bytes_copy(moon_bytes bytes) {
  if (!bytes.data) return (moon_bytes){0};
  moon_bytes copy = {moon_alloc(bytes.len + 1), bytes.len};
  memcpy(copy.data, bytes.data, bytes.len);
  copy.data[bytes.len] = '\0';
  return copy;
}

void moon_bytes_wipe(moon_bytes *bytes) {
  moon_free_secret(bytes->data, bytes->len);
  *bytes = (moon_bytes){0};
}

char **moon_text_list_copy(char *const *list) {
  if (!list) return NULL;
  size_t count = 0;
  while (list[count]) count++;
  char **copy = moon_zalloc((count + 1) * sizeof *copy);
  for (size_t i = 0; i < count; i++) copy[i] = moon_strdup(list[i]);
  return copy;
}

void moon_text_list_free(char **list) {
  if (!list) return;
  for (char **text = list; *text; text++) moon_free_secret_text(*text);
  free(list);
}

moon_exec_spec *moon_exec_spec_copy(const moon_exec_spec *spec) {
  if (!spec) return NULL;
  moon_exec_spec *copy = moon_zalloc(sizeof *copy);
  copy->api_version = moon_strdup(spec->api_version);
  copy->command = moon_strdup(spec->command);
  copy->install_hint = moon_strdup(spec->install_hint);
  copy->interactive_mode = moon_strdup(spec->interactive_mode);
  copy->args = moon_text_list_copy(spec->args);
  copy->env = moon_text_list_copy(spec->env);
  copy->provide_cluster_info = spec->provide_cluster_info;
  return copy;
}

void moon_exec_spec_free(moon_exec_spec *spec) {
  if (!spec) return;
  free(spec->api_version);
  free(spec->command);
  free(spec->install_hint);
  free(spec->interactive_mode);
  moon_text_list_free(spec->args);
  moon_text_list_free(spec->env);
  free(spec);
}

moon_oidc_spec *moon_oidc_spec_copy(const moon_oidc_spec *spec) {
  if (!spec) return NULL;
  moon_oidc_spec *copy = moon_zalloc(sizeof *copy);
  copy->issuer = moon_strdup(spec->issuer);
  copy->client_id = moon_strdup(spec->client_id);
  copy->client_secret = moon_strdup(spec->client_secret);
  copy->id_token = moon_strdup(spec->id_token);
  copy->refresh_token = moon_strdup(spec->refresh_token);
  copy->ca = moon_bytes_copy(spec->ca);
  return copy;
}

void moon_oidc_spec_free(moon_oidc_spec *spec) {
  if (!spec) return;
  free(spec->issuer);
  free(spec->client_id);
  moon_free_secret_text(spec->client_secret);
  moon_free_secret_text(spec->id_token);
  moon_free_secret_text(spec->refresh_token);
  moon_bytes_wipe(&spec->ca);
  free(spec);
}

moon_impersonate_extra *moon_impersonate_extra_copy(const moon_impersonate_extra *extra, size_t count) {
  if (!count) return NULL;
  moon_impersonate_extra *copy = moon_zalloc(count * sizeof *copy);
  for (size_t i = 0; i < count; i++) {
    copy[i].key = moon_strdup(extra[i].key);
    copy[i].values = moon_text_list_copy(extra[i].values);
  }
  return copy;
}

void moon_impersonate_extra_free(moon_impersonate_extra *extra, size_t count) {
  for (size_t i = 0; i < count; i++) {
    free(extra[i].key);
    moon_text_list_free(extra[i].values);
  }
  free(extra);
}

moon_target *moon_target_new(void) {
  moon_target *target = moon_zalloc(sizeof *target);
  atomic_init(&target->refs, 1);
  return target;
}

moon_target *moon_target_retain(moon_target *target) {
  if (target) atomic_fetch_add_explicit(&target->refs, 1, memory_order_relaxed);
  return target;
}

void moon_target_release(moon_target *target) {
  if (!target || atomic_fetch_sub_explicit(&target->refs, 1, memory_order_acq_rel) != 1) return;
  free(target->context);
  free(target->cluster);
  free(target->user);
  free(target->namespace_);
  free(target->server);
  free(target->tls_server_name);
  moon_free_secret_text(target->proxy_url);
  moon_bytes_wipe(&target->ca);
  free(target->ca_file);
  moon_free_secret_text(target->exec_config);
  moon_bytes_wipe(&target->client_cert);
  moon_bytes_wipe(&target->client_key);
  free(target->client_cert_file);
  free(target->client_key_file);
  moon_free_secret_text(target->token);
  free(target->token_file);
  moon_free_secret_text(target->username);
  moon_free_secret_text(target->password);
  moon_exec_spec_free(target->exec);
  moon_oidc_spec_free(target->oidc);
  free(target->impersonate_user);
  free(target->impersonate_uid);
  moon_text_list_free(target->impersonate_groups);
  moon_impersonate_extra_free(target->impersonate_extra, target->impersonate_extra_count);
  free(target);
}
